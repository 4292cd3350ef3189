"""Elementary functions that LLVM turns into vector instructions inside any loop.

`exp, expm1, log, log1p, tanh, sigmoid, softplus, normal_cdf, cos_turns, sin_turns` take a float32
or a float64 and return the same type.
They have no branches, tables, calls or conversions between integers and floats: only
multiply-adds, selects, shifts of bit patterns and at most one division. One source serves both
types; where they differ, `pick` and `polynomial` choose while compiling, from pairs
(float32, float64), which `coefficients.py` lists.

The range reductions of exp and log subtract a multiple of ln 2 held as a sum of two numbers (Cody
and Waite, Software Manual for the Elementary Functions, 1980). The first has so many trailing
zeros that its product with an exponent is exact; nothing here therefore depends on the
multiply-add being fused. Rounding to an integer, and reading it back as bits, is done by adding a
number so large that its last place is 1.

`benchmarks/ulp.py` measures the accuracies that are quoted: the largest error over all float32
and over a dense sample of float64, with and without fused multiply-adds.
Uncompiled, NumPy may warn at arguments whose result is infinite or NaN.
"""

import numpy as np

from ._jit import inline
from .coefficients import (
    BIAS,
    CDF,
    CDF_FIRST,
    CDF_MOST,
    CDF_SHIFT,
    COS,
    EXP,
    EXP_LEAST,
    EXP_MOST,
    EXPM1_LEAST,
    EXPONENT_BITS,
    FRACTION_BITS,
    HALF_FRACTION,
    LAST_BITS,
    LEAST_NORMAL,
    LIFT,
    LIFT_EXPONENT,
    LN2_HIGH,
    LN2_LOW,
    LOG,
    LOG2_E,
    ONE_BITS,
    ROOT_HALF_BITS,
    ROOT_TWO_LESS_ONE,
    ROUND,
    ROUND_BIASED,
    ROUND_BITS,
    SIGN_BIT,
    SIN,
    TANH_MOST,
    TWO_PI,
)
from .intrinsics.scalars import bits, cast, fma, from_bits, pick, polynomial


@inline
def _nearest_power(x):
    """(k, t): 2**k is nearest exp(x), and t has k + 2 * bias in its last bits."""
    shift = pick(ROUND_BIASED, x)
    t = fma(x, cast(LOG2_E, x), shift)
    return t - shift, t


@inline
def _reduced(x, k):
    """x - k ln 2."""
    r = fma(-k, pick(LN2_HIGH, x), x)
    return fma(-k, pick(LN2_LOW, x), r)


@inline
def _exp_less_one(r):
    """exp(r) - 1 of a reduced r."""
    return fma(r * r, polynomial(r, EXP), r)


@inline
def _exp_parts(x):
    """(p, t): exp(x) = 2**k * (1 + p), where t has k + 2 * bias in its last bits."""
    k, t = _nearest_power(x)
    return _exp_less_one(_reduced(x, k)), t


@inline
def _scaled(value, t):
    """2**k * value; two factors, so subnormals are rounded once."""
    total = bits(t)
    half = cast(total >> 1, total)
    rest = cast(total - half, total)
    width = pick(FRACTION_BITS, total)
    first = from_bits(cast(half << width, total))
    second = from_bits(cast(rest << width, total))
    return (value * first) * second


@inline
def _exp_in_range(x):
    """exp between `EXP_LEAST` and `EXP_MOST`."""
    p, t = _exp_parts(x)
    return _scaled(cast(1.0, x) + p, t)


@inline
def exp_negated(x):
    """exp(-|x|)."""
    y = -abs(x)
    least = pick(EXP_LEAST, x)
    return _exp_in_range(least if y < least else y)


@inline
def _log_parts(f, e):
    """e * ln 2 + log(1 + f) for an integer e and 1 + f between sqrt(1/2) and sqrt(2)."""
    low = fma(f * f, polynomial(f, LOG), e * pick(LN2_LOW, f))
    return fma(e, pick(LN2_HIGH, f), f + low)


@inline
def _exponent(x):
    """Bits of the power of two 2**e for which x / 2**e is nearest 1, shifted to start at 0."""
    i = bits(x)
    i = cast(i - pick(ROOT_HALF_BITS, i), i)
    return cast(i & pick(EXPONENT_BITS, i), i)


@inline
def _exponent_value(place, like):
    """The number e of the bits that `_exponent` returns."""
    e = cast(place >> pick(FRACTION_BITS, place), place)
    return from_bits(cast(e + pick(ROUND_BITS, place), place)) - pick(ROUND, like)


@inline
def _with_sign(size, sign):
    """`size`, which is not negative or has `sign`'s sign already, with the sign of `sign`."""
    i = bits(sign)
    return from_bits(cast(bits(size) | cast(i & pick(SIGN_BIT, i), i), i))


@inline
def exp(x):
    """e**x, within 1.1 ULP; overflows to infinity and underflows gradually, as rounding does.

    Cody and Waite's reduction to |r| <= ln(2) / 2 and a polynomial of degree 6 (11).
    """
    least = pick(EXP_LEAST, x)
    most = pick(EXP_MOST, x)
    y = least if x < least else x
    return _exp_in_range(most if y > most else y)


@inline
def expm1(x):
    """exp(x) - 1, within 2.4 ULP; x itself for tiny x and zeros, -1 for very negative x.

    2**k p + (2**k - 1) from the parts of `exp`; k = 1024 (128) is 1023 (127) and a doubling.
    """
    least = pick(EXPM1_LEAST, x)
    most = pick(EXP_MOST, x)
    y = least if x < least else x
    p, t = _exp_parts(most if y > most else y)
    i = bits(t)
    place = cast(cast(i - pick(BIAS, i), i) << pick(FRACTION_BITS, i), i)
    last = pick(LAST_BITS, i)
    scale = from_bits(last if place > last else place)
    above = fma(scale, p, scale - cast(1.0, x))
    return _with_sign(above + above if place > last else above, x)


@inline
def log(x):
    """Natural logarithm, within 1.3 ULP; -inf at 0, NaN below, subnormal numbers included.

    x = 2**e * (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), a polynomial of degree 9 (20).
    """
    small = x < pick(LEAST_NORMAL, x)
    y = x * pick(LIFT, x) if small else x
    lifted = pick(LIFT_EXPONENT, x) if small else cast(0.0, x)
    place = _exponent(y)
    m = from_bits(cast(bits(y) - place, place))
    value = _log_parts(m - cast(1.0, x), _exponent_value(place, x) - lifted)
    value = value if x < cast(np.inf, x) else x
    low = cast(-np.inf, x) if x == cast(0.0, x) else cast(np.nan, x)
    return value if x > cast(0.0, x) else low


@inline
def log1p(x):
    """log(1 + x), within 1.9 ULP; -inf at -1, NaN below, x itself for tiny x and zeros.

    As `log` of u = 1 + x, and what u lost by rounding is added to the reduced argument, where
    it needs no division (after Kahan's correction log(u) + (x - (u - 1)) / u).
    """
    one = cast(1.0, x)
    u = one + x
    lost = x - (u - one)
    place = _exponent(u)
    m = from_bits(cast(bits(u) - place, place))
    most = cast(pick(BIAS, place) << pick(FRACTION_BITS, place), place)
    shrink = from_bits(cast(pick(ONE_BITS, place) - (most if place > most else place), place))
    value = _log_parts(fma(lost, shrink, m - one), _exponent_value(place, x))
    value = _with_sign(value, x)
    value = value if x < cast(np.inf, x) else x
    low = cast(-np.inf, x) if x == -one else cast(np.nan, x)
    return value if x > -one else low


@inline
def tanh(x):
    """Hyperbolic tangent, within 2.7 ULP; odd, x itself for tiny x and zeros, 1 from 10 (20) up.

    expm1(2|x|) / (expm1(2|x|) + 2); expm1 from the parts of `exp` without losing small results.
    """
    size = abs(x)
    most = pick(TANH_MOST, x)
    size = most if size > most else size
    p, t = _exp_parts(size + size)
    i = bits(t)
    scale = from_bits(cast(cast(i - pick(BIAS, i), i) << pick(FRACTION_BITS, i), i))
    above = fma(scale, p, scale - cast(1.0, x))
    return _with_sign(above / (above + cast(2.0, x)), x)


@inline
def sigmoid(x):
    """1 / (1 + exp(-x)), within 2.5 ULP, down to the subnormal results of very negative x.

    e = exp(-|x|) never overflows; the result is 1 / (1 + e), or e / (1 + e) for negative x.
    """
    e = exp_negated(x)
    one = cast(1.0, x)
    return (e if x < cast(0.0, x) else one) / (one + e)


@inline
def softplus(x):
    """log(1 + exp(x)), within 2.1 ULP: exp(x) for very negative x, x for large x.

    max(x, 0) + log1p(e) with e = exp(-|x|) <= 1, whose 1 + e needs one halving at most.
    """
    e = exp_negated(x)
    one = cast(1.0, x)
    zero = cast(0.0, x)
    halve = e > cast(ROOT_TWO_LESS_ONE, x)
    f = (e - one) * cast(0.5, x) if halve else e
    return (x if x > zero else zero) + _log_parts(f, one if halve else zero)


@inline
def normal_cdf(x):
    """(1 + erf(x / sqrt(2))) / 2, within 3.8 ULP, subnormal results of very negative x included.

    The first of `normal_parts`.
    """
    return normal_parts(x)[0]


@inline
def normal_parts(x):
    """(c, e): the normal distribution function c, and e = exp(-x**2 / 2).

    For a = |x| the tail cdf(-a) is e / (a + s) times a polynomial in t = (a - s) / (a + s), after
    Shepherd and Laframboise, Mathematics of Computation 36 (1981), 249-253. With q = 1 / (a + s)
    t is 2 a q - 1, which is nearly exact for small a, where the tail depends on it most. The
    square of a is a sum of two numbers of which the first is exact: its error would be e's.
    """
    size = abs(x)
    most = pick(CDF_MOST, x)
    size = most if size > most else size
    i = bits(size)
    upper = from_bits(cast(i & pick(HALF_FRACTION, i), i))
    half = cast(-0.5, x)
    high = half * upper * upper
    low = half * (size - upper) * (size + upper)
    k, power = _nearest_power(high + low)
    p = _exp_less_one(_reduced(high, k) + low)
    one, shift = cast(1.0, x), pick(CDF_SHIFT, x)
    q = one / (size + shift)
    t = fma(size + size, q, -one)
    ratio = q * fma(t, polynomial(t, CDF), pick(CDF_FIRST, x))
    tail = _scaled(fma(ratio, p, ratio), power)
    return (tail if x < cast(0.0, x) else one - tail), _scaled(one + p, power)


@inline
def cos_turns(x):
    """cos(2 pi x) for |x| up to 2**20, within 2.1 ULP; exact at every quarter.

    The first of `turn_parts`.
    """
    return turn_parts(x)[0]


@inline
def sin_turns(x):
    """sin(2 pi x) for |x| up to 2**20, within 2.1 ULP; exact at every quarter.

    The second of `turn_parts`.
    """
    return turn_parts(x)[1]


@inline
def turn_parts(x):
    """(cos(2 pi x), sin(2 pi x)) for |x| up to 2**20.

    x less the nearest quarter of a turn is exact, and at most an eighth; polynomials in its square
    of degree 4 (7) for the cosine, 3 (6) for the sine. An odd quarter swaps the two.
    """
    four = cast(4.0, x)
    t = fma(four, x, pick(ROUND, x))
    r = fma(t - pick(ROUND, x), cast(-0.25, x), x)
    square = r * r
    cosine = fma(square, polynomial(square, COS), cast(1.0, x))
    sine = fma(cast(TWO_PI, x), r, r * square * polynomial(square, SIN))
    i = bits(t)
    odd = (i & 1) != 0
    low, up = -sine if odd else cosine, cosine if odd else sine
    turned = (i & 2) != 0
    return -low if turned else low, -up if turned else up

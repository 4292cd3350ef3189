"""Elementary functions that LLVM turns into vector instructions inside any loop.

`exp, expm1, log, log1p, tanh, sigmoid, softplus, normal_cdf, cos_turns, sin_turns` take a float32
or a float64 and return the same type.
They have no branches, tables, calls or conversions between integers and floats: only
multiply-adds, selects, shifts of bit patterns and at most one division. One source serves both
types; where they differ, `pick` and `polynomial` choose while compiling, from pairs
(float32, float64).

The range reductions of exp and log subtract a multiple of ln 2 held as a sum of two numbers (Cody
and Waite, Software Manual for the Elementary Functions, 1980). The first has so many trailing
zeros that its product with an exponent is exact; nothing here therefore depends on the
multiply-add being fused. Rounding to an integer, and reading it back as bits, is done by adding a
number so large that its last place is 1.

The coefficients are minimax for the relative error, fitted with 40 to 60 digits: of
(exp(r) - 1 - r) / r**2 on |r| <= 0.3467 by Lawson's weights, of (log(1 + f) - f) / f**2 on
[-0.29292, 0.41425] by Remez exchange, and of the normal distribution's tail by both (`_CDF`);
those of `_SIN` and `_COS` by Remez exchange.

`benchmarks/ulp.py` measures the accuracies that are quoted: the largest error over all float32
and over a dense sample of float64, with and without fused multiply-adds.
Uncompiled, NumPy may warn at arguments whose result is infinite or NaN.
"""

import numpy as np

from ._jit import inline
from .intrinsics.scalars import bits, cast, fma, from_bits, pick, polynomial

_LOG2_E = 1.4426950408889634
_LN2_HIGH = (0.693145751953125, 0.6931471805598903)
_LN2_LOW = (1.428606765330187e-06, 5.497923018708371e-14)

_EXP = (
    (
        0.499999982,
        0.166665435,
        0.0416672004,
        0.0083665382,
        0.00138825173,
    ),
    (
        5.000000000000006e-01,
        1.6666666666666588e-01,
        4.1666666666576584e-02,
        8.333333333389665e-03,
        1.3888888931629037e-03,
        1.9841269718861784e-04,
        2.4801505190717556e-05,
        2.7557407587348773e-06,
        2.7626072811932593e-07,
        2.5053788205174778e-08,
    ),
)
_LOG = (
    (
        -0.499999916,
        0.333339506,
        -0.250017563,
        0.199620551,
        -0.165704684,
        0.149181305,
        -0.143079093,
        0.0873486495,
    ),
    (
        -0.4999999999999997,
        0.33333333333328086,
        -0.2500000000001242,
        0.20000000001744508,
        -0.16666666666263857,
        0.1428571408689297,
        -0.12499999829640393,
        0.11111122031092811,
        -0.10000018205931074,
        0.09090582973660155,
        -0.08332551351102645,
        0.07697714861019361,
        -0.07160272850252726,
        0.06621582708293008,
        -0.06041017358897021,
        0.059735468322755884,
        -0.06787405149649069,
        0.06325427924936672,
        -0.028300392316827808,
    ),
)
_CDF_SHIFT = (3.375, 3.9)
_CDF_FIRST = (0.741080284, 0.7533836707807284)
_CDF = (
    (
        -0.552992225,
        0.295375824,
        -0.0983843058,
        0.0087197898,
        0.00782470871,
        -0.00225249561,
        -0.000849621196,
        0.000310355681,
        0.000135198163,
    ),
    (
        -0.6003334036926774,
        0.37384408424317467,
        -0.17261527290252596,
        0.05095205765636528,
        -0.00366360071803109,
        -0.003982108363133596,
        0.0012569958689639278,
        0.00030206865462948984,
        -0.0002008000851765819,
        -3.396236806034062e-05,
        3.158963151938205e-05,
        6.7188342515980245e-06,
        -5.01225573517014e-06,
        -1.7630041154328585e-06,
        7.055018131268655e-07,
        4.603232565682431e-07,
        -5.5553203273869856e-08,
        -9.977668596314167e-08,
        -8.60153353894535e-09,
        1.3620298121844804e-08,
        3.014307501837368e-09,
        -3.92988003070513e-10,
    ),
)
"""(a + s) exp(a**2 / 2) cdf(-a) in powers of (a - s) / (a + s), 0 <= a <= `_CDF_MOST`, the
constant term in `_CDF_FIRST`; s is `_CDF_SHIFT` and cdf the normal distribution function. Remez
exchange, then Lawson's weights as one coefficient after the other is rounded. In float32 they are
tighter near 0, where other errors are largest, and s is such that two terms are nearly exact."""

_TWO_PI = 6.283185307179586
_SIN = (
    (
        -41.341671,
        81.5937653,
        -75.4456024,
    ),
    (
        -41.34170224039967,
        81.60524927596524,
        -76.70585970790556,
        42.058685394053505,
        -15.093822760442558,
        3.7812242025479206,
    ),
)
"""(sin(2 pi r) / r - 2 pi) / r**2 in powers of r**2, |r| <= 1/8."""
_COS = (
    (
        -19.7392082,
        64.9393234,
        -85.4432373,
        59.2292442,
    ),
    (
        -19.739208802178716,
        64.93939402266798,
        -85.45681720652829,
        60.24464132938581,
        -26.426250927320563,
        7.903091591592139,
        -1.6968347625093745,
    ),
)
"""(cos(2 pi r) - 1) / r**2 in powers of r**2, |r| <= 1/8."""

_FRACTION_BITS = (23, 52)
_BIAS = (127, 1023)
_ONE_BITS = (0x3F800000, 0x3FF0000000000000)
_SIGN_BIT = (-(2**31), -(2**63))
_EXPONENT_BITS = (-(2**23), -(2**52))
"""Mask of the sign and the exponent."""

_ROUND = (1.5 * 2.0**23, 1.5 * 2.0**52)
"""Adding this leaves an integer in the last bits of the fraction."""
_ROUND_BITS = (0x4B400000, 0x4338000000000000)
_ROUND_BIASED = (1.5 * 2.0**23 + 254, 1.5 * 2.0**52 + 2046)
"""The same, and those bits then hold the integer plus twice the bias of an exponent."""

_LAST_BITS = (0x7F000000, 0x7FE0000000000000)
"""The largest power of two."""
_ROOT_HALF_BITS = (0x3F3504F3, 0x3FE6A09E667F3BCD)
_ROOT_TWO_LESS_ONE = 0.41421356237309503

_EXP_LEAST = (-104.0, -746.0)
"""exp is 0 from here down."""
_EXP_MOST = (89.0, 710.0)
"""exp is infinite from here up."""
_TANH_MOST = (10.0, 20.0)
"""tanh is 1 from here up."""
_EXPM1_LEAST = (-20.0, -40.0)
"""expm1 is -1 from here down."""
_CDF_MOST = (15.0, 39.0)
"""The normal distribution function is 0 from here down and 1 from here up."""
_HALF_FRACTION = (-(2**12), -(2**27))
"""Mask of a number's sign, exponent and upper half of the fraction: its square is exact."""

_LEAST_NORMAL = (2.0**-126, 2.0**-1022)
_LIFT = (2.0**32, 2.0**64)
"""Brings a subnormal number among the normal ones."""
_LIFT_EXPONENT = (32, 64)


@inline
def _nearest_power(x):
    """(k, t): 2**k is nearest exp(x), and t has k + 2 * bias in its last bits."""
    shift = pick(_ROUND_BIASED, x)
    t = fma(x, cast(_LOG2_E, x), shift)
    return t - shift, t


@inline
def _reduced(x, k):
    """x - k ln 2."""
    r = fma(-k, pick(_LN2_HIGH, x), x)
    return fma(-k, pick(_LN2_LOW, x), r)


@inline
def _exp_less_one(r):
    """exp(r) - 1 of a reduced r."""
    return fma(r * r, polynomial(r, _EXP), r)


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
    width = pick(_FRACTION_BITS, total)
    first = from_bits(cast(half << width, total))
    second = from_bits(cast(rest << width, total))
    return (value * first) * second


@inline
def _exp_in_range(x):
    """exp between `_EXP_LEAST` and `_EXP_MOST`."""
    p, t = _exp_parts(x)
    return _scaled(cast(1.0, x) + p, t)


@inline
def exp_negated(x):
    """exp(-|x|)."""
    y = -abs(x)
    least = pick(_EXP_LEAST, x)
    return _exp_in_range(least if y < least else y)


@inline
def _log_parts(f, e):
    """e * ln 2 + log(1 + f) for an integer e and 1 + f between sqrt(1/2) and sqrt(2)."""
    low = fma(f * f, polynomial(f, _LOG), e * pick(_LN2_LOW, f))
    return fma(e, pick(_LN2_HIGH, f), f + low)


@inline
def _exponent(x):
    """Bits of the power of two 2**e for which x / 2**e is nearest 1, shifted to start at 0."""
    i = bits(x)
    i = cast(i - pick(_ROOT_HALF_BITS, i), i)
    return cast(i & pick(_EXPONENT_BITS, i), i)


@inline
def _exponent_value(place, like):
    """The number e of the bits that `_exponent` returns."""
    e = cast(place >> pick(_FRACTION_BITS, place), place)
    return from_bits(cast(e + pick(_ROUND_BITS, place), place)) - pick(_ROUND, like)


@inline
def _with_sign(size, sign):
    """`size`, which is not negative or has `sign`'s sign already, with the sign of `sign`."""
    i = bits(sign)
    return from_bits(cast(bits(size) | cast(i & pick(_SIGN_BIT, i), i), i))


@inline
def exp(x):
    """e**x, within 1.1 ULP; overflows to infinity and underflows gradually, as rounding does.

    Cody and Waite's reduction to |r| <= ln(2) / 2 and a polynomial of degree 6 (11).
    """
    least = pick(_EXP_LEAST, x)
    most = pick(_EXP_MOST, x)
    y = least if x < least else x
    return _exp_in_range(most if y > most else y)


@inline
def expm1(x):
    """exp(x) - 1, within 2.4 ULP; x itself for tiny x and zeros, -1 for very negative x.

    2**k p + (2**k - 1) from the parts of `exp`; k = 1024 (128) is 1023 (127) and a doubling.
    """
    least = pick(_EXPM1_LEAST, x)
    most = pick(_EXP_MOST, x)
    y = least if x < least else x
    p, t = _exp_parts(most if y > most else y)
    i = bits(t)
    place = cast(cast(i - pick(_BIAS, i), i) << pick(_FRACTION_BITS, i), i)
    last = pick(_LAST_BITS, i)
    scale = from_bits(last if place > last else place)
    above = fma(scale, p, scale - cast(1.0, x))
    return _with_sign(above + above if place > last else above, x)


@inline
def log(x):
    """Natural logarithm, within 1.3 ULP; -inf at 0, NaN below, subnormal numbers included.

    x = 2**e * (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), a polynomial of degree 9 (20).
    """
    small = x < pick(_LEAST_NORMAL, x)
    y = x * pick(_LIFT, x) if small else x
    lifted = pick(_LIFT_EXPONENT, x) if small else cast(0.0, x)
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
    most = cast(pick(_BIAS, place) << pick(_FRACTION_BITS, place), place)
    shrink = from_bits(cast(pick(_ONE_BITS, place) - (most if place > most else place), place))
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
    most = pick(_TANH_MOST, x)
    size = most if size > most else size
    p, t = _exp_parts(size + size)
    i = bits(t)
    scale = from_bits(cast(cast(i - pick(_BIAS, i), i) << pick(_FRACTION_BITS, i), i))
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
    halve = e > cast(_ROOT_TWO_LESS_ONE, x)
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
    most = pick(_CDF_MOST, x)
    size = most if size > most else size
    i = bits(size)
    upper = from_bits(cast(i & pick(_HALF_FRACTION, i), i))
    half = cast(-0.5, x)
    high = half * upper * upper
    low = half * (size - upper) * (size + upper)
    k, power = _nearest_power(high + low)
    p = _exp_less_one(_reduced(high, k) + low)
    one, shift = cast(1.0, x), pick(_CDF_SHIFT, x)
    q = one / (size + shift)
    t = fma(size + size, q, -one)
    ratio = q * fma(t, polynomial(t, _CDF), pick(_CDF_FIRST, x))
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
    t = fma(four, x, pick(_ROUND, x))
    r = fma(t - pick(_ROUND, x), cast(-0.25, x), x)
    square = r * r
    cosine = fma(square, polynomial(square, _COS), cast(1.0, x))
    sine = fma(cast(_TWO_PI, x), r, r * square * polynomial(square, _SIN))
    i = bits(t)
    odd = (i & 1) != 0
    low, up = -sine if odd else cosine, cosine if odd else sine
    turned = (i & 2) != 0
    return -low if turned else low, -up if turned else up

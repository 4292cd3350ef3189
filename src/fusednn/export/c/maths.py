"""Elementary functions in C: those of `kernels.maths`, with the same polynomials, in one type.

They take one number and have neither branches nor tables, so compilers vectorise loops of them.
They need no fused multiply-adds, no libm and no -ffast-math.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fusednn.kernels import coefficients as table
from fusednn.kernels.ops.tabular.periodic import MOST_TURNS

from .text import number


class Maths:
    """The C functions of one type of numbers.

    Parameters
    ----------
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, dtype: np.dtype):
        self.dtype, self.which = dtype, int(dtype == np.float64)

    def number(self, value) -> str:
        """A constant in this type; of a pair (float32, float64), the member of this type."""
        return number(value[self.which] if isinstance(value, tuple) else value, self.dtype)

    def polynomial(self, x: str, tables) -> str:
        """A polynomial in x; Horner's rule runs on even and odd powers in parallel."""
        *rest, lower, upper = (self.number(term) for term in tables[self.which])
        for term in rest[::-1]:
            lower, upper = f"({upper}) * ({x} * {x}) + {term}", lower
        return f"({upper}) * {x} + ({lower})"

    def text(self, names: Iterable[str]) -> str:
        """The named functions, each after the functions that it calls."""
        done: list[str] = []

        def add(name):
            for other in _PIECES[name][1]:
                add(other)
            if name not in done:
                done.append(name)

        for name in sorted(names):
            add(name)
        return "\n".join(_PIECES[name][0](self) for name in done)


def _bits(m: Maths) -> str:
    return """\
/* The bit pattern of a number, and back. */
INLINE BITS NAME_bits(REAL x)
{
    BITS i;
    memcpy(&i, &x, sizeof i);
    return i;
}

INLINE REAL NAME_from_bits(BITS i)
{
    REAL x;
    memcpy(&x, &i, sizeof x);
    return x;
}
"""


def _nearest_power(m: Maths) -> str:
    return f"""\
/* A number whose last bits hold k plus twice the exponent bias; 2^k is nearest to exp(x). */
INLINE REAL NAME_nearest_power(REAL x)
{{
    return x * {m.number(table.LOG2_E)} + {m.number(table.ROUND_BIASED)};
}}
"""


def _exp_less_one(m: Maths) -> str:
    return f"""\
/* exp(x + low) / 2^k - 1 (Cody and Waite, 1980). */
INLINE REAL NAME_exp_less_one(REAL x, REAL low, REAL power)
{{
    const REAL k = power - {m.number(table.ROUND_BIASED)};
    REAL r = x - k * {m.number(table.LN2_HIGH)};
    r = r - k * {m.number(table.LN2_LOW)};
    r = r + low;
    return (r * r) * ({m.polynomial("r", table.EXP)}) + r;
}}
"""


def _scaled(m: Maths) -> str:
    return f"""\
/* 2^k times a value, in two steps, so that tiny results are rounded only once. */
INLINE REAL NAME_scaled(REAL value, REAL power)
{{
    const BITS total = NAME_bits(power), half = total >> 1;
    const REAL first = NAME_from_bits((BITS)(half << {table.FRACTION_BITS[m.which]}));
    const REAL rest = NAME_from_bits((BITS)((total - half) << {table.FRACTION_BITS[m.which]}));
    return (value * first) * rest;
}}
"""


def _exp(m: Maths) -> str:
    return f"""\
INLINE REAL NAME_exp(REAL x)
{{
    const REAL least = {m.number(table.EXP_LEAST)}, most = {m.number(table.EXP_MOST)};
    const REAL low = x < least ? least : x, y = low > most ? most : low;
    const REAL power = NAME_nearest_power(y);
    return NAME_scaled(1 + NAME_exp_less_one(y, 0, power), power);
}}
"""


def _exp_negated(m: Maths) -> str:
    return f"""\
/* exp(-|x|). */
INLINE REAL NAME_exp_negated(REAL x)
{{
    const REAL least = {m.number(table.EXP_LEAST)}, z = x < 0 ? x : -x, y = z < least ? least : z;
    const REAL power = NAME_nearest_power(y);
    return NAME_scaled(1 + NAME_exp_less_one(y, 0, power), power);
}}
"""


def _power(m: Maths) -> str:
    return f"""\
/* 2^k, for k in the range of normal exponents. */
INLINE REAL NAME_power(REAL power)
{{
    const BITS bias = {table.BIAS[m.which]};
    return NAME_from_bits((BITS)((NAME_bits(power) - bias) << {table.FRACTION_BITS[m.which]}));
}}
"""


def _expm1(m: Maths) -> str:
    return f"""\
/* exp(x) - 1 for x up to {table.TANH_MOST[m.which] * 2:g}. */
INLINE REAL NAME_expm1(REAL x)
{{
    const REAL least = {m.number(table.EXPM1_LEAST)}, y = x < least ? least : x;
    const REAL power = NAME_nearest_power(y), scale = NAME_power(power);
    return scale * NAME_exp_less_one(y, 0, power) + (scale - 1);
}}
"""


def _tanh(m: Maths) -> str:
    return f"""\
INLINE REAL NAME_tanh(REAL x)
{{
    const REAL most = {m.number(table.TANH_MOST)}, size = x < 0 ? -x : x;
    const REAL y = size > most ? most : size;
    const REAL above = NAME_expm1(y + y), value = above / (above + 2);
    return x < 0 ? -value : value;
}}
"""


def _sigmoid(m: Maths) -> str:
    return """\
INLINE REAL NAME_logistic(REAL x)
{
    const REAL e = NAME_exp_negated(x);
    return (x < 0 ? e : 1) / (1 + e);
}
"""


def _softplus(m: Maths) -> str:
    return f"""\
/* max(x, 0) + log(1 + e), e = exp(-|x|); 1 + e is halved if it is above sqrt(2). */
INLINE REAL NAME_softplus(REAL x)
{{
    const REAL e = NAME_exp_negated(x), limit = {m.number(table.ROOT_TWO_LESS_ONE)};
    const REAL f = e > limit ? (e - 1) * {m.number(0.5)} : e;
    const REAL low = (f * f) * ({m.polynomial("f", table.LOG)});
    const REAL halved = low + {m.number(table.LN2_LOW)};
    const REAL log1p = e > limit ? (f + halved) + {m.number(table.LN2_HIGH)} : f + low;
    return (x > 0 ? x : 0) + log1p;
}}
"""


def _normal_cdf(m: Maths) -> str:
    return f"""\
/* The normal distribution function (Shepherd and Laframboise, 1981). */
INLINE REAL NAME_normal_cdf(REAL x)
{{
    const REAL most = {m.number(table.CDF_MOST)}, shift = {m.number(table.CDF_SHIFT)};
    const REAL wide = x < 0 ? -x : x, size = wide > most ? most : wide;
    const BITS mask = ~(BITS){-1 - table.HALF_FRACTION[m.which]};
    const REAL upper = NAME_from_bits(NAME_bits(size) & mask);
    const REAL high = {m.number(-0.5)} * upper * upper;
    const REAL low = {m.number(-0.5)} * (size - upper) * (size + upper);
    const REAL power = NAME_nearest_power(high + low);
    const REAL p = NAME_exp_less_one(high, low, power);
    const REAL q = 1 / (size + shift), t = (size + size) * q - 1;
    const REAL sum = t * ({m.polynomial("t", table.CDF)}) + {m.number(table.CDF_FIRST)};
    const REAL ratio = q * sum, tail = NAME_scaled(ratio * p + ratio, power);
    return x < 0 ? tail : 1 - tail;
}}
"""


def _turns(m: Maths) -> str:
    return f"""\
/* The cosine of 2 pi (x - shift), with a shift of 0 or 1/4; from 2^20 turns on x counts as 0. */
INLINE REAL NAME_cos_turns(REAL x, REAL shift)
{{
    const REAL round = {m.number(table.ROUND)}, size = x < 0 ? -x : x;
    const REAL y = size < {m.number(MOST_TURNS)} ? x : 0;
    const REAL quarters = (4 * y + round) - round, r = y - quarters * {m.number(0.25)};
    const REAL square = r * r;
    const REAL cosine = 1 + square * ({m.polynomial("square", table.COS)});
    const REAL rest = r * square * ({m.polynomial("square", table.SIN)});
    const REAL sine = {m.number(table.TWO_PI)} * r + rest;
    const int turned = (int)((int32_t)quarters - (shift > 0)) & 3;
    const REAL part = turned & 1 ? sine : cosine;
    return turned == 1 || turned == 2 ? -part : part;
}}
"""


_EXP_PARTS = "nearest_power", "exp_less_one"
_PIECES = {
    "bits": (_bits, ()),
    "nearest_power": (_nearest_power, ()),
    "exp_less_one": (_exp_less_one, ()),
    "scaled": (_scaled, ("bits",)),
    "power": (_power, ("bits",)),
    "exp": (_exp, (*_EXP_PARTS, "scaled")),
    "exp_negated": (_exp_negated, (*_EXP_PARTS, "scaled")),
    "expm1": (_expm1, (*_EXP_PARTS, "power")),
    "tanh": (_tanh, ("expm1",)),
    "logistic": (_sigmoid, ("exp_negated",)),
    "softplus": (_softplus, ("exp_negated",)),
    "cos_turns": (_turns, ()),
    "normal_cdf": (_normal_cdf, (*_EXP_PARTS, "scaled")),
}
"""Each function's text and the functions it calls: compilers warn of functions never called."""

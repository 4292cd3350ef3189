"""Coefficients and limits of the elementary functions, as pairs (float32, float64).

The coefficients are minimax for the relative error, fitted with 40 to 60 digits: of
(exp(r) - 1 - r) / r**2 on |r| <= 0.3467 by Lawson's weights, of (log(1 + f) - f) / f**2 on
[-0.29292, 0.41425] by Remez exchange, and of the normal distribution's tail by both (`CDF`);
those of `SIN` and `COS` by Remez exchange.
"""

LOG2_E = 1.4426950408889634
LN2_HIGH = (0.693145751953125, 0.6931471805598903)
LN2_LOW = (1.428606765330187e-06, 5.497923018708371e-14)

EXP = (
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
LOG = (
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
CDF_SHIFT = (3.375, 3.9)
CDF_FIRST = (0.741080284, 0.7533836707807284)
CDF = (
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
"""(a + s) exp(a**2 / 2) cdf(-a) in powers of (a - s) / (a + s), 0 <= a <= `CDF_MOST`, the
constant term in `CDF_FIRST`; s is `CDF_SHIFT` and cdf the normal distribution function. Remez
exchange, then Lawson's weights as one coefficient after the other is rounded. In float32 they are
tighter near 0, where other errors are largest, and s is such that two terms are nearly exact."""

TWO_PI = 6.283185307179586
SIN = (
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
COS = (
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

FRACTION_BITS = (23, 52)
BIAS = (127, 1023)
ONE_BITS = (0x3F800000, 0x3FF0000000000000)
SIGN_BIT = (-(2**31), -(2**63))
EXPONENT_BITS = (-(2**23), -(2**52))
"""Mask of the sign and the exponent."""

ROUND = (1.5 * 2.0**23, 1.5 * 2.0**52)
"""Adding this leaves an integer in the last bits of the fraction."""
ROUND_BITS = (0x4B400000, 0x4338000000000000)
ROUND_BIASED = (1.5 * 2.0**23 + 254, 1.5 * 2.0**52 + 2046)
"""The same, and those bits then hold the integer plus twice the bias of an exponent."""

LAST_BITS = (0x7F000000, 0x7FE0000000000000)
"""The largest power of two."""
ROOT_HALF_BITS = (0x3F3504F3, 0x3FE6A09E667F3BCD)
ROOT_TWO_LESS_ONE = 0.41421356237309503

EXP_LEAST = (-104.0, -746.0)
"""exp is 0 from here down."""
EXP_MOST = (89.0, 710.0)
"""exp is infinite from here up."""
TANH_MOST = (10.0, 20.0)
"""tanh is 1 from here up."""
EXPM1_LEAST = (-20.0, -40.0)
"""expm1 is -1 from here down."""
CDF_MOST = (15.0, 39.0)
"""The normal distribution function is 0 from here down and 1 from here up."""
HALF_FRACTION = (-(2**12), -(2**27))
"""Mask of a number's sign, exponent and upper half of the fraction: its square is exact."""

LEAST_NORMAL = (2.0**-126, 2.0**-1022)
LIFT = (2.0**32, 2.0**64)
"""Brings a subnormal number among the normal ones."""
LIFT_EXPONENT = (32, 64)

"""Accuracy, special values and vectorisation of the elementary functions."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from fusednn.kernels import maths
from fusednn.kernels._jit import JIT, entry
from fusednn.kernels.intrinsics.shapes import SHAPE
from scipy import special

ALLOWED = 4.0
"""Units in the last place."""

STRIDE = 251 if JIT and SHAPE.fused else 251 * 251
NEIGHBOURS = 2000
DTYPES = (np.float32, np.float64)
WIDER = {np.float32: np.float64, np.float64: np.longdouble}
EXTENDED = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant

inf, nan = np.inf, np.nan


def wide_normal_cdf(x):
    """SciPy's for float64; wider, a series near 0 and a continued fraction of the tail."""
    if x.dtype == np.float64:
        return special.ndtr(x)
    size = np.minimum(abs(x), 40)
    upper = size.astype(np.float32).astype(x.dtype)  # its square is exact
    e = np.exp(-upper * upper / 2) * np.exp((upper - size) * (upper + size) / 2)
    e = e / np.sqrt(8 * np.arctan(x.dtype.type(1)))
    near, far = np.minimum(size, 2), np.maximum(size, 2)
    term, total, fraction = near, near, far
    for n in range(1, 40):
        term = term * near * near / (2 * n + 1)
        total = total + term
    for n in range(300, 0, -1):
        fraction = far + n / fraction
    tail = np.where(size < 2, x.dtype.type(0.5) - e * total, e / fraction)
    return np.where(x > 0, 1 - tail, tail)


ORACLES = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
    "normal_cdf": wide_normal_cdf,
}


def wide_turns(x):
    """cos(2 pi x) and sin(2 pi x), by what is left of the nearest quarter of a turn."""
    quarters = np.rint(4 * x)
    angle = 8 * np.arctan(x.dtype.type(1)) * (x - quarters / 4)
    c, s, turn = np.cos(angle), np.sin(angle), quarters.astype(np.int64) % 4
    return np.choose(turn, [c, -s, -c, s]), np.choose(turn, [s, c, -s, -c])


TURNS = {"cos_turns": lambda x: wide_turns(x)[0], "sin_turns": lambda x: wide_turns(x)[1]}
"""For |x| up to 2**20."""

LN2 = np.log(2.0)
POINTS = [
    *(k * LN2 / 4 for k in range(12)),  # where the reductions of exp and tanh step
    *(2.0**k * root for k in (-1, 0, 1, 127) for root in (1.0, 2**0.5)),  # those of log
    *(2**0.5 - 1, 1 - 0.5**0.5, np.log(1 + 2**0.5)),  # of log1p and softplus
    *(2.0**-126, 2.0**-1022, 2.0**24, 2.0**53),  # subnormal below; no fraction above
    *(3.75, 3.9, 12.9, 14.15, 15.0, 37.5, 38.45, 39.0),  # of normal_cdf
    *(10.0, 20.0, 87.33654, 88.72284, 103.97208, 104.0),  # ends of ranges in float32
    *(708.396418532, 709.782712893, 745.1332191, 746.0),  # and in float64
]

needs_jit = pytest.mark.skipif(not JIT, reason="the JIT is off")
both_dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
each_function = pytest.mark.parametrize("name", ORACLES)
each_turn = pytest.mark.parametrize("name", TURNS)

_LOOPS = {}


def apply(name, x):
    """The function over an array."""
    if name not in _LOOPS:
        function = getattr(maths, name)

        def loop(x, out):
            for i in range(x.size):
                out[i] = function(x[i])

        _LOOPS[name] = entry(loop)
    out = np.empty_like(x)
    with np.errstate(all="ignore"):
        _LOOPS[name](x, out)
    return out


def worst_ulp(name, x):
    """The largest error of an array's results in units in the last place, and its input."""
    info = np.finfo(x.dtype)
    wide = WIDER[x.dtype.type]
    top = wide(2) ** int(info.maxexp)
    with np.errstate(all="ignore"):
        want = np.clip({**ORACLES, **TURNS}[name](x.astype(wide)), -top, top)
        got = np.clip(apply(name, x).astype(wide), -top, top)
        _, exponent = np.frexp(want)
        exponent = np.clip(exponent - 1, info.minexp, info.maxexp - 1)
        error = abs(np.ldexp(got - want, info.nmant - exponent))
    unequal = np.isnan(got) != np.isnan(want)
    error = np.where(np.isnan(error), np.where(unequal, inf, 0.0), error)
    worst = int(np.argmax(error))
    return float(error[worst]), float(x[worst])


def near(points, dtype, count=NEIGHBOURS):
    """The numbers within `count` units in the last place of each point and of its negative."""
    steps = np.arange(-count, count + 1)
    kind = np.dtype(f"i{np.dtype(dtype).itemsize}")
    with np.errstate(over="ignore"):
        values = np.array([sign * point for point in points for sign in (1, -1)], dtype)
    return (values.view(kind)[:, None] + steps.astype(kind)).ravel().view(dtype)


@each_function
def test_float32_everywhere(name):
    chunk = STRIDE << 18
    for start in range(0, 1 << 32, chunk):
        patterns = np.arange(start, min(start + chunk, 1 << 32), STRIDE).astype(np.uint32)
        error, at = worst_ulp(name, patterns.view(np.float32))
        assert error <= ALLOWED, at


@pytest.mark.thinned
@each_function
@both_dtypes
def test_near_branch_points(name, dtype):
    if dtype is np.float64 and not EXTENDED:
        pytest.skip("long double is no wider than float64")
    error, at = worst_ulp(name, near(POINTS, dtype, NEIGHBOURS if JIT else 1))
    assert error <= ALLOWED, at


@pytest.mark.skipif(not EXTENDED, reason="long double is no wider than float64")
@each_function
def test_float64_samples(name):
    random = np.random.default_rng(0)
    count = 60_000 if JIT else 100
    pieces = (
        random.integers(0, 1 << 64, count, dtype=np.uint64).view(np.float64),
        random.uniform(-750.0, 750.0, count),
        random.uniform(-20.0, 20.0, count),
        random.uniform(-2.0, 2.0, count),
        np.exp2(random.uniform(-60.0, 2.0, count)) * random.choice([-1.0, 1.0], count),
    )
    error, at = worst_ulp(name, np.concatenate(pieces))
    assert error <= ALLOWED, at


@each_turn
def test_turns_float32_everywhere(name):
    """All of [-1, 1]."""
    last = int(np.array(1, np.float32).view(np.uint32))
    x = np.arange(0, last + STRIDE, STRIDE).clip(max=last).astype(np.uint32).view(np.float32)
    for sign in (np.float32(1), np.float32(-1)):
        error, at = worst_ulp(name, sign * x)
        assert error <= ALLOWED, at


@pytest.mark.thinned
@each_turn
@both_dtypes
def test_turns(name, dtype):
    """Samples of some size and near every eighth of a turn; a quarter of a turn is exact."""
    if dtype is np.float64 and not EXTENDED:
        pytest.skip("long double is no wider than float64")
    random, count = np.random.default_rng(0), 60_000 if JIT else 100
    pieces = (
        random.uniform(-1, 1, count),
        random.uniform(-(2.0**20), 2.0**20, count),
        np.exp2(random.uniform(-60.0, 0.0, count)),
        near(np.arange(9) / 8, dtype, NEIGHBOURS if JIT else 1),
    )
    x = np.concatenate(pieces).astype(dtype)
    error, at = worst_ulp(name, x[np.isfinite(x)])
    assert error <= ALLOWED, at
    quarters = (np.arange(-9, 9) / 4).astype(dtype)
    exact = np.array([1, 0, -1, 0] if name == "cos_turns" else [0, 1, 0, -1])
    np.testing.assert_array_equal(apply(name, quarters), exact[np.arange(-9, 9) % 4])
    np.testing.assert_array_equal(apply(name, np.array([nan, inf, -inf], dtype)), nan)


SPECIALS = {
    "exp": [(-inf, 0.0), (inf, inf), (nan, nan), (0.0, 1.0), (-0.0, 1.0), (1e4, inf), (-1e4, 0.0)],
    "log": [(0.0, -inf), (-0.0, -inf), (-1.0, nan), (-inf, nan), (inf, inf), (nan, nan),
            (1.0, 0.0), (-1e-40, nan)],
    "log1p": [(-1.0, -inf), (-1.5, nan), (-inf, nan), (inf, inf), (nan, nan), (0.0, 0.0),
              (-0.0, -0.0), (1e-40, 1e-40), (-1e-40, -1e-40)],
    "tanh": [(inf, 1.0), (-inf, -1.0), (30.0, 1.0), (-30.0, -1.0), (nan, nan), (0.0, 0.0),
             (-0.0, -0.0), (1e-40, 1e-40), (-1e-40, -1e-40)],
    "sigmoid": [(inf, 1.0), (-inf, 0.0), (1e4, 1.0), (-1e4, 0.0), (nan, nan), (0.0, 0.5)],
    "softplus": [(inf, inf), (-inf, 0.0), (1e30, 1e30), (-1e4, 0.0), (nan, nan)],
    "expm1": [(inf, inf), (-inf, -1.0), (1e4, inf), (-1e4, -1.0), (nan, nan), (0.0, 0.0),
              (-0.0, -0.0), (1e-40, 1e-40), (-1e-40, -1e-40)],
    "normal_cdf": [(inf, 1.0), (-inf, 0.0), (1e30, 1.0), (-1e4, 0.0), (nan, nan)],
}  # fmt: skip


@pytest.mark.thinned
@each_function
@both_dtypes
def test_special_values(name, dtype):
    x, want = np.array(SPECIALS[name], dtype).T.copy()
    got = apply(name, x)
    np.testing.assert_array_equal(got, want)
    known = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(want[known]))


@both_dtypes
def test_ends_of_the_range(dtype):
    info = np.finfo(dtype)
    last = dtype(np.log(WIDER[dtype](info.max)))
    last = last if np.exp(WIDER[dtype](last)) <= info.max else np.nextafter(last, dtype(0))
    x = np.array([last, last * dtype(1.00001), np.log(info.tiny) - 10], dtype)
    finite, over, subnormal = apply("exp", x)
    assert np.isfinite(finite)
    assert over == inf
    assert np.isfinite(apply("expm1", x)[0])
    assert apply("expm1", x)[1] == inf
    assert 0 < subnormal < info.tiny
    for name in ("sigmoid", "softplus"):
        assert apply(name, x)[2] == subnormal
    smallest = np.array([info.smallest_subnormal], dtype)
    for name in ("expm1", "log1p", "tanh"):
        assert apply(name, smallest)[0] == smallest[0]


@both_dtypes
def test_tanh_is_odd(dtype):
    x = np.linspace(0, 25, 20_001 if JIT else 101).astype(dtype)
    np.testing.assert_array_equal(apply("tanh", -x), -apply("tanh", x))


@pytest.mark.thinned
@each_function
@both_dtypes
def test_nearly_monotone(name, dtype):
    # Neighbouring results may fall back by the rounding errors of both, never by more.
    x = np.linspace(1e-3, 30, 20_001 if JIT else 101).astype(dtype)
    y = apply(name, x)
    assert np.all(np.diff(y) >= -ALLOWED * np.spacing(abs(y[1:])))


LIBRARY = re.compile(
    r"(llvm\.|numba_)?(exp|expm1|log|log1p|tanh|pow|erfc?|cos|sin)f?(\.v?\d*f\d+)?|fmaf?"
)


@pytest.mark.thinned
@needs_jit
@pytest.mark.parametrize("name", [*ORACLES, *TURNS])
@both_dtypes
def test_loops_are_vectorised(name, dtype):
    apply(name, np.ones(4, dtype))
    for signature, ir in _LOOPS[name].inspect_llvm().items():
        if signature[0].dtype.name != dtype.__name__:
            continue
        kind = {"float32": "float", "float64": "double"}[dtype.__name__]
        fused = re.search(rf"call <\d+ x {kind}> @llvm\.fma\.v\d+f", ir)
        assert bool(fused) == SHAPE.fused
        assert re.search(rf"fmul <\d+ x {kind}>", ir)
        assert not re.search(r"extractelement|insertelement <\d+ x \w+> %", ir)
        called = set(re.findall(r"call [^\n]*?@\"?([\w.]+)", ir))
        assert not [function for function in called if LIBRARY.fullmatch(function)]
        break
    else:
        pytest.fail("no compiled loop of this type")


def run_pytest(changes, *arguments):
    """This file's tests in another process, with changes to the environment."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", ""),
        __file__,
    ]
    done = subprocess.run(
        [*command, *arguments], env={**os.environ, **changes}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


INSIDE = "not in_another_process"


@pytest.mark.long
@pytest.mark.skipif(not (JIT and SHAPE.fused), reason="this process is unfused already")
def test_unfused_in_another_process():
    run_pytest({"FUSEDNN_SHAPE": "plain"}, "-k", INSIDE)


@pytest.mark.long
@needs_jit
def test_twins_in_another_process():
    run_pytest({"NUMBA_DISABLE_JIT": "1"}, "-k", f"{INSIDE} and not everywhere")

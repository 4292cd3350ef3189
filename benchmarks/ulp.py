"""Largest errors of the elementary functions: all float32 inputs, and a sample of float64.

    python -m benchmarks.ulp [--stride N]

Run from the repository's root. A float32 result is compared with NumPy's float64 function, a
float64 result with its long double function if that is wider than float64. Errors are in units in
the last place of the exact result; infinity counts as the power of two above the largest number.
`FUSEDNN_SHAPE=plain` in the environment measures the code without fused multiply-adds.

The result is written to `benchmarks/results/ulp.json`, under the name of the measured shape.
"""

import argparse
import datetime
import json
import platform
import time
from pathlib import Path

import llvmlite
import numba
import numpy as np
from fusednn.kernels import maths
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.shapes import SHAPE
from scipy import special

RESULT = Path(__file__).parent / "results" / "ulp.json"
CHUNK = 1 << 14
SAMPLES = 4_000_000
NEIGHBOURS = 5000


def _expit(x):
    return 1 / (1 + np.exp(-x))


def _softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


def _normal_cdf(x):
    """SciPy's function for float64; for wider types a series near 0, and a continued fraction."""
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


def _turns(x):
    """cos(2 pi x) and sin(2 pi x), from the difference to the nearest quarter of a turn."""
    quarters = np.rint(4 * x)
    angle = 8 * np.arctan(x.dtype.type(1)) * (x - quarters / 4)
    c, s, turn = np.cos(angle), np.sin(angle), quarters.astype(np.int64) % 4
    return np.choose(turn, [c, -s, -c, s]), np.choose(turn, [s, c, -s, -c])


ORACLES = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": _expit,
    "softplus": _softplus,
    "normal_cdf": _normal_cdf,
    "cos_turns": lambda x: _turns(x)[0],
    "sin_turns": lambda x: _turns(x)[1],
}
MOST = {"cos_turns": 2.0**20, "sin_turns": 2.0**20}
"""The largest inputs of functions that do not accept all numbers."""

_HALF_LOG2 = np.log(2.0) / 2
POINTS = sorted(
    {sign * point for sign in (1, -1) for point in (
        [0.0, 1.0, 10.0, 20.0, 2.0**-126, 2.0**-1022, 2.0**24, 2.0**53, np.log(1 + 2**0.5)]
        + [2**0.5 - 1, 1 - 0.5**0.5, 0.5**0.5, 2**0.5, 2.0**127, 2.0**127 * 2**0.5]
        + [12.9, 14.15, 15.0, 37.5, 38.45, 39.0]
        + [k * _HALF_LOG2 / 2 for k in range(1, 12)]
        + [87.33654, 88.72284, 103.97208, 104.0, 708.39641853, 709.782712893, 745.1332191, 746.0]
    )}
)  # fmt: skip
"""Ends of ranges in the functions."""


def compiled_loop(function):
    """A compiled loop that applies `function` to the elements of an array."""

    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    return kernel(loop)


def _power_of_two(x):
    """The largest power of two that is at most |x|; infinity for infinity."""
    if x.dtype == np.float64:
        return (x.view(np.int64) & 0x7FF0000000000000).view(np.float64)
    fraction, exponent = np.frexp(x)
    return np.where(np.isfinite(x), np.ldexp(np.sign(abs(fraction)), exponent - 1), np.inf)


def ulp_errors(got, want):
    """Errors of `got` in units in the last place of `want`, which has a wider type."""
    info = np.finfo(got.dtype)
    wide = want.dtype.type
    top = wide(2) ** int(info.maxexp)
    want = np.clip(want, -top, top)
    unit = np.clip(_power_of_two(want), wide(info.smallest_normal), top / 2) * wide(info.eps)
    error = abs(np.clip(got.astype(wide), -top, top) - want) / unit
    if np.isnan(error.max()):
        unequal = np.isnan(got) != np.isnan(want)
        return np.where(np.isnan(error), np.where(unequal, np.inf, 0.0), error)
    return error


class Worst:
    """The largest error so far, its input, and the number of inputs."""

    def __init__(self, name, loop):
        self.oracle = ORACLES[name]
        self.most = MOST.get(name)
        self.loop = loop
        self.error, self.at, self.inputs = 0.0, None, 0

    def see(self, x, wide):
        if self.most is not None:
            x = x[abs(x) <= self.most]
            if not x.size:
                return
        got = np.empty_like(x)
        self.loop(x, got)
        error = ulp_errors(got, self.oracle(x.astype(wide)))
        index = int(np.argmax(error))
        self.inputs += x.size
        if self.at is None or error[index] > self.error:
            self.error, self.at = float(error[index]), x[index]

    def report(self):
        return {
            "ulp": round(self.error, 3),
            "at": repr(float(self.at)),
            "bits": hex(int(self.at.view(f"u{self.at.itemsize}"))),
            "inputs": self.inputs,
        }


def sweep_float32(name, loop, stride):
    """Tests every `stride`-th bit pattern."""
    worst = Worst(name, loop)
    for start in range(0, 1 << 32, CHUNK * stride):
        stop = min(start + CHUNK * stride, 1 << 32)
        patterns = np.arange(start, stop, stride, dtype=np.int64).astype(np.uint32)
        worst.see(patterns.view(np.float32), np.float64)
    return worst.report()


def sample_float64(random):
    """Random bit patterns, random numbers of several ranges, and neighbours of `POINTS`."""
    part = SAMPLES // 5
    pieces = [
        random.integers(0, 1 << 64, part, dtype=np.uint64).view(np.float64),
        random.uniform(-750.0, 750.0, part),
        random.uniform(-20.0, 20.0, part),
        random.uniform(-2.0, 2.0, part),
        np.exp2(random.uniform(-60.0, 2.0, part)) * random.choice([-1.0, 1.0], part),
    ]
    steps = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    for point in POINTS:
        pieces.append((np.array(point).view(np.int64) + steps).view(np.float64))
    return np.concatenate(pieces)


def sweep_float64(name, loop, sample):
    worst = Worst(name, loop)
    for start in range(0, sample.size, CHUNK):
        worst.see(sample[start : start + CHUNK], np.longdouble)
    return worst.report()


def cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stride", type=int, default=1, help="float32 bit patterns per step")
    stride = parser.parse_args().stride
    extended = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
    sample = sample_float64(np.random.default_rng(0))
    functions = {}
    for name in ORACLES:
        loop = compiled_loop(getattr(maths, name))
        begin = time.perf_counter()
        with np.errstate(all="ignore"):
            report = {"float32": sweep_float32(name, loop, stride)}
            if extended:
                report["float64"] = sweep_float64(name, loop, sample)
        for dtype, found in report.items():
            print(f"{name:9}{dtype:9}{found['ulp']:7.3f} ULP at {found['at']}")
        print(f"{time.perf_counter() - begin:.0f} s", flush=True)
        functions[name] = report
    everything = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    everything[SHAPE.name] = {
        "cpu": cpu_model(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "fused": SHAPE.fused,
        "stride": stride,
        "oracle": {"float32": "numpy float64", "float64": "numpy longdouble"},
        "longdouble_bits": np.finfo(np.longdouble).nmant + 1,
        "functions": functions,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

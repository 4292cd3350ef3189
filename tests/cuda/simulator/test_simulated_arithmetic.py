"""The simulator of GPUs computes with the bits of compiled code."""

import math

import numpy as np
import pytest
from fusednn.kernels import maths
from fusednn.kernels._jit import entry
from fusednn.kernels.cuda.language import thread
from fusednn.kernels.intrinsics.scalars import cast, fma
from oracles.simulated_gpu.running import arithmetic_of
from running.simulated_functions import run


def test_multiply_adds_are_rounded_once():
    """Where float64 would round to a float32's half first: 1 + 2**-23 less what is left over."""

    def add(out):
        out[3] = fma(out[0], out[1], out[2])

    # the product is 1 + 2**-11 + 2**-24 exactly; with 2**-60 more, float64 loses what decides
    a = np.float32(1 + 2.0**-12)
    found = run(add, np.array([a, a, 2.0**-60, 0], np.float32), grid=(1, 1))[3]
    assert found == np.float32(1 + 2.0**-11 + 2.0**-23)
    assert np.float32(float(a) * float(a) + 2.0**-60) == np.float32(1 + 2.0**-11)


def test_arithmetic_has_the_types_of_compiled_code():
    def compute(out):
        out[2] = out[0] * out[1] + out[0]
        out[3] = cast(out[0] * 0.1, out[0])
        out[4] = cast(float(out[0]) * out[1], out[0])
        out[5] = cast(math.sqrt(out[0] - out[1] - out[1]), out[0])

    rows = np.array([1.1, 2.3, 0, 0, 0, 0], np.float32)
    want = rows.copy()

    @entry
    def compiled(out):
        out[2] = out[0] * out[1] + out[0]
        out[3] = out[0] * 0.1
        out[4] = float(out[0]) * out[1]
        out[5] = math.sqrt(out[0] - out[1] - out[1])

    compiled(want)
    assert run(compute, rows, grid=(1, 1)).tobytes() == want.tobytes()


def test_subnormal_float32_are_zero():
    def halve(out):
        out[0] = out[0] * out[1]

    least = np.finfo(np.float32).tiny
    assert run(halve, np.array([least, 0.5], np.float32), grid=(1, 1))[0] == 0
    least = np.finfo(np.float64).tiny
    assert run(halve, np.array([least, 0.5]), grid=(1, 1))[0] == least / 2
    assert np.float32(2.0**-126) * np.float32(0.5) > 0  # as before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["exp", "tanh", "log1p", "normal_cdf", "softplus", "cos_turns"])
def test_elementary_functions_have_the_bits_of_the_cpu(name, dtype):
    function = getattr(maths, name)

    def each(out):
        out[thread()] = function(out[thread()])

    @entry
    def compiled(x):
        for i in range(len(x)):
            x[i] = function(x[i])

    x = np.random.RandomState(0).normal(scale=4, size=64).astype(dtype)
    x[:4] = 0, -0.0, 90, -90
    want = x.copy()
    with arithmetic_of(dtype):  # of the thread, so it holds for compiled code too
        compiled(want)
    assert run(each, x, grid=(1, 64)).tobytes() == want.tobytes()

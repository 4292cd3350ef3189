"""Large tiles of convolutions, and wide ones of their transposes, by the bits of the CPU."""

import fusednn.kernels.cuda.ops.products.convolution as gpu
import numpy as np
import pytest
from cases.ops.of_windows import CONVOLVED, POOLED, SIZES, Bench
from fusednn.kernels.cuda.ops.products import added_taps
from fusednn.kernels.cuda.tiles import product
from running.same_bits import assert_same_bits

from fusednn.graph.arrays import Array

DTYPES = pytest.mark.parametrize(
    "dtype",
    [np.float32, pytest.param(np.float64, marks=pytest.mark.long)],
    ids=["float32", "float64"],
)


@pytest.fixture(autouse=True)
def only_large(monkeypatch):
    """Few tiles are enough, and small ones fail."""

    def refuse(*arguments):
        raise AssertionError("a small tile")

    monkeypatch.setattr(product, "LARGE_TILES", 1)
    monkeypatch.setattr(gpu, "multiply_small_windows", refuse)
    monkeypatch.setattr(added_taps, "multiply_loaded", refuse)


def convolved(windows, channels, filters, groups=1):
    def case(make):
        bench = Bench(make)
        w = bench.parameter(*windows.kernel, channels // groups, filters)
        given = {"w": w, "b": bench.parameter(filters), "windows": windows, "groups": groups}
        out = {"out": Array((*windows.counts, filters))}
        x = bench.read(*SIZES, channels)
        return bench.case("convolve", out, x=x, floor=0.0, storage="", **given)

    return case


def backward(channels, filters):
    def case(make):
        bench, windows = Bench(make), POOLED
        given = {"w": bench.parameter(*windows.kernel, channels, filters), "windows": windows}
        out, dz = {"dx": Array((*SIZES, channels))}, bench.read(*windows.counts, filters)
        return bench.case("convolve_backward", out, dz=dz, groups=1, **given)

    return case


def transposed(channels, filters):
    def case(make):
        bench, windows = Bench(make), CONVOLVED
        given = {"w": bench.parameter(*windows.kernel, channels, filters), "windows": windows}
        given |= {"b": bench.parameter(filters), "storage": "", "groups": 1}
        out, x = {"out": Array((*SIZES, filters))}, bench.read(*windows.counts, channels)
        return bench.case("convolve_transposed", out, x=x, **given)

    return case


@DTYPES
@pytest.mark.parametrize(("channels", "filters"), [(3, 40), (1, 72)])
def test_padding(dtype, channels, filters):
    """The k of a window are two whole stages and two more, or none and six."""
    assert_same_bits(convolved(CONVOLVED, channels, filters), dtype, threads=256)


@DTYPES
def test_samples_as_they_lie(dtype):
    """Channels that fill whole vectors are read without a frame on the CPU."""
    assert_same_bits(convolved(POOLED, 16, 40), dtype, threads=256)


def test_groups():
    assert_same_bits(convolved(CONVOLVED, 6, 68, 2), np.float32, threads=256)


def test_few_columns_take_small_tiles():
    with pytest.raises(AssertionError, match="a small tile"):
        assert_same_bits(convolved(POOLED, 4, 20), np.float32, threads=256)
    with pytest.raises(AssertionError, match="a small tile"):
        assert_same_bits(convolved(POOLED, 4, 40), np.float32, threads=128)


@pytest.mark.long
def test_gradient_by_the_input():
    """The channels of a pixel are 16 at once and two more."""
    assert_same_bits(backward(48, 18), np.float32, threads=256)


@pytest.mark.long
def test_transposed():
    assert_same_bits(transposed(3, 70), np.float64, threads=256)

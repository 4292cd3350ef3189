"""Weights of less precision: how near they are, and that rounding them again changes nothing."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from cases.window_networks import convolution, transpose
from fusednn.kernels.intrinsics import integers

from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.residual import Residual
from fusednn.graph.network import Network
from fusednn.plan.binding.activations import epilogue
from fusednn.plan.layout import rounded_weights
from fusednn.plan.layout.reduced_taps import ReducedTaps
from fusednn.plan.layout.rounded_weights import (
    Halves,
    Integers,
    rounded_halves,
    rounded_integers,
    with_storage,
)
from fusednn.plan.layout.taps import GroupedTaps, Taps
from fusednn.plan.memory.buffers import aligned_zeros

KINDS = [Halves, Integers]
SIZES = [(1, 1), (2, 3), (3, 16), (4, 17), (5, 33), (66, 65), (7, 128), (1, 201)]


def through(form, w):
    """The flat form of weights, and the weights that it gives back."""
    flat, back = aligned_zeros(form.count, np.float32), np.empty(form.shape, np.float32)
    form.pack(flat, w)
    form.unpack(back, flat)
    return flat, back


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def bfloat16(x):
    """A number rounded to 8 significant bits, ties to even, by arithmetic."""
    mantissa, exponent = np.frexp(np.float64(x))
    return np.ldexp(np.rint(mantissa * 256), exponent - 8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SIZES)
def test_rounded_weights_are_rounded_to_themselves(kind, shape):
    for size in (1e-9, 1, 1e9):
        w = normal(*shape) * np.float32(size)
        flat, back = through(kind(*shape), w)
        again, same = through(kind(*shape), back)
        np.testing.assert_array_equal(again.view(np.int32), flat.view(np.int32))
        np.testing.assert_array_equal(same, back)


@pytest.mark.parametrize("shape", SIZES)
def test_halves_are_the_nearest(shape):
    w = normal(*shape)
    np.testing.assert_array_equal(through(Halves(*shape), w)[1], bfloat16(w))


def test_halves_at_the_ends():
    """Ties, numbers below the normal ones, what is not finite, and what becomes infinite."""
    ties = np.ldexp(np.arange(257, 515, 2, dtype=np.float32), -9)
    small = np.array([1.5 * 2.0**-133, 2.5 * 2.0**-133, -(2.0**-149)], np.float32)
    found = (rounded_halves(np.append(ties, small)) << 16).astype(np.uint32).view(np.float32)
    np.testing.assert_array_equal(found[: len(ties)], bfloat16(ties))
    np.testing.assert_array_equal(found[len(ties) :], [2 * 2.0**-133, 2 * 2.0**-133, -0.0])
    bits = np.array([0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0x7F7FFFFF])
    odd = (rounded_halves(bits.astype(np.uint32).view(np.float32)) << 16).astype(np.uint32)
    np.testing.assert_array_equal(
        odd.view(np.float32), [np.inf, -np.inf, np.nan, np.nan, np.nan, np.inf]
    )


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_integers_are_the_nearest(shape, dtype):
    w = normal(*shape).astype(dtype) * 10.0 ** np.arange(-9, shape[1] - 9).clip(max=9)
    w = w.astype(dtype)
    whole, factors = rounded_integers(w)
    assert (abs(whole).max(axis=0) == 127).all()
    np.testing.assert_allclose(factors, abs(w).max(axis=0) / 127, rtol=2**-15)
    away = abs(whole * factors.astype(float) - w)
    assert (away <= factors * 0.5001).all()
    np.testing.assert_array_equal(
        through(Integers(*shape), w)[1], whole.astype(np.float32) * factors
    )


def test_columns_of_zeros_and_of_what_is_not_finite():
    w = normal(5, 4)
    w[:, 0], w[2, 1], w[3, 2], w[:, 3] = 0, np.nan, -np.inf, 1e-35
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = through(Integers(5, 4), w)[1]
    np.testing.assert_array_equal(back[:, [0, 3]], 0)
    assert np.isnan(back[:, 1:3]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_not_trained(kind):
    with pytest.raises(TypeError, match="inference alone"):
        kind(3, 4).tiles(8)


def stored(ops, storage):
    """The ops of a network whose dense layers keep their weights so."""
    return with_storage(Network(tuple(ops), "squared_error"), storage).ops


def test_which_layers_are_stored_so():
    relu = epilogue("relu")
    wide = 4 * integers.MOST_WORDS + 1
    inner = Dense(9, 3, relu), Dense(3, 9)
    ops = Dense(wide, 9, relu), Residual((LayerNorm(9), *inner)), Dense(9, 4)
    first, residual, last = stored(ops, "bfloat16")
    assert first == Dense(wide, 9, relu, storage="bfloat16")
    assert residual.inner[0] == LayerNorm(9)
    assert residual.inner[1:] == tuple(op._replace(storage="bfloat16") for op in inner)
    assert last is ops[-1]
    assert stored([Dense(5, 2)], "bfloat16") == (Dense(5, 2, storage="bfloat16"),)


@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_convolutions_are_stored_so(storage, monkeypatch):
    monkeypatch.setattr(rounded_weights, "DOT", "sdot")
    one, other = convolution((5, 3), 4, (2,)), transpose((4, 4), 2, (2,))
    kept = BatchNorm(2)
    first, block, _ = stored([one, Residual((kept,), shortcut=(other,)), Dense(2, 2)], storage)
    assert first == one._replace(storage=storage)
    assert (block.inner, block.shortcut) == ((kept,), (other._replace(storage=storage),))


@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_recurrences_are_stored_so(storage, monkeypatch):
    monkeypatch.setattr(rounded_weights, "DOT", "sdot")
    first, second = Recurrent(3, 5, "gru", sequences=True), Recurrent(5, 4, both=True)
    assert stored([first, second, Dense(8, 2)], storage) == (
        replace(first, storage=storage),
        replace(second, storage=storage),
        Dense(8, 2),
    )


@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_take_less_memory(groups):
    """A half, or a quarter and a factor for each filter; padding is stored too."""
    taps = Taps((3, 3, 20, 32), np.float32)
    if groups > 1:
        taps = GroupedTaps((3, 3, 20, 64), groups, np.float32)
    filters = taps.shape[-1]
    assert ReducedTaps(taps, "bfloat16").count * 2 == taps.count
    assert ReducedTaps(taps, "int8").count * 4 == taps.count + 4 * filters
    for storage in ("bfloat16", "int8"):
        with pytest.raises(TypeError, match="inference alone"):
            ReducedTaps(taps, storage).tiles(8)


def test_integers_of_very_many_inputs(monkeypatch):
    monkeypatch.setattr(rounded_weights, "DOT", "sdot")
    wide = Dense(4 * integers.MOST_WORDS + 1, 9)
    assert stored([wide], "int8") == (wide,)
    recurrent = Recurrent(3, wide.fan_in)
    assert stored([recurrent], "int8") == (recurrent,)
    assert stored([wide._replace(fan_in=5)], "int8") == (Dense(5, 9, storage="int8"),)


def test_no_integers_here(monkeypatch):
    monkeypatch.setattr(rounded_weights, "DOT", None)
    with pytest.raises(ValueError, match="needs a CPU with AVX-512 VNNI, AVX-VNNI, or on ARM"):
        stored([Dense(5, 9)], "int8")
    assert stored([Dense(5, 9)], "bfloat16") == (Dense(5, 9, storage="bfloat16"),)

"""Dense layers on plain arrays, serial and parallel, from Python and from compiled programs."""

import itertools
import os

import numba
import numpy as np
import pytest
from fusednn.kernels._jit import JIT
from fusednn.kernels.activations import ACTIVATIONS
from numba.core.errors import TypingError
from oracles import reference, reference_layers
from oracles.parity import run_python

from fusednn import kernels

SIZES = [(1, 1, 1), (2, 1, 3), (1, 7, 9), (9, 3, 1), (17, 33, 8), (65, 17, 40), (131, 2, 66)]
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_size = pytest.mark.parametrize(("B", "I", "O"), SIZES)
CODED = [name for name, row in ACTIVATIONS.items() if row.code is not None]
each_activation = pytest.mark.parametrize("name", CODED)


def layer(dtype, B, I, O, seed=0):
    random = np.random.RandomState(seed)
    shapes = (B, I), (I, O), (O,), (B, O)
    return [np.asarray(random.normal(size=shape), dtype) for shape in shapes]


def forward(x, w, b, name, run=kernels.dense_forward):
    out = np.full((len(x), len(b)), np.nan, x.dtype)
    run(out, x, w, b, ACTIVATIONS[name].code)
    return out


def backward(dout, out, x, w, name, run=kernels.dense_backward):
    """dx, dw, db, and dz, which is left in dout."""
    dz = dout.copy()
    dx, dw, db, w_transposed = (
        np.full(shape, np.nan, x.dtype) for shape in (x.shape, w.shape, w.shape[1], w.shape[::-1])
    )
    run(dx, dw, db, dz, out, x, w, w_transposed, ACTIVATIONS[name].code)
    np.testing.assert_array_equal(w_transposed, w.T)
    return dx, dw, db, dz


def assert_close(ours, expected, sizes, terms):
    """Within the roundings of sums of `terms` products whose absolute values add up to `sizes`."""
    allowed = (terms + 8) * np.finfo(ours.dtype).eps * sizes
    assert np.all(abs(ours.astype(float) - expected) <= allowed)


@both_dtypes
@pytest.mark.parametrize("sizes", [(0, 3, 4), (5, 0, 4)])
def test_empty_sums_are_zero(dtype, sizes):
    x, w, b, dout = layer(dtype, *sizes)
    out = forward(x, w, b, "identity")
    np.testing.assert_array_equal(out, np.broadcast_to(b, out.shape))
    dx, dw, db, _ = backward(dout, out, x, w, "identity")
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dw, np.zeros_like(w))
    np.testing.assert_allclose(db, dout.sum(axis=0), rtol=1e-5)


@each_activation
@both_dtypes
@each_size
def test_forward(name, dtype, B, I, O):
    x, w, b, _ = layer(dtype, B, I, O)
    out = forward(x, w, b, name)
    assert_close(
        out, reference_layers.dense_forward(x, w, b, name), abs(x) @ abs(w) + abs(b) + 1, I
    )


@each_activation
@both_dtypes
@each_size
def test_backward(name, dtype, B, I, O):
    x, w, b, dout = layer(dtype, B, I, O)
    out = forward(x, w, b, name)
    dx, dw, db, dz = backward(dout, out, x, w, name)
    want = reference_layers.dense_backward(dout, out, x, w, name)
    size = abs(dout)
    assert_close(dz, getattr(reference, f"{name}_backward")(dout, out.astype(float)), size, 0)
    assert_close(dx, want[0], size @ abs(w.T), O)
    assert_close(dw, want[1], abs(x.T) @ size, B)
    assert_close(db, want[2], size.sum(axis=0), B)


@both_dtypes
def test_a_row_has_the_same_bits_alone(dtype):
    x, w, b, dout = layer(dtype, 131, 33, 66)
    out = forward(x, w, b, "tanh")
    dx = backward(dout, out, x, w, "tanh")[0]
    for r in (0, 1, 63, 64, 130):
        row = slice(r, r + 1)
        np.testing.assert_array_equal(forward(x[row], w, b, "tanh"), out[row])
        np.testing.assert_array_equal(backward(dout[row], out[row], x[row], w, "tanh")[0], dx[row])


def test_read_only_inputs():
    arrays = layer(np.float32, 9, 3, 5)
    want = forward(*arrays[:3], "relu")
    for array in arrays:
        array.flags.writeable = False
    np.testing.assert_array_equal(forward(*arrays[:3], "relu"), want)


@pytest.mark.parametrize(
    "change",
    [np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2], lambda a: a[::-1]],
    ids=["fortran", "strided", "reversed"],
)
@pytest.mark.parametrize("which", [0, 1])
def test_arrays_that_are_not_contiguous_are_refused(change, which):
    """Their memory holds other numbers than the kernel would read."""
    arrays = layer(np.float64, 9, 3, 5)
    arrays[which] = change(arrays[which])
    with pytest.raises((TypingError, TypeError), match="C-contiguous"):
        forward(*arrays[:3], "identity")


@numba.njit
def train(x, w, b, target, hidden, dz, dx, dw, db, w_transposed, rate, steps, batch):
    """A user's own program: batches of rows of a regression on one layer."""
    for step in range(steps):
        lo = step * batch % len(x)
        rows, out, d = x[lo : lo + batch], hidden[lo : lo + batch], dz[lo : lo + batch]
        dense_forward(out, rows, w, b, 2)
        for r in range(len(rows)):
            for c in range(out.shape[1]):
                d[r, c] = out[r, c] - target[lo + r, c]
        dense_backward(dx[lo : lo + batch], dw, db, d, out, rows, w, w_transposed, 2)
        for i in range(w.size):
            w.flat[i] -= rate * dw.flat[i]
        for o in range(b.size):
            b[o] -= rate * db[o]


dense_forward, dense_backward = kernels.dense_forward, kernels.dense_backward


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.long)])
def test_in_a_users_own_program(dtype):
    x, w, b, target = layer(dtype, 24, 5, 3)
    expected_w, expected_b = w.astype(float), b.astype(float)
    hidden, dz, dx = np.empty((24, 3), dtype), np.empty((24, 3), dtype), np.empty_like(x)
    dw, db, w_transposed = np.empty_like(w), np.empty_like(b), np.empty((3, 5), dtype)
    train(x, w, b, target, hidden, dz, dx, dw, db, w_transposed, dtype(0.05), 6, 8)
    for step in range(6):
        rows = slice(step * 8 % 24, step * 8 % 24 + 8)
        out = reference_layers.dense_forward(x[rows], expected_w, expected_b, "tanh")
        gradients = reference_layers.dense_backward(
            out - target[rows], out, x[rows], expected_w, "tanh"
        )
        expected_w -= float(dtype(0.05)) * gradients[1]
        expected_b -= float(dtype(0.05)) * gradients[2]
    tolerance = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(w, expected_w, rtol=0, atol=tolerance)
    np.testing.assert_allclose(b, expected_b, rtol=0, atol=tolerance)


def compare_parallel(dtype, sizes, counts):
    """The parallel forms, run by some counts of threads, have the bits of the serial ones."""
    for name, size in itertools.product(CODED, sizes):
        x, w, b, dout = layer(dtype, *size)
        out = forward(x, w, b, name)
        serial = backward(dout, out, x, w, name)
        for threads in counts:
            numba.set_num_threads(threads)
            again = forward(x, w, b, name, kernels.dense_forward_parallel)
            np.testing.assert_array_equal(again, out)
            parallel = backward(dout, out, x, w, name, kernels.dense_backward_parallel)
            for one, other in zip(serial, parallel, strict=True):
                np.testing.assert_array_equal(one, other)


PARALLEL = """
import sys
sys.path[:0] = sys.argv[2:]
import test_dense_arrays
test_dense_arrays.compare_parallel(sys.argv[1], test_dense_arrays.SIZES, (1, 2, 3))
print("same")
"""


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parallel_forms_have_the_bits_of_the_serial_ones(dtype):
    if JIT:  # in a process that may have more threads than CPUs
        here = os.path.dirname(__file__)
        threads = {**os.environ, "NUMBA_NUM_THREADS": "3"}
        told = run_python(PARALLEL, dtype, here, os.path.dirname(here), env=threads)
        assert told == "same\n"
    else:
        compare_parallel(dtype, SIZES[:3], (1,))


def test_arguments_that_do_not_fit_are_refused():
    x, w, b, out = layer(np.float32, 9, 3, 4)
    refused = [
        (out, x, w[:2].copy(), b, 0),
        (out, x, w, b[:1].copy(), 0),
        (out[:5].copy(), x, w, b, 0),
        (out, x, w, b, 99),
        (out, x, w, b, -1),
    ]
    for arguments in refused:
        with pytest.raises(ValueError, match="is"):
            kernels.dense_forward(*arguments)
    out.setflags(write=False)
    with pytest.raises(TypingError if JIT else TypeError, match="writable"):
        kernels.dense_forward(out, x, w, b, 0)

"""The gradient of an output by the data, at both its ends: picked logits, and emitted rows."""

import numpy as np
import pytest
from fusednn.kernels.ops import answers, output
from fusednn.kernels.ops.products import embedding
from running.blocks import WIDTHS, Rows, block_of, empty_like, run

ROWS, TASK = 21, 8
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_width = pytest.mark.parametrize("width", WIDTHS)


def drawn(width, dtype):
    return Rows(np.random.RandomState(0).normal(size=(ROWS, width)).astype(dtype))


@both_dtypes
@each_width
@pytest.mark.parametrize("of", [-1, 0, "last"])
def test_pick(of, width, dtype):
    logits = drawn(width, dtype)
    logits.values[3:5] = 5.0  # the first of several largest
    found, of = empty_like(logits), width - 1 if of == "last" else of
    operands = {"dlogits": found.block, "logits": logits.block, "of": of}
    run(dtype, ROWS, [(output.pick, operands, None)], TASK)
    best = logits.values.argmax(axis=1) if of < 0 else np.full(ROWS, of)
    np.testing.assert_array_equal(found.values, np.eye(width)[best])
    found.assert_padding_is_zero()


@both_dtypes
@each_width
def test_emitted_rows(width, dtype):
    x, emitted = drawn(width, dtype), np.full((ROWS + 1, width), 7, dtype)
    operands = {"emitted": block_of(emitted), "x": x.block}
    run(dtype, ROWS, [(answers.emit_rows, operands, None)], TASK)
    np.testing.assert_array_equal(emitted[:ROWS], x.values)
    np.testing.assert_array_equal(emitted[ROWS], 7)


@both_dtypes
@each_width
def test_codes_have_no_gradient(width, dtype):
    plain = np.flatnonzero(np.arange(width) % 3 != 1)
    dout, dx = drawn(len(plain) + 5, dtype), empty_like(drawn(width, dtype))
    operands = {
        "dx": dx.block,
        "dout": dout.block,
        "plain": np.append(plain, 0),
        "n_plain": len(plain),
    }
    run(dtype, ROWS, [(embedding.embed_backward, operands, None)], TASK)
    want = np.zeros((ROWS, width), dtype)
    want[:, plain] = dout.values[:, : len(plain)]
    np.testing.assert_array_equal(dx.values, want)
    dx.assert_padding_is_zero()

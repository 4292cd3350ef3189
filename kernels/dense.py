"""Dense layers on plain arrays, for programs of your own.

All arrays are C-contiguous and of one type, float32 or float64. `B` is the batch, `I` the
fan-in, `O` the fan-out; `activation` is a code of `activations`. The `*_parallel` forms use
Numba's threads and give the same bits; the estimators never call them. Those threads do not
survive a fork: after a process has called a parallel form, a call of one in a forked child ends
the child or hangs, unless the threading layer is `tbb` (`numba.threading_layer()` names it). Start
processes by "spawn" or "forkserver", or call the serial forms there.
"""

import numpy as np
from numba import prange

from ._jit import entry
from .activations import CODES, activate, differentiate
from .gemm import multiply_plain
from .intrinsics.pointers import advance, data, written

BLOCK_ROWS = 64
"""Rows worked on at a time: a block of x and out stays in the second-level cache."""


def dense_forward(out, x, w, b, activation):
    """out = activation(x w + b).

    out is (B, O), x (B, I), w (I, O), b (O,); overwrites out. In a forked child of a process that
    has called a parallel form, call `dense_forward`, not `dense_forward_parallel`.
    """
    B, O = out.shape
    I = x.shape[1]
    if x.shape != (B, I) or w.shape != (I, O) or b.shape != (O,):
        raise ValueError("out is (B, O), x (B, I), w (I, O), b (O,)")
    if activation not in CODES:
        raise ValueError("activation is a code: ACTIVATIONS[name].code")
    for block in prange((B + BLOCK_ROWS - 1) // BLOCK_ROWS):
        lo = block * BLOCK_ROWS
        rows = min(BLOCK_ROWS, B - lo)
        there, at = advance(written(out), lo * O), advance(data(x), lo * I)
        floor = out.dtype.type(-np.inf)
        multiply_plain(there, O, at, I, 1, data(w), O, data(b), 0, rows, I, O, floor)
        activate(there, rows * O, activation)


def dense_backward(dx, dw, db, dout, out, x, w, w_transposed, activation):
    """The gradients of a layer, from the gradient dout of its output.

    dz = dout activation'(z), dx = dz w^T, dw = x^T dz, db = sum of dz over the batch, where
    out = activation(z). dx is (B, I), dw (I, O), db (O,), dout and out (B, O), x (B, I),
    w (I, O). Overwrites dx, dw and db; dout becomes dz, w_transposed (O, I) becomes w^T.
    In a forked child of a process that has called a parallel form, call `dense_backward`, not
    `dense_backward_parallel`.
    """
    B, O = dout.shape
    I = x.shape[1]
    if dx.shape != (B, I) or x.shape != (B, I) or out.shape != (B, O):
        raise ValueError("dx and x are (B, I), dout and out (B, O)")
    if dw.shape != (I, O) or w.shape != (I, O) or w_transposed.shape != (O, I):
        raise ValueError("dw and w are (I, O), w_transposed (O, I)")
    if db.shape != (O,):
        raise ValueError("db is (O,)")
    if activation not in CODES:
        raise ValueError("activation is a code: ACTIVATIONS[name].code")
    for o in prange(O):
        for i in range(I):
            w_transposed[o, i] = w[i, o]
    for block in prange((B + BLOCK_ROWS - 1) // BLOCK_ROWS):
        lo = block * BLOCK_ROWS
        rows = min(BLOCK_ROWS, B - lo)
        dz, there = advance(written(dout), lo * O), advance(written(dx), lo * I)
        differentiate(dz, advance(data(out), lo * O), rows * O, activation)
        floor = dout.dtype.type(-np.inf)
        for i in range(rows * I):
            there[i] = dout.dtype.type(0)
        multiply_plain(there, I, dz, O, 1, data(w_transposed), I, there, I, rows, O, I, floor)
    for block in prange((I + BLOCK_ROWS - 1) // BLOCK_ROWS):
        lo = block * BLOCK_ROWS
        rows = min(BLOCK_ROWS, I - lo)
        there, dz = advance(written(dw), lo * O), written(dout)
        floor = dout.dtype.type(-np.inf)
        for i in range(rows * O):
            there[i] = dout.dtype.type(0)
        at = advance(data(x), lo)
        multiply_plain(there, O, at, 1, I, dz, O, there, O, rows, B, O, floor)
    for o in prange(O):
        total = dout.dtype.type(0)
        for r in range(B):
            total += dout[r, o]
        db[o] = total


dense_forward_parallel = entry(dense_forward, parallel=True)
dense_backward_parallel = entry(dense_backward, parallel=True)
dense_forward = entry(dense_forward)
dense_backward = entry(dense_backward)

"""Activations, losses and optimizer steps on plain arrays, for programs of your own.

Arrays are C-contiguous and of one type, float32 or float64. Codes: `activations.RELU` and its
kin, `losses.SOFTMAX` and its kin.
"""

import numpy as np

from . import optimizers
from ._jit import entry
from .activations import activate, differentiate
from .intrinsics.pointers import advance, data, written
from .intrinsics.scalars import cast
from .losses import SOFTMAX, evaluate


@entry
def activation_forward(out, activation):
    """out = activation(out), in place, any shape."""
    activate(written(out), out.size, activation)


@entry
def activation_backward(dout, out, activation):
    """dout = dout activation'(z) where out = activation(z), in place, any shape."""
    if dout.size != out.size:
        raise ValueError("dout and out are of one shape")
    differentiate(written(dout), data(out), out.size, activation)


@entry
def loss_gradient(dz, value, z, t, work, low, high, loss):
    """Loss and gradient at the logits of each row: value (B,) float64, dz (B, C).

    z is (B, C); t is (B, C), or (B, 1) class numbers for the softmax cross-entropy; work is
    scratch for C + 5 elements and t's columns. [low, high] bounds losses of
    probabilities. Overwrites dz and value. A row's results depend on that row alone.
    """
    B, C = z.shape
    if dz.shape != (B, C) or value.shape != (B,) or t.shape[0] != B:
        raise ValueError("z and dz are (B, C), value (B,), t (B, C) or (B, 1)")
    if t.shape[1] != (1 if loss == SOFTMAX else C) or work.size < C + t.shape[1] + 5:
        raise ValueError("t is (B, C), or (B, 1) for the softmax; work is too small")
    constants, row = written(work), advance(written(work), 2)
    target = advance(row, C)
    rest = advance(target, t.shape[1])
    constants[0], constants[1] = cast(low, row[0]), cast(high, row[0])
    for r in range(B):
        for c in range(C):
            row[c] = z[r, c]
        for c in range(t.shape[1]):
            target[c] = t[r, c]
        evaluate(advance(written(value), r), row, target, rest, C, 1, constants, loss)
        for c in range(C):
            dz[r, c] = row[c]


@entry
def sgd_step(w, v, g, rate, momentum, decay, nesterov):
    """One step of SGD on all elements: w and its velocity v from the gradient g."""
    if v.size != w.size or g.size != w.size:
        raise ValueError("w, v and g are of one shape")
    settings, constants = np.array([rate]), np.array([momentum])
    p, s, d = written(w), written(v), data(g)
    factor = cast(decay, p[0])
    if nesterov:
        optimizers.nesterov(p, d, s, s, s, w.size, factor, data(settings), data(constants))
    else:
        optimizers.sgd(p, d, s, s, s, w.size, factor, data(settings), data(constants))
    settings[0] = constants[0] = 0.0  # keeps both alive until the step has read them


@entry
def adam_step(w, m, v, g, rate, beta_1, beta_2, epsilon, decay):
    """One step of Adam on all elements: w and its moments m and v from the gradient g.

    `rate` includes the bias corrections: rate sqrt(1 - beta_2^t) / (1 - beta_1^t).
    """
    if m.size != w.size or v.size != w.size or g.size != w.size:
        raise ValueError("w, m, v and g are of one shape")
    settings, constants = np.array([rate, 0.0, 1.0]), np.array([beta_1, beta_2, epsilon])
    p, second = written(w), written(v)
    optimizers.adam(
        p,
        data(g),
        written(m),
        second,
        second,
        w.size,
        cast(decay, p[0]),
        data(settings),
        data(constants),
    )
    settings[0] = constants[0] = 0.0  # keeps both alive until the step has read them

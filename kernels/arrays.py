"""Activations, losses and optimizer steps on plain arrays, for programs of your own.

Arrays are C-contiguous and of one type, float32 or float64. Codes: `activations.RELU` and its
kin, `losses.SOFTMAX` and its kin.
"""

import numpy as np

from . import optimizers
from ._jit import entry
from .activations import activate, differentiate
from .intrinsics.pointers import advance, data
from .intrinsics.scalars import cast
from .losses import evaluate


@entry
def activation_forward(out, activation):
    """out = activation(out), in place, any shape."""
    activate(data(out), out.size, activation)


@entry
def activation_backward(dout, out, activation):
    """dout = dout activation'(z) where out = activation(z), in place, any shape."""
    differentiate(data(dout), data(out), out.size, activation)


@entry
def loss_gradient(dz, value, z, t, work, low, high, loss):
    """Loss and gradient at the logits of each row: value (B,) float64, dz (B, C).

    z is (B, C); t is (B, C), or (B, 1) class numbers for the softmax cross-entropy; work is
    scratch for C + 4 elements at least plus t's columns. [low, high] bounds losses of
    probabilities. Overwrites dz and value. Pure in each row.
    """
    B, C = z.shape
    row, target, rest = data(work), advance(data(work), C), advance(data(work), C + t.shape[1])
    for r in range(B):
        for c in range(C):
            row[c] = z[r, c]
        for c in range(t.shape[1]):
            target[c] = t[r, c]
        evaluate(
            advance(data(value), r), row, target, rest, C, 1, cast(low, row[0]),
            cast(high, row[0]), loss,
        )  # fmt: skip
        for c in range(C):
            dz[r, c] = row[c]


@entry
def sgd_step(w, v, g, rate, momentum, decay, nesterov):
    """One step of SGD on all elements: w and its velocity v from the gradient g."""
    settings, constants = np.array([rate]), np.array([momentum])
    p, s, d = data(w), data(v), data(g)
    factor = cast(decay, p[0])
    if nesterov:
        optimizers.nesterov(p, d, s, s, w.size, factor, data(settings), data(constants))
    else:
        optimizers.sgd(p, d, s, s, w.size, factor, data(settings), data(constants))


@entry
def adam_step(w, m, v, g, rate, beta_1, beta_2, epsilon, decay):
    """One step of Adam on all elements: w and its moments m and v from the gradient g.

    `rate` includes the bias corrections: rate sqrt(1 - beta_2^t) / (1 - beta_1^t).
    """
    settings, constants = np.array([rate]), np.array([beta_1, beta_2, epsilon])
    p = data(w)
    optimizers.adam(
        p, data(g), data(m), data(v), w.size, cast(decay, p[0]), data(settings), data(constants)
    )

"""Losses from logits, the output functions that belong to them, and the one table of both.

A block of R rows is handed over output by output: `z` is (C, R), so that every loop runs over
rows, vectorises without a reduction, and a row's result does not depend on its neighbours.
A loss overwrites `z` with its gradient and `value` (R, float64) with the row's loss. `t` holds
the targets (C, R); for the softmax cross-entropy it is (1, R), the number of the class.
`work` is scratch for 3 R elements. Losses of probabilities are bounded to [low, high], which is
what clipping the probability to [eps, 1 - eps] does to them; the gradient is not bounded.
"""

from typing import NamedTuple

import numpy as np

from ._jit import kernel
from .intrinsics.pointers import advance
from .intrinsics.scalars import cast
from .maths import exp, log, sigmoid, softplus

SOFTMAX, LOGISTIC, SQUARED_ERROR, POISSON = range(4)


@kernel
def softmax_link(z, work, C, R):
    """z = softmax(z) over C; the largest logit is subtracted first."""
    largest, total = work, advance(work, R)
    for r in range(R):
        largest[r] = z[r]
    for c in range(1, C):
        row = advance(z, c * R)
        for r in range(R):
            largest[r] = row[r] if row[r] > largest[r] else largest[r]
    for r in range(R):
        e = exp(z[r] - largest[r])
        z[r] = e
        total[r] = e
    for c in range(1, C):
        row = advance(z, c * R)
        for r in range(R):
            e = exp(row[r] - largest[r])
            row[r] = e
            total[r] += e
    for c in range(C):
        row = advance(z, c * R)
        for r in range(R):
            row[r] = row[r] / total[r]
    return 0


@kernel
def softmax_cross_entropy(value, z, t, work, C, R, low, high):
    """log(sum of exp(z)) - z[t]; its gradient is softmax(z) less the one-hot target."""
    one = cast(1, low)
    largest, total, chosen = work, advance(work, R), advance(work, 2 * R)
    for r in range(R):
        chosen[r] = z[np.int64(t[r]) * R + r]
    softmax_link(z, work, C, R)
    for r in range(R):
        v = log(total[r]) - (chosen[r] - largest[r])
        v = low if v < low else v
        value[r] = high if v > high else v
    for r in range(R):
        at = np.int64(t[r]) * R + r
        z[at] = z[at] - one
    return 0


@kernel
def logistic_link(z, work, C, R):
    """z = 1 / (1 + exp(-z))."""
    for i in range(C * R):
        z[i] = sigmoid(z[i])
    return 0


@kernel
def binary_cross_entropy(value, z, t, work, C, R, low, high):
    """Sum over C of t softplus(-z) + (1 - t) softplus(z); its gradient is sigmoid(z) - t."""
    one = cast(1, low)
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):  # the three share one exponential
            x = row[r]
            p, n = softplus(x), softplus(-x)
            row[r] = sigmoid(x) - target[r]
            p = low if p < low else p
            p = high if p > high else p
            n = low if n < low else n
            n = high if n > high else n
            value[r] += target[r] * n + (one - target[r]) * p
    return 0


@kernel
def squared_error(value, z, t, work, C, R, low, high):
    """Mean over C of (z - t)^2 / 2; the gradient z - t is of their sum, as scikit-learn's is."""
    scale = 0.5 / C
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):
            row[r] = row[r] - target[r]
            value[r] += scale * row[r] * row[r]
    return 0


@kernel
def exp_link(z, work, C, R):
    """z = exp(z)."""
    for i in range(C * R):
        z[i] = exp(z[i])
    return 0


@kernel
def poisson_deviance(value, z, t, work, C, R, low, high):
    """Sum over C of t log(t) - t z - t + exp(z), half the deviance; gradient exp(z) - t."""
    zero, one = cast(0, low), cast(1, low)
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):
            y = target[r]
            mean = exp(row[r])
            entropy = y * log(one if y == zero else y)
            value[r] += entropy - y * row[r] - y + mean
            row[r] = mean - y
    return 0


@kernel
def evaluate(value, z, t, work, C, R, low, high, code):
    """A loss by its code."""
    if code == SOFTMAX:
        softmax_cross_entropy(value, z, t, work, C, R, low, high)
    elif code == LOGISTIC:
        binary_cross_entropy(value, z, t, work, C, R, low, high)
    elif code == SQUARED_ERROR:
        squared_error(value, z, t, work, C, R, low, high)
    elif code == POISSON:
        poisson_deviance(value, z, t, work, C, R, low, high)


def bounds(dtype):
    """[low, high] of a loss of probabilities, as scikit-learn clips them to [eps, 1 - eps]."""
    epsilon = float(np.finfo(dtype).eps)
    return -np.log1p(-epsilon), -np.log(epsilon)


class Loss(NamedTuple):
    """What a plan needs to know of one loss."""

    code: int
    function: object
    link: object = None
    class_targets: bool = False  # one class number per row instead of C values
    per_output: bool = False  # `value` is a mean over outputs, the gradient is of their sum


LOSSES = {
    "softmax": Loss(SOFTMAX, softmax_cross_entropy, softmax_link, class_targets=True),
    "logistic": Loss(LOGISTIC, binary_cross_entropy, logistic_link),
    "squared_error": Loss(SQUARED_ERROR, squared_error, per_output=True),
    "poisson": Loss(POISSON, poisson_deviance, exp_link),
}

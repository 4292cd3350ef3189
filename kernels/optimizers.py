"""Optimizer steps on adjacent parameters, and the one table of them.

A step gets `n` weights `w`, their gradient `g`, state arrays `s1`, `s2` and `s3` of the same size
(the last that it keeps stands for those it does not), the factor `decay` that adds L2
(`g + decay w`), the step's float64 settings and the optimizer's float64 constants. It runs on
the tile of the gradient that was just computed, while both are in the first-level cache.
"""

import math
from typing import NamedTuple

from . import records
from ._jit import kernel
from .intrinsics.scalars import cast


@kernel
def store(w, g, s1, s2, s3, n, decay, settings, constants):
    """s1 = g + decay w: the gradient goes to memory, the weights stay."""
    for i in range(n):
        s1[i] = g[i] + decay * w[i]
    return 0


@kernel
def accumulate(w, g, s1, s2, s3, n, decay, settings, constants):
    """s1 += g: a later block of the same batch."""
    for i in range(n):
        s1[i] = s1[i] + g[i]
    return 0


@kernel
def sgd(w, g, s1, s2, s3, n, decay, settings, constants):
    """v = momentum v - rate g; w += v. Constants: momentum."""
    momentum, rate = cast(constants[0], decay), cast(settings[records.RATE], decay)
    for i in range(n):
        v = momentum * s1[i] - rate * (g[i] + decay * w[i])
        s1[i] = v
        w[i] = w[i] + v
    return 0


@kernel
def nesterov(w, g, s1, s2, s3, n, decay, settings, constants):
    """v = momentum v - rate g; w += momentum v - rate g. Constants: momentum.

    Nesterov's method as Sutskever et al. (2013) rewrite it.
    """
    momentum, rate = cast(constants[0], decay), cast(settings[records.RATE], decay)
    for i in range(n):
        step = rate * (g[i] + decay * w[i])
        v = momentum * s1[i] - step
        s1[i] = v
        w[i] = w[i] + (momentum * v - step)
    return 0


@kernel
def adam(w, g, s1, s2, s3, n, decay, settings, constants):
    """Adam (Kingma and Ba, 2014, algorithm 1 in the form at the end of section 2).

    The bias corrections are in the step's rate, so epsilon is added to the uncorrected root;
    times the step's factor sqrt(1 - beta_2^t) it is as if added to the corrected one.
    Constants: beta 1, beta 2, epsilon.
    """
    rate = cast(settings[records.RATE], decay)
    beta_1, beta_2 = cast(constants[0], decay), cast(constants[1], decay)
    rest_1, rest_2 = cast(1.0 - constants[0], decay), cast(1.0 - constants[1], decay)
    epsilon = cast(constants[2] * settings[records.EPSILON_FACTOR], decay)
    for i in range(n):
        d = g[i] + decay * w[i]
        m = beta_1 * s1[i] + rest_1 * d
        v = beta_2 * s2[i] + rest_2 * d * d
        s1[i] = m
        s2[i] = v
        w[i] = w[i] - rate * m / (cast(math.sqrt(v), decay) + epsilon)
    return 0


class Optimizer(NamedTuple):
    """What a plan needs to know of one optimizer."""

    step: object
    states: int  # state arrays it keeps


OPTIMIZERS = {
    "store": Optimizer(store, 1),
    "accumulate": Optimizer(accumulate, 1),
    "sgd": Optimizer(sgd, 1),
    "nesterov": Optimizer(nesterov, 1),
    "adam": Optimizer(adam, 2),
}

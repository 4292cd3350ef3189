"""Optimizer steps on adjacent parameters, and the one table of them.

A step gets `n` weights `w`, their gradient `g`, and state arrays `s1`, `s2` and `s3` of the same
size; an optimizer with fewer states gets its last one repeated. `decay` is the factor that adds L2
(`g + decay w`) or, where decay is decoupled, the share of the weight that the step takes away.
The step's settings and the optimizer's constants are float64. A step runs on the tile of the
gradient that was just computed, while both are in the first-level cache.

Values that depend on the step's number alone, such as bias corrections, come in the settings. In
the padding w, g and the states are zero and stay zero, since every epsilon is positive.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from . import records
from ._jit import kernel
from .intrinsics.scalars import cast


@kernel
def store(w, g, s1, s2, s3, n, decay, settings, constants):
    """s1 = g + decay w: stores the gradient and leaves the weights unchanged."""
    for i in range(n):
        s1[i] = g[i] + decay * w[i]
    return 0


@kernel
def accumulate(w, g, s1, s2, s3, n, decay, settings, constants):
    """s1 += g, for the later blocks of a batch."""
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

    The bias corrections are in the step's rate, so epsilon is added to the uncorrected root. With
    the step's epsilon factor sqrt(1 - beta_2^t) this equals adding it to the corrected root.
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


@kernel
def polyak(w, g, s1, s2, s3, n, decay, settings, constants):
    """v = momentum v + g; w -= rate v. Constants: momentum.

    Polyak's method with the rate outside the velocity, which differs from `sgd` when it changes.
    """
    momentum, rate = cast(constants[0], decay), cast(settings[records.RATE], decay)
    for i in range(n):
        v = momentum * s1[i] + (g[i] + decay * w[i])
        s1[i] = v
        w[i] = w[i] - rate * v
    return 0


@kernel
def polyak_nesterov(w, g, s1, s2, s3, n, decay, settings, constants):
    """v = momentum v + g; w -= rate (g + momentum v). Constants: momentum."""
    momentum, rate = cast(constants[0], decay), cast(settings[records.RATE], decay)
    for i in range(n):
        d = g[i] + decay * w[i]
        v = momentum * s1[i] + d
        s1[i] = v
        w[i] = w[i] - rate * (d + momentum * v)
    return 0


@kernel
def rmsprop(w, g, s1, s2, s3, n, decay, settings, constants):
    """RMSprop (Tieleman and Hinton, 2012, lecture 6e). Constants: alpha, epsilon."""
    rate = cast(settings[records.RATE], decay)
    alpha, rest = cast(constants[0], decay), cast(1.0 - constants[0], decay)
    epsilon = cast(constants[1], decay)
    for i in range(n):
        d = g[i] + decay * w[i]
        v = alpha * s1[i] + rest * d * d
        s1[i] = v
        w[i] = w[i] - rate * d / (cast(math.sqrt(v), decay) + epsilon)
    return 0


@kernel
def adagrad(w, g, s1, s2, s3, n, decay, settings, constants):
    """Adagrad (Duchi, Hazan and Singer, 2011, diagonal form). Constants: epsilon."""
    rate, epsilon = cast(settings[records.RATE], decay), cast(constants[0], decay)
    for i in range(n):
        d = g[i] + decay * w[i]
        v = s1[i] + d * d
        s1[i] = v
        w[i] = w[i] - rate * d / (cast(math.sqrt(v), decay) + epsilon)
    return 0


@kernel
def amsgrad(w, g, s1, s2, s3, n, decay, settings, constants):
    """`adam` with the largest second moment so far, s3 (Reddi, Kale and Kumar, 2018).

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
        largest = s3[i] if s3[i] > v else v  # takes a NaN of v
        s1[i] = m
        s2[i] = v
        s3[i] = largest
        w[i] = w[i] - rate * m / (cast(math.sqrt(largest), decay) + epsilon)
    return 0


@kernel
def adamw(w, g, s1, s2, s3, n, decay, settings, constants):
    """`adam` on a weight that first loses the share `decay` (Loshchilov and Hutter, 2019).

    Constants: beta 1, beta 2, epsilon.
    """
    rate = cast(settings[records.RATE], decay)
    beta_1, beta_2 = cast(constants[0], decay), cast(constants[1], decay)
    rest_1, rest_2 = cast(1.0 - constants[0], decay), cast(1.0 - constants[1], decay)
    epsilon = cast(constants[2] * settings[records.EPSILON_FACTOR], decay)
    for i in range(n):
        m = beta_1 * s1[i] + rest_1 * g[i]
        v = beta_2 * s2[i] + rest_2 * g[i] * g[i]
        s1[i] = m
        s2[i] = v
        w[i] = (w[i] - decay * w[i]) - rate * m / (cast(math.sqrt(v), decay) + epsilon)
    return 0


@kernel
def nadam(w, g, s1, s2, s3, n, decay, settings, constants):
    """Adam with Nesterov's momentum (Dozat, 2016): the gradient and the first moment each have a
    rate, which includes the products of the momenta and the bias correction of the root.

    Constants: beta 1, beta 2, epsilon.
    """
    rate = cast(settings[records.RATE], decay)
    rate_m = cast(settings[records.SECOND_RATE], decay)
    beta_1, beta_2 = cast(constants[0], decay), cast(constants[1], decay)
    rest_1, rest_2 = cast(1.0 - constants[0], decay), cast(1.0 - constants[1], decay)
    epsilon = cast(constants[2] * settings[records.EPSILON_FACTOR], decay)
    for i in range(n):
        d = g[i] + decay * w[i]
        m = beta_1 * s1[i] + rest_1 * d
        v = beta_2 * s2[i] + rest_2 * d * d
        s1[i] = m
        s2[i] = v
        w[i] = w[i] - (rate * d + rate_m * m) / (cast(math.sqrt(v), decay) + epsilon)
    return 0


@kernel
def lion(w, g, s1, s2, s3, n, decay, settings, constants):
    """Lion (Chen et al., 2023, algorithm 2): the sign of an interpolated momentum.

    Constants: beta 1, beta 2.
    """
    rate, zero = cast(settings[records.RATE], decay), cast(0, decay)
    beta_1, beta_2 = cast(constants[0], decay), cast(constants[1], decay)
    rest_1, rest_2 = cast(1.0 - constants[0], decay), cast(1.0 - constants[1], decay)
    for i in range(n):
        c = beta_1 * s1[i] + rest_1 * g[i]
        # the sign of 0 is 0; a NaN stays a NaN, so that divergence is noticed
        step = rate if c > zero else (-rate if c < zero else c)
        s1[i] = beta_2 * s1[i] + rest_2 * g[i]
        w[i] = (w[i] - decay * w[i]) - step
    return 0


class Optimizer(NamedTuple):
    """What a plan needs to know of one optimizer."""

    step: Callable
    states: int  # state arrays it keeps
    decoupled: bool = False  # whether decay is taken from the weights, not added to the gradient
    linear: bool = False  # whether a step is a multiple of gradients, so that it grows with them
    epsilon: int | None = None  # the place of epsilon, which roots of gradients are compared with


OPTIMIZERS = {
    "store": Optimizer(store, 1),
    "accumulate": Optimizer(accumulate, 1),
    "sgd": Optimizer(sgd, 1, linear=True),
    "nesterov": Optimizer(nesterov, 1, linear=True),
    "polyak": Optimizer(polyak, 1, linear=True),
    "polyak_nesterov": Optimizer(polyak_nesterov, 1, linear=True),
    "rmsprop": Optimizer(rmsprop, 1, epsilon=1),
    "adagrad": Optimizer(adagrad, 1, epsilon=0),
    "adam": Optimizer(adam, 2, epsilon=2),
    "amsgrad": Optimizer(amsgrad, 3, epsilon=2),
    "adamw": Optimizer(adamw, 2, decoupled=True, epsilon=2),
    "nadam": Optimizer(nadam, 2, epsilon=2),
    "lion": Optimizer(lion, 1, decoupled=True),
}

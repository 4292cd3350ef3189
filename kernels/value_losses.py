"""Regression losses, with the arguments that `losses` describes, and output functions."""

import numpy as np

from ._jit import kernel
from .intrinsics.pointers import advance
from .intrinsics.scalars import cast
from .maths import exp, log, log1p, softplus, tanh

_LOG_2 = 0.6931471805599453


@kernel
def squared_error(value, z, t, work, C, R, constants):
    """Mean over C of (z - t)^2 / 2; the gradient z - t is that of the sum, as in scikit-learn."""
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
def poisson_deviance(value, z, t, work, C, R, constants):
    """Sum over C of t log(t) - t z - t + exp(z), half the deviance; gradient exp(z) - t."""
    zero, one = cast(0, z[0]), cast(1, z[0])
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
def gamma_deviance(value, z, t, work, C, R, constants):
    """Sum over C of z - log(t) + t exp(-z) - 1, half the deviance; gradient 1 - t exp(-z)."""
    one = cast(1, z[0])
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):
            ratio = target[r] * exp(-row[r])
            value[r] += row[r] - log(target[r]) + ratio - one
            row[r] = one - ratio
    return 0


@kernel
def absolute_error(value, z, t, work, C, R, constants):
    """Sum over C of |z - t|; its gradient is the sign, 0 at 0."""
    zero, one = cast(0, z[0]), cast(1, z[0])
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):
            d = row[r] - target[r]
            value[r] += abs(d)
            row[r] = one if d > zero else (-one if d < zero else d)
    return 0


@kernel
def huber(value, z, t, work, C, R, constants):
    """Sum over C of d^2 / 2 up to |d| = delta and delta (|d| - delta / 2) beyond, d = z - t.

    Huber (1964). Constants: delta. Its gradient g is d clipped; the value is g (d - g / 2).
    """
    delta, half = constants[0], cast(0.5, z[0])
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):
            d = row[r] - target[r]
            g = delta if d > delta else (-delta if d < -delta else d)
            value[r] += g * (d - half * g)
            row[r] = g
    return 0


@kernel
def log_cosh(value, z, t, work, C, R, constants):
    """Sum over C of log(cosh(z - t)); its gradient is tanh(z - t).

    With d = z - t, it is computed as |d| + log(1 + exp(-2|d|)) - log(2), which cancels near 0, so
    for |d| < 1 as -log(1 - tanh(d)^2) / 2.
    """
    one, half, two, log_2 = cast(1, z[0]), cast(0.5, z[0]), cast(2, z[0]), cast(_LOG_2, z[0])
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):
            d = row[r] - target[r]
            g, size = tanh(d), abs(d)
            far = size + softplus(-two * size) - log_2
            value[r] += -half * log1p(-g * g) if size < one else far
            row[r] = g
    return 0


@kernel
def quantile(value, z, t, work, C, R, constants):
    """Sum over C of max(q (t - z), (q - 1) (t - z)) (Koenker and Bassett, 1978).

    Constants: Q, then the Q quantiles q of each target column, whose outputs are adjacent. The
    gradient is 1 - q above the target, -q below, 0 at it.
    """
    Q, zero, one = np.int64(constants[0]), cast(0, z[0]), cast(1, z[0])
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c // Q * R)
        q = constants[1 + c % Q]
        for r in range(R):
            d = row[r] - target[r]
            g = one - q if d > zero else (-q if d < zero else d)
            value[r] += g * d
            row[r] = g
    return 0


@kernel
def gaussian(value, z, t, work, C, R, constants):
    """Sum over targets of (s + (m - t)^2 exp(-s)) / 2 for adjacent outputs m and s.

    The negative log-likelihood of a normal distribution of mean m and variance exp(s), without
    log(2 pi) / 2 (Nix and Weigend, 1994). Constants: the least s. Below it the value and the
    gradient by the variance are those at the least s, and the gradient by s follows through
    exp(s), as in PyTorch's `gaussian_nll_loss` for a variance below its eps.
    """
    zero, one, half, least = cast(0, z[0]), cast(1, z[0]), cast(0.5, z[0]), constants[0]
    for r in range(R):
        value[r] = 0.0
    for c in range(C // 2):
        mean, spread = advance(z, 2 * c * R), advance(z, (2 * c + 1) * R)
        target = advance(t, c * R)
        for r in range(R):
            d, raw = mean[r] - target[r], spread[r]
            s = least if raw < least else raw
            precision = exp(-s)
            pull = d * precision
            value[r] += half * (s + d * pull)
            mean[r] = pull
            below = raw - least
            spread[r] = half * (one - d * pull) * exp(zero if below > zero else below)
    return 0

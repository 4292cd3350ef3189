"""Classification losses, with the arguments that `losses` describes, and output functions."""

import numpy as np

from ._jit import kernel
from .intrinsics.pointers import advance
from .intrinsics.scalars import cast, pick
from .maths import exp, log, log1p, sigmoid, softplus

_LEAST_NORMAL = (2.0**-126, 2.0**-1022)
_EPSILON = (2.0**-23, 2.0**-52)


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
def softmax_cross_entropy(value, z, t, work, C, R, constants):
    """log(sum of exp(z)) - z[t]; its gradient is softmax(z) less the one-hot target.

    Constants: low, high.
    """
    low, high, one = constants[0], constants[1], cast(1, z[0])
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
def smoothed_softmax_cross_entropy(value, z, t, work, C, R, constants):
    """Softmax cross-entropy with the target (1 - s) one-hot + s / C (Szegedy et al. 2016, 7).

    Constants: s. Its gradient is softmax(z) less that target.
    """
    zero, share = cast(0, z[0]), constants[0] / cast(C, z[0])
    rest = cast(1, z[0]) - constants[0]
    largest, total, hit = work, advance(work, R), advance(work, 2 * R)
    for r in range(R):
        largest[r] = z[r]
    for c in range(1, C):
        row = advance(z, c * R)
        for r in range(R):
            largest[r] = row[r] if row[r] > largest[r] else largest[r]
    for r in range(R):
        hit[r] = zero
    for c in range(C):  # the mean of z under the target, less the largest: nothing cancels
        row, label = advance(z, c * R), cast(c, z[0])
        for r in range(R):
            weight = share + (rest if t[r] == label else zero)
            hit[r] += weight * (row[r] - largest[r])
    softmax_link(z, work, C, R)
    for r in range(R):
        value[r] = log(total[r]) - hit[r]
    for c in range(C):
        row, label = advance(z, c * R), cast(c, z[0])
        for r in range(R):
            row[r] = row[r] - share - (rest if t[r] == label else zero)
    return 0


@kernel
def focal_softmax_cross_entropy(value, z, t, work, C, R, constants):
    """-(1 - p)^g log(p), p the softmax of class t (Lin et al. 2017, eq. 4). Constants: g >= 0."""
    gamma, zero, one, half = constants[0], cast(0, z[0]), cast(1, z[0]), cast(0.5, z[0])
    least, epsilon = pick(_LEAST_NORMAL, z[0]), pick(_EPSILON, z[0])
    largest, total, chosen = work, advance(work, R), advance(work, 2 * R)
    for r in range(R):
        chosen[r] = z[np.int64(t[r]) * R + r]
    softmax_link(z, work, C, R)
    log_p, p, q = chosen, total, largest  # q is 1 - p, summed so that nothing cancels
    for r in range(R):
        log_p[r] = (chosen[r] - largest[r]) - log(total[r])
        p[r] = zero
        q[r] = zero
    for c in range(C):
        row, label = advance(z, c * R), cast(c, z[0])
        for r in range(R):
            p[r] += row[r] if t[r] == label else zero
            q[r] += zero if t[r] == label else row[r]
    slope = log_p
    for r in range(R):
        near = log1p(-q[r]) if q[r] < half else log_p[r]
        power = exp(gamma * log(least if q[r] < least else q[r]))
        ratio = near / q[r] if q[r] > epsilon else -one  # the limit of log(1 - q) / q
        value[r] = -power * near
        slope[r] = power * (gamma * p[r] * ratio - one)
    for c in range(C):
        row, label = advance(z, c * R), cast(c, z[0])
        for r in range(R):
            row[r] = slope[r] * (q[r] if t[r] == label else -row[r])
    return 0


@kernel
def logistic_link(z, work, C, R):
    """z = 1 / (1 + exp(-z))."""
    for i in range(C * R):
        z[i] = sigmoid(z[i])
    return 0


@kernel
def binary_cross_entropy(value, z, t, work, C, R, constants):
    """Sum over C of t softplus(-z) + (1 - t) softplus(z); its gradient is sigmoid(z) - t.

    Constants: low, high.
    """
    low, high, one = constants[0], constants[1], cast(1, z[0])
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
def smoothed_binary_cross_entropy(value, z, t, work, C, R, constants):
    """Logistic cross-entropy, summed over C, with the target (1 - s) t + s / 2. Constants: s.

    The smoothed softmax of the logits 0 and z; its gradient is sigmoid(z) less that target.
    """
    one = cast(1, z[0])
    rest, share = one - constants[0], constants[0] * cast(0.5, z[0])
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):
            x, y = row[r], rest * target[r] + share
            value[r] += y * softplus(-x) + (one - y) * softplus(x)
            row[r] = sigmoid(x) - y
    return 0


@kernel
def focal_binary_cross_entropy(value, z, t, work, C, R, constants):
    """Sum over C of -(1 - p)^g log(p), p the probability of t, 0 or 1 (Lin et al. 2017, eq. 4).

    Constants: g >= 0. With x = z of t = 1 and -z of t = 0 it is softplus(-x) sigmoid(-x)^g.
    """
    gamma, half, one = constants[0], cast(0.5, z[0]), cast(1, z[0])
    for r in range(R):
        value[r] = 0.0
    for c in range(C):
        row, target = advance(z, c * R), advance(t, c * R)
        for r in range(R):
            sign = one if target[r] > half else -one
            x = sign * row[r]
            power, lost = exp(-gamma * softplus(x)), softplus(-x)
            value[r] += power * lost
            row[r] = -sign * power * (sigmoid(-x) + gamma * lost * sigmoid(x))
    return 0

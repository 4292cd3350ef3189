"""The losses of adversarial training, with the arguments that `losses` describes.

The target of a row is 2 c + r: c is the row's class, and r is 1 for a sample of the data, 0 for a
generated one. Only output c counts. Constants: the target of samples of the data, and whether the
loss is the generator's, all of whose rows have r = 1.
"""

import numpy as np
from fusednn.kernels._jit import inline, kernel
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.losses import Loss
from fusednn.kernels.maths import sigmoid, softplus


@inline
def half_of(code):
    """The class that a target names, and whether the row is a sample of the data."""
    whole = np.int64(code)
    return whole // 2, whole % 2 == 1


@kernel
def take_outputs(z, t, work, C, R):
    """work (R,) = the output of each row's class; z (C, R) = 0; overwrites both."""
    zero = cast(0, z[0])
    for r in range(R):
        own, _ = half_of(t[r])
        work[r] = z[own * R + r]
    for i in range(C * R):
        z[i] = zero


@kernel
def put_gradients(z, t, work, R):
    """z (C, R) at each row's class = work (R,); overwrites these."""
    for r in range(R):
        own, _ = half_of(t[r])
        z[own * R + r] = work[r]


@kernel
def game_cross_entropy(value, z, t, work, C, R, constants):
    """Binary cross-entropy of "is of the data"; not saturating (Goodfellow et al. 2014)."""
    take_outputs(z, t, work, C, R)
    zero = cast(0, z[0])
    for r in range(R):
        _, real = half_of(t[r])
        x, target = work[r], constants[0] if real else zero
        value[r] = softplus(x) - target * x
        work[r] = sigmoid(x) - target
    put_gradients(z, t, work, R)
    return 0


@kernel
def game_hinge(value, z, t, work, C, R, constants):
    """max(0, 1 - z) of the data, max(0, 1 + z) of others; the generator's is -z (Lim and Ye)."""
    take_outputs(z, t, work, C, R)
    zero, one, plain = cast(0, z[0]), cast(1, z[0]), constants[1] != cast(0, z[0])
    for r in range(R):
        _, real = half_of(t[r])
        sign = -one if real else one
        margin = one + sign * work[r]
        inside = plain or margin > zero
        value[r] = sign * work[r] if plain else (margin if inside else zero)
        work[r] = sign if inside else zero
    put_gradients(z, t, work, R)
    return 0


@kernel
def game_least_squares(value, z, t, work, C, R, constants):
    """(z - target)^2 / 2, with the target 0 of what is generated (Mao et al. 2017)."""
    take_outputs(z, t, work, C, R)
    zero, half = cast(0, z[0]), cast(0.5, z[0])
    for r in range(R):
        _, real = half_of(t[r])
        gap = work[r] - (constants[0] if real else zero)
        value[r] = half * gap * gap
        work[r] = gap
    put_gradients(z, t, work, R)
    return 0


@kernel
def game_wasserstein(value, z, t, work, C, R, constants):
    """-z of the data, z of what is generated (Arjovsky, Chintala and Bottou 2017)."""
    take_outputs(z, t, work, C, R)
    one = cast(1, z[0])
    for r in range(R):
        _, real = half_of(t[r])
        sign = -one if real else one
        value[r] = sign * work[r]
        work[r] = sign
    put_gradients(z, t, work, R)
    return 0


GAME_LOSSES = {
    "bce": Loss(None, game_cross_entropy, targets="class", constants=(1.0, 0.0)),
    "hinge": Loss(None, game_hinge, targets="class", constants=(1.0, 0.0)),
    "least_squares": Loss(None, game_least_squares, targets="class", constants=(1.0, 0.0)),
    "wasserstein": Loss(None, game_wasserstein, targets="class", constants=(1.0, 0.0)),
}
"""The losses of both players by name."""

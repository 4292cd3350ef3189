"""The losses of adversarial training: their formulas, and gradients by differences."""

import numpy as np
import pytest
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.ops.game_losses import GAME_LOSSES

ROWS = 40
NAMES = pytest.mark.parametrize("name", GAME_LOSSES)
CALLS = {}


def call_of(name):
    """The loss of arrays, compiled once."""
    if name not in CALLS:
        function = GAME_LOSSES[name].function

        def run(value, z, t, work, constants):
            C, R = z.shape
            return function(data(value), data(z), data(t), data(work), C, R, data(constants))

        CALLS[name] = kernel(run)
    return CALLS[name]


def ours(name, z, t, constants):
    """Values and gradients of rows z (R, C)."""
    block, value, work = z.T.copy(), np.empty(len(z)), np.empty(3 * len(z))
    assert call_of(name)(value, block, t, work, np.array([*constants, 0.0])) == 0
    return value, block.T


def expected(name, z, real, goal, plain):
    """The formulas, of the outputs of each row's own class."""
    if name == "bce":
        target = np.where(real, goal, 0.0)
        return -target * np.log(1 / (1 + np.exp(-z))) - (1 - target) * np.log(1 / (1 + np.exp(z)))
    sign = np.where(real, -1.0, 1.0)
    if name == "hinge":
        return sign * z if plain else np.maximum(0, 1 + sign * z)
    if name == "least_squares":
        return (z - np.where(real, goal, 0.0)) ** 2 / 2
    return sign * z


@NAMES
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("constants", [(1.0, 0.0), (0.9, 0.0), (1.0, 1.0)])
def test_values_and_gradients(name, outputs, constants):
    random = np.random.RandomState(0)
    z = random.normal(scale=2, size=(ROWS, outputs))
    classes = random.randint(outputs, size=ROWS)
    real = np.ones(ROWS, bool) if constants[1] else random.randint(2, size=ROWS) == 1
    t = 2.0 * classes + real
    value, gradient = ours(name, z, t, constants)
    at = np.arange(ROWS), classes
    np.testing.assert_allclose(value, expected(name, z[at], real, *constants), rtol=1e-12)
    step = 1e-6
    up, down = (expected(name, z[at] + move, real, *constants) for move in (step, -step))
    np.testing.assert_allclose(gradient[at], (up - down) / (2 * step), rtol=1e-6, atol=1e-9)
    gradient = gradient.copy()
    gradient[at] = 0
    assert not gradient.any()

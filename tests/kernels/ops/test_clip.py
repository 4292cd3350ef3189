"""Clipping of the gradient, by plain NumPy: norms over all parameters, and values."""

import numpy as np
import pytest
from oracles.reference_network import loss_and_gradient
from running.sessions import by_kind, open_session, random_network, random_targets

from fusednn.plan.training import Rule

SIZES, RATE, L2 = [6, 75, 66, 3], 0.5, 0.3  # more than one part of the flat gradient
X = np.random.RandomState(0).normal(size=(23, 6))
T = random_targets("softmax", 23, 3, np.float64)
BOUNDS = [(0.05, np.inf), (np.inf, 0.004), (0.05, 0.004), (1e9, 1e9), (1e-12, np.inf)]


def clipped(gradient, norm, value):
    total = np.sqrt(sum((g**2).sum() for g in gradient))
    factor = min(1.0, norm / (total + 1e-6))
    return [np.clip(g * factor, -value, value) for g in gradient]


@pytest.mark.parametrize(("norm", "value"), BOUNDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps(norm, value, dtype):
    """Two passes in batches, the last one smaller."""
    parameters = random_network(SIZES, dtype)
    rule = Rule("sgd", (0.0,), norm, value)
    x, t = X.astype(dtype), T.astype(dtype)
    with open_session(x, t, parameters, loss="softmax", rule=rule, batch=9, l2=L2) as session:
        losses = [session.run_passes(np.full(3, RATE))[0] for _ in range(2)]
        ours = by_kind(session.parameters())
    coefs, intercepts = ([part.astype(float) for part in group] for group in parameters)
    for turn in range(2):
        total = 0.0
        for start in range(0, 23, 9):
            rows = slice(start, start + 9)
            loss, *groups = loss_and_gradient(
                "tanh", "softmax", coefs, intercepts, X[rows], T[rows], np.ones(len(X[rows])), L2
            )
            total += loss * len(X[rows])
            steps = clipped([*groups[0], *groups[1]], norm, value)
            for part, step in zip([*coefs, *intercepts], steps, strict=True):
                part -= RATE * step
        assert losses[turn] == pytest.approx(total / 23, rel=1e-5)
    tolerance = 2e-5 if dtype is np.float32 else 1e-12
    for one, other in zip(ours, [*coefs, *intercepts], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, abs(other).max()))

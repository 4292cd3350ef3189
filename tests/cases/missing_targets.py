"""Targets of which some are unknown, and what networks must make of the known."""

import numpy as np
import pytest
from oracles import reference_network

from fusednn import MLPClassifier, MLPRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(230, 4))
FULL = np.exp(np.c_[X[:, 0], X[:, 1] * X[:, 2], X[:, 3]] / 3)
UNKNOWN = rng.random(FULL.shape) < 0.3
PART = np.where(UNKNOWN, np.nan, FULL)
WEIGHTS = rng.uniform(0.5, 2, len(X))
BITS = (FULL > 1).astype(int)
PART_BITS = np.where(UNKNOWN, np.nan, BITS)
NUMBERS = np.c_[np.digitize(FULL[:, 0], [0.8, 1.2]), BITS[:, 1:]]
PART_NUMBERS = np.where(UNKNOWN, np.nan, NUMBERS)
NAMES = np.array(["ant", "bee", "cow"], object)
PART_NAMES = np.where(UNKNOWN, None, NAMES[NUMBERS])
SMALL = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 4, "activation": "tanh"}
IGNORE = {**SMALL, "missing_targets": "ignore"}
TARGETS = {
    "regression": (MLPRegressor, FULL, PART),
    "multilabel": (MLPClassifier, BITS, PART_BITS),
    "numbers": (MLPClassifier, NUMBERS, PART_NUMBERS),
    "words": (MLPClassifier, NAMES[NUMBERS], PART_NAMES),
}
each_kind = pytest.mark.parametrize("kind", TARGETS)


def known_only(loss, groups=None):
    """A loss over the known entries, and its gradient: one column at a time."""

    def value_and_gradient(z, t):
        edges = np.cumsum(groups or [z.shape[1] // t.shape[1]] * t.shape[1])[:-1]
        value, parts = np.zeros(len(t)), []
        for part, column in zip(np.split(z, edges, axis=1), t.T, strict=True):
            known = ~np.isnan(column)
            v, g = reference_network.LOSSES[loss](part[known], column[known, np.newaxis])
            value[known] += v
            parts.append(np.zeros(part.shape))
            parts[-1][known] = g
        return value, np.hstack(parts)

    return value_and_gradient


def expected(model, loss, targets, weights, groups=None):
    """Loss and gradient as the documentation has them: by the weights of the known."""
    shares = np.mean(~np.isnan(targets), axis=1)
    value_and_gradient = known_only(loss, groups)

    def over_shares(z, t):  # the reference divides by the sum of the weights it is given
        value, gradient = value_and_gradient(z, t)
        return value / shares, gradient / shares[:, np.newaxis]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(reference_network.LOSSES, "known", over_shares)
        return reference_network.loss_and_gradient(
            *("tanh", "known", model.coefs_, model.intercepts_, X, targets),
            *(weights * shares, model.alpha),
        )


# at least one known target in each row: rows without are another test's
for known_row in np.flatnonzero(UNKNOWN.all(axis=1)):
    PART[known_row, 0], PART_BITS[known_row, 0] = FULL[known_row, 0], BITS[known_row, 0]
    PART_NUMBERS[known_row, 0] = NUMBERS[known_row, 0]
    PART_NAMES[known_row, 0] = NAMES[NUMBERS[known_row, 0]]
KNOWN = ~np.isnan(PART)
IDS = [None if row == 5 else 2**60 + row % 3 for row in range(60)]
PAIRS = np.array([IDS, IDS[::-1]], object).T

"""Pools whose windows are far larger than the samples: only what is within counts."""

import numpy as np
import pytest

from fusednn import NetworkRegressor, freeze
from fusednn.layers import AvgPool1D, AvgPool2D, Flatten, MaxPool1D, MaxPool2D

SERIES = np.random.default_rng(0).normal(size=(6, 5, 3))
IMAGES = np.random.default_rng(1).normal(size=(6, 4, 5, 3))
WIDE, HALF = 20_000, 10_000
LONG = 200_000_000


@pytest.mark.parametrize(
    ("layer", "X", "expected"),
    [
        (MaxPool2D(WIDE, WIDE, padding=HALF), IMAGES, IMAGES.max((1, 2))),
        (AvgPool2D(WIDE, WIDE, padding=HALF), IMAGES, IMAGES.sum((1, 2)) / WIDE**2),
        (MaxPool1D(LONG, padding=LONG // 2), SERIES, SERIES.max(1)),
        (AvgPool1D(LONG, padding=LONG // 2), SERIES, SERIES.sum(1) / LONG),
        # a second window begins within the padding before the last three steps
        (MaxPool1D(WIDE, HALF + 2, HALF, ceil_mode=True), SERIES, None),
    ],
    ids=["largest", "mean", "largest of series", "mean of series", "overhanging"],
)
def test_wide_windows(layer, X, expected):
    model = NetworkRegressor([layer, Flatten()], random_state=0).initialize(X, np.zeros(6))
    if expected is None:
        expected = np.concatenate([SERIES.max(1), SERIES[:, 2:].max(1)], axis=1)
    weights, biases = model.get_weights()[-1]
    answers = (expected @ weights + biases).ravel()
    np.testing.assert_allclose(model.predict(X), answers, rtol=1e-9)
    np.testing.assert_allclose(freeze(model).predict(X), answers, rtol=1e-9)

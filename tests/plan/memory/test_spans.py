"""Loops over samples: their steps, and the memory of what they alone use."""

import numpy as np
import pytest
from cases.op_networks import CASES

from fusednn import NetworkClassifier
from fusednn.layers import Conv2D, Dense, Flatten, MaxPool2D
from fusednn.plan.memory import spans
from fusednn.training.session import Session


@pytest.fixture
def plans(monkeypatch):
    """The plans of fits."""
    found, begin = [], Session.__enter__

    def entered(session):
        found.append(session.plan)
        return begin(session)

    monkeypatch.setattr(Session, "__enter__", entered)
    return found


def fit(layers, X, **options):
    y = np.arange(len(X)) % 3
    return NetworkClassifier(layers, max_iter=1, random_state=0, **options).fit(X, y)


def test_memory_of_images(plans):
    """What the way back needs of 128 images, and two steps of all else: not 80 MB."""
    X = np.random.default_rng(0).normal(size=(128, 28, 28, 1)).astype(np.float32)
    layers = [
        *(Conv2D(32, 3, "relu", padding="valid"), Conv2D(64, 3, "relu", padding="valid")),
        *(MaxPool2D(2), Flatten(), Dense(128, "relu")),
    ]
    with pytest.warns(UserWarning, match="iterations"):
        fit(layers, X, batch_size=128, n_jobs=2)
    [plan] = plans
    assert sum(array.nbytes for array in plan.memory.work) < 25e6


@pytest.mark.parametrize("near", [1, 30_000])
def test_bits_depend_on_no_threads(near, monkeypatch):
    monkeypatch.setattr(spans, "STEP_BYTES", near)
    X = np.random.default_rng(0).normal(size=(50, 9, 8, 2)).astype(np.float32)
    layers = [Conv2D(12, 3, "relu"), MaxPool2D(2), Conv2D(5, 2, "tanh"), Flatten(), Dense(9)]
    with pytest.warns(UserWarning, match="iterations"):
        one, *others = (fit(layers, X, batch_size=23, n_jobs=jobs) for jobs in (1, 2, 3))
    for other in others:
        for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


def test_every_network_of_images_has_loops():
    """Those that the tests of gradients run in small steps."""
    assert sum(network.positions > 1 for network in CASES.values()) > 20

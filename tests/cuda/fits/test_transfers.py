"""What goes to a device and comes back in a fit: data once, and totals in each pass."""

import numpy as np
import pytest
from running.host_device import opened_as_cuda

from fusednn import MLPClassifier

X = np.random.default_rng(0).normal(size=(90, 7))
LABELS = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int) + (X[:, 3] > 1)


def mlp(**given):
    shared = {"batch_size": 32, "max_iter": 4, "random_state": 0, "tol": 0.0, "device": "cuda"}
    return MLPClassifier(**{"hidden_layer_sizes": (9, 6), **shared, **given})


def test_data_are_sent_once():
    rows = np.random.default_rng(1).normal(size=(3000, 40)).astype(np.float32)
    with opened_as_cuda() as devices, pytest.warns(UserWarning, match="Maximum iterations"):
        mlp(max_iter=20, batch_size=300).fit(rows, rows[:, 0] > 0)
    orders = 20 * 3000 * 8
    assert devices[0].sent < rows.nbytes + 1.5 * orders


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_time": 100.0},
        {"early_stopping": True, "ema_decay": 0.9},
        {"early_stopping": True, "normalization": "batch"},
    ],
    ids=str,
)
def test_passes_bring_totals_alone(options):
    """Neither to see whether weights are finite, nor to be able to take a pass back."""
    brought, sent = [], []
    for passes in (2, 12):
        model = mlp(hidden_layer_sizes=(150, 150), max_iter=passes, **options)
        with opened_as_cuda() as devices:
            model.fit(X, LABELS)
        brought.append(devices[0].brought)
        sent.append(devices[0].sent)
    weights = sum(w.nbytes for w in model.coefs_)
    assert weights > 90_000
    assert brought[1] - brought[0] < 30_000  # of ten passes: and variances, for held-out samples
    assert sent[1] - sent[0] < 60_000
    assert devices[0].copied > weights

"""Dropout as its users meet it."""

import pickle

import numpy as np
import pytest
from oracles.parity import assert_same_bits

from fusednn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(130, 6))
LABELS = (X[:, 0] + X[:, 1] ** 2 > 1).astype(int) + (X[:, 2] > 0)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("params", [{}, {"batch_size": 6000}, {"activation": "tanh"}], ids=str)
def test_threads_and_passes_together_change_no_bit(kind, params, capsys):
    many, y = np.tile(X, (50, 1)), np.tile(LABELS, 50)
    options = {"hidden_layer_sizes": (30, 20), "dropout": 0.3, "max_iter": 3, "random_state": 0}
    models = [
        kind(n_jobs=n_jobs, verbose=verbose, **options, **params).fit(many, y)
        for n_jobs, verbose in ((1, False), (2, False), (3, True))
    ]
    capsys.readouterr()
    assert_same_bits(models[0], models[1])
    assert_same_bits(models[0], models[2])
    assert_same_bits(*(kind(**options).fit(X, LABELS) for _ in range(2)))


def test_no_dropout_is_the_network_of_before():
    options = {"hidden_layer_sizes": (9, 7), "max_iter": 20, "random_state": 0}
    plain = MLPClassifier(**options).fit(X, LABELS)
    for rate in (0.0, [0.0, 0.0]):
        assert_same_bits(MLPClassifier(dropout=rate, **options).fit(X, LABELS), plain)
    dropped = MLPClassifier(dropout=[0.5, 0.0], **options).fit(X, LABELS)
    assert abs(dropped.coefs_[0] - plain.coefs_[0]).max() > 1e-3


def test_only_training_leaves_out():
    model = MLPClassifier((40,), dropout=0.5, max_iter=30, random_state=0).fit(X, LABELS)
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    logits = hidden @ model.coefs_[1] + model.intercepts_[1]
    np.testing.assert_allclose(model.predict_logits(X), logits, atol=1e-12)
    np.testing.assert_allclose(model.predict_logits(np.tile(X, (9, 1)))[-130:], logits, atol=1e-12)
    plain = pickle.loads(pickle.dumps(model)).set_params(dropout=0.0)
    for one, other in zip(
        model.loss_and_gradient(X, LABELS)[1], plain.loss_and_gradient(X, LABELS)[1], strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_every_batch_of_partial_fit_has_masks_of_its_own():
    """With one seed for all calls; a copy of the estimator goes on as the first would."""
    options = {"dropout": 0.5, "random_state": 0, "solver": "sgd", "momentum": 0.0}
    first = MLPClassifier((30,), learning_rate_init=1e-9, **options)
    first.partial_fit(X, LABELS, classes=[0, 1, 2])
    moved = []
    for _ in range(2):
        before = first.coefs_[1]
        first.partial_fit(X, LABELS)
        moved.append((first.coefs_[1] - before) / 1e-9)
    assert abs(moved[0] - moved[1]).max() > 0.01 * abs(moved[0]).max()
    copy = pickle.loads(pickle.dumps(first))
    assert_same_bits(copy.partial_fit(X, LABELS), first.partial_fit(X, LABELS))


def test_refused_rates():
    for rate, words in (
        (1.0, "dropout"),
        (-0.1, "dropout"),
        ("half", "dropout"),
        ([0.1], "2 of them"),
        ([0.1, 1.0], "2 of them"),
        ([0.1, np.nan], "2 of them"),
    ):
        with pytest.raises(ValueError, match=words):
            MLPClassifier((5, 4), dropout=rate).fit(X, LABELS)
    with pytest.raises(ValueError, match="dropout or noise is for solvers"):
        MLPClassifier((5,), dropout=0.1, solver="lbfgs").fit(X, LABELS)

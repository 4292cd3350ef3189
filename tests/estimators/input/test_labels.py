"""Odd labels are learnt and scored as scikit-learn does."""

import numpy as np
import pytest
from oracles.parity import CLASSES, assert_same_network, outcome
from scipy import sparse

X = np.random.RandomState(0).normal(size=(80, 5))
INDICATOR = (X[:, :3] > 0).astype(int)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fits(y, sample_weight=None, **params):
    params = {"hidden_layer_sizes": (7,), "max_iter": 12, "random_state": 0, **params}
    return [cls(**params).fit(X, y, sample_weight) for cls in CLASSES["classifier"]]


ON = [(0, 255), (0, 2), (-1, 1), (3, 7), (False, True)]
FORMS = [(np.asarray, pair) for pair in ON]
FORMS += [(sparse.csr_matrix, pair) for pair in ON if not pair[0]]


@pytest.mark.parametrize(("form", "off_on"), FORMS, ids=str)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_whatever_stands_for_a_label(off_on, form, solver):
    y = np.where(INDICATOR, off_on[1], off_on[0])
    theirs, ours = fits(form(y), solver=solver)
    if solver == "adam":
        assert_same_network(theirs, ours, 1e-9)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.05)
    np.testing.assert_array_equal(
        sparse.csr_matrix(ours.predict(X)).toarray(),
        sparse.csr_matrix(theirs.predict(X)).toarray(),
    )


@pytest.mark.parametrize("y", [np.zeros(80, int), np.full(80, "only")], ids=["0", "text"])
def test_one_class_is_always_right(y):
    theirs, ours = fits(y, early_stopping=True)
    assert ours.validation_scores_ == theirs.validation_scores_
    assert ours.n_iter_ == theirs.n_iter_
    assert_same_network(theirs, ours, 1e-9)


def test_held_out_samples_without_weight():
    y, weights = INDICATOR[:, 0], np.ones(80)
    held_out = np.random.RandomState(1).choice(80, 60, replace=False)
    weights[held_out] = 0

    def call(cls):
        own = {"validation_fraction": 0.1, "early_stopping": True, "random_state": 3}
        return outcome(lambda: cls((4,), max_iter=2, **own).fit(X, y, np.where(y, weights, 0)))

    theirs, ours = map(call, CLASSES["classifier"])
    assert (ours.error is None) == (theirs.error is None)


def test_losses_are_numpys_floats():
    for model in fits(INDICATOR[:, 0]):
        assert isinstance(model.loss_, np.float64)
        assert isinstance(model.best_loss_, np.float64)
        assert {type(loss) for loss in model.loss_curve_} == {np.float64}

"""`class_weight` in the loss, and not in the scores."""

import numpy as np
import pytest
from cases.validated_fits import LABELS, TARGETS, WEIGHTS, X, new
from oracles.parity import assert_same_bits
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -- weights ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5, 2: 1.5}])
def test_class_weights_are_sample_weights(kind, solver, class_weight):
    y = TARGETS[kind]
    if isinstance(class_weight, dict):
        class_weight = {label: class_weight[label] for label in np.unique(y)}
    weights = compute_sample_weight(class_weight, y)
    for own in (None, WEIGHTS):
        model = new(kind, solver=solver, class_weight=class_weight).fit(X, y, own)
        expected = new(kind, solver=solver).fit(X, y, weights if own is None else weights * own)
        assert_same_bits(model, expected)
    if isinstance(class_weight, dict) and solver != "lbfgs":
        classes, model = np.unique(y), new(kind, solver=solver, class_weight=class_weight)
        expected = new(kind, solver=solver).partial_fit(X, y, weights, classes=classes)
        assert_same_bits(model.partial_fit(X, y, classes=classes), expected)


def test_balanced_weights_help_the_rare():
    rare = (X[:, 0] > 1.5).astype(int)
    plain, balanced = (
        new("binary", class_weight=weight, max_iter=60, tol=0).fit(X, rare).predict(X)
        for weight in (None, "balanced")
    )
    assert balanced[rare == 1].mean() > plain[rare == 1].mean()
    assert compute_class_weight("balanced", classes=np.array([0, 1]), y=rare)[1] > 5


def test_batches_without_some_class():
    model = new("binary", class_weight={1: 5.0}).partial_fit(X, TARGETS["binary"], classes=[0, 1])
    rows = TARGETS["binary"] == 0
    model.partial_fit(X[rows], TARGETS["binary"][rows])
    assert np.isfinite(model.loss_and_gradient(X[rows], TARGETS["binary"][rows])[0])


def test_refused_class_weights():
    with pytest.raises(ValueError, match=r"balanced.*partial_fit"):
        new("binary", class_weight="balanced").partial_fit(X, TARGETS["binary"], classes=[0, 1])
    with pytest.raises(ValueError, match="'class_weight' parameter of MLPClassifier"):
        new("binary", class_weight="even").fit(X, TARGETS["binary"])


def test_scores_of_held_out_samples_do_not_see_class_weights():
    weight = {0: 1e-6, 1: 1.0, 2: 1.0}
    options = {"early_stopping": True, "validation_fraction": 0.5}
    model = new("multiclass", class_weight=weight, **options).fit(X, LABELS)
    steps = np.array(model.validation_scores_) * 120
    np.testing.assert_allclose(steps, steps.round(), atol=1e-9)

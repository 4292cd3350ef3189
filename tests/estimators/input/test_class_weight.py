"""What `class_weight` may be: finite numbers from 0, of which some sample of y must have one
above 0. Anything else is refused by its name, and nothing is trained."""

import math
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from oracles.parity import assert_same_bits
from sklearn.linear_model import LogisticRegression

from fusednn import MLPClassifier, NetworkClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
LABELS = (X[:, 0] > 0).astype(int)
COLUMNS = np.array(["ant", "bee"])[np.c_[LABELS, X[:, 1] > 0].astype(int)]
INDICATORS = np.c_[LABELS, X[:, 1] > 0].astype(int)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BAD = [math.nan, None, math.inf, -1, -math.inf, "1", b"1", "many", [1], 10**400, 1j, np.nan]


def new(class_weight, cls=MLPClassifier, **params):
    params = {"max_iter": 2, "random_state": 0, **params}
    return cls(class_weight=class_weight, **params)


def assert_refused(model, call, words):
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match=words):
        call(model)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("value", BAD, ids=repr)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_factor_that_is_none(solver, value):
    words = r"^class_weight must have finite numbers from 0, got .* for the label 1\.$"
    for cls in (MLPClassifier, NetworkClassifier):
        model = new({0: 1, 1: value}, cls, solver=solver)
        assert_refused(model, lambda e: e.fit(X, LABELS), words)
        if solver == "adam":
            assert_refused(model, lambda e: e.partial_fit(X, LABELS, classes=[0, 1]), words)


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_a_factor_that_is_none_in_a_list(value):
    of_words = [{"ant": 1, "bee": 1}, {"ant": value, "bee": 1}]
    words = r"got .* for the label 'ant'\.$"
    assert_refused(new(of_words), lambda e: e.fit(X, COLUMNS), words)
    classes = [["ant", "bee"]] * 2
    assert_refused(new(of_words), lambda e: e.partial_fit(X, COLUMNS, classes=classes), words)
    of_labels = [{0: 1, 1: value}, {0: 1, 1: 1}]
    assert_refused(new(of_labels), lambda e: e.fit(X, INDICATORS), "for the label 1")


def test_one_that_was_fitted_goes_on_after_a_refusal():
    model = new(None, warm_start=True).fit(X, LABELS).set_params(class_weight={0: 1, 1: math.nan})
    for call in (lambda e: e.fit(X, LABELS), lambda e: e.partial_fit(X, LABELS)):
        assert_refused(model, call, "class_weight must have finite numbers")
    model.set_params(class_weight={0: 1, 1: 2}).partial_fit(X, LABELS)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("class_weight", "y"),
    [
        ({0: 0, 1: 0}, LABELS),
        ([{"ant": 0, "bee": 0}, {"ant": 1, "bee": 1}], COLUMNS),
        ({0: 0, 1: 1}, np.zeros(60, int)),
    ],
    ids=["all", "in a list", "all that y has"],
)
def test_no_sample_has_a_weight(class_weight, y, solver):
    words = r"^class_weight=.* leaves no sample a weight"
    if y.ndim == 1:
        y = np.where(np.arange(60) < 0, 1, y)
    assert_refused(new(class_weight, solver=solver), lambda e: e.fit(X, y), words)
    if solver == "adam":
        classes = [0, 1] if y.ndim == 1 else [["ant", "bee"]] * 2
        model = new(class_weight)
        assert_refused(model, lambda e: e.partial_fit(X, y, classes=classes), words)


def test_class_and_sample_weights_that_leave_none():
    words = r"^class_weight=.* leaves no sample a weight"
    weights = (LABELS == 1).astype(float)
    assert_refused(new({0: 1, 1: 0}), lambda e: e.fit(X, LABELS, weights), words)


@pytest.mark.parametrize(
    "value", [2, 2.0, np.float32(2), np.int8(2), np.array(2), Fraction(2), Decimal(2)], ids=repr
)
def test_what_scikit_learn_takes(value):
    LogisticRegression(class_weight={0: 1, 1: value}).fit(X, LABELS)
    for y, class_weight in ((LABELS, {0: 1, 1: value}), (INDICATORS, [{0: 1, 1: value}] * 2)):
        expected = [{0: 1.0, 1: 2.0}] * 2 if y.ndim == 2 else {0: 1.0, 1: 2.0}
        assert_same_bits(new(class_weight).fit(X, y), new(expected).fit(X, y))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("batch_size", [60, 7])
def test_a_class_of_weight_zero_is_not_trained_on(solver, batch_size):
    """Its samples still count in scores, which class weights never do."""
    params = {"solver": solver, "batch_size": batch_size}
    model = new({0: 1, 1: 0}, **params).fit(X, LABELS)
    assert_same_bits(model, new(None, **params).fit(X, LABELS, (LABELS == 0).astype(float)))
    model = new({0: 1, 1: 0}, early_stopping=True, validation_fraction=0.5, max_iter=30)
    assert model.fit(X, LABELS).best_validation_score_ < 0.9

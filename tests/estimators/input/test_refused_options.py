"""Refused parameters, and fits that are not for all: scikit-learn's own classes say how."""

import re

import pytest
from cases.refused_arguments import (
    DATA,
    GOOD,
    KINDS,
    LABELLED,
    OPTIONS,
    VALUES,
    X,
    assert_alike,
    both,
    ordered,
    target,
)
from fusednn.kernels.activations import ACTIVATIONS
from oracles.parity import CLASSES, FITTED, outcome, parameters

from fusednn.optimizers import NAMED, Adam


@KINDS
@pytest.mark.parametrize(("name", "value"), OPTIONS, ids=str)
def test_options(kind, name, value):
    params = {"random_state": 0, name: value}
    assert_alike(*both(kind, lambda e: e.fit(X, GOOD[kind]), **params))


@KINDS
@pytest.mark.parametrize("value", ["sine", None])
def test_activation(kind, value):
    """In scikit-learn's words, but the names are those of our table."""
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind]), random_state=0, activation=value)
    names = re.search(r"\{.*\}", ours.error[1])[0]
    assert set(re.findall(r"'(\w+)'", names)) == set(ACTIVATIONS)
    assert ours.error[1].replace(names, "{}") == re.sub(r"\{.*\}", "{}", theirs.error[1])
    assert ours.error[0] == theirs.error[0]


@KINDS
@pytest.mark.parametrize(
    ("name", "value"),
    [("dtype", "float16"), ("dtype", None), ("n_jobs", 1.5), ("solver", None), ("solver", Adam)],
)
def test_options_of_our_own(kind, name, value):
    error = outcome(lambda: CLASSES[kind][1](**{name: value}).fit(X, GOOD[kind])).error
    assert error[0] == "InvalidParameterError"
    assert error[1].startswith(f"The '{name}' parameter of {CLASSES[kind][1].__name__} must be")


@KINDS
def test_an_unknown_learning_rate(kind):
    """scikit-learn's words, but for what else may be given."""
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind]), learning_rate="cosine")
    more = ", an instance of 'fusednn.schedules.schedule.Schedule' or a callable. Got"
    assert ordered(ours.error) == ordered(
        (theirs.error[0], theirs.error[1].replace(". Got", more))
    )


@KINDS
def test_an_unknown_solver(kind):
    """scikit-learn's words, but for the list of names."""
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind]), solver="momentum")
    assert ours.error[0] == theirs.error[0]
    words, names = ours.error[1].split(" a str among ")
    assert words == theirs.error[1].split(" a str among ")[0]
    assert names.endswith(
        "or an instance of 'fusednn.optimizers.optimizer.Optimizer'. Got 'momentum' instead."
    )
    for name in ("lbfgs", "sgd", "adam", *NAMED):
        assert repr(name) in names


def test_unknown_loss():
    theirs, ours = both("regressor", lambda e: e.fit(X, VALUES), loss="hinge")
    assert ours.error[0] == theirs.error[0] == "InvalidParameterError"
    assert ours.error[1].startswith("The 'loss' parameter of MLPRegressor must be a str among {")
    assert ours.error[1].endswith("Got 'hinge' instead.")


@KINDS
@pytest.mark.parametrize("params", [{"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_partial_fit_is_not_for_all(kind, params):
    def call(e):
        return e.partial_fit(X, GOOD[kind], **LABELLED[kind])

    params = {"random_state": 0, **params}
    assert_alike(*both(kind, call, **params))
    theirs, ours = (hasattr(cls(**params), "partial_fit") for cls in CLASSES[kind])
    assert theirs == ours


def snapshot(estimator):
    found = {name: getattr(estimator, name) for name in FITTED if hasattr(estimator, name)}
    found["weights"] = [w.copy() for w in parameters(estimator)]
    if hasattr(estimator, "classes_"):
        found["classes_"] = estimator.classes_
    found["loss_curve_"] = list(estimator.loss_curve_)
    return found


def unchanged(one, other):
    return {name for name in one if repr(one[name]) == repr(other.get(name))}


REFUSED = [
    "X NaN last",
    "X infinite",
    "X 1-D",
    "X complex",
    "X strings",
    "y short",
    "y NaN",
    "y None",
]


@KINDS
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_fitted_estimator_stays(kind, method, name):
    """What scikit-learn leaves as it was, ours does too: weights above all."""
    data, y = DATA[name]
    kept = []
    for cls in CLASSES[kind]:
        estimator = cls((4,), max_iter=2) if kind == "classifier" else cls(max_iter=2)
        outcome(lambda e=estimator: e.fit(X, GOOD[kind]))
        before = snapshot(estimator)
        told = outcome(lambda e=estimator: getattr(e, method)(data, target(kind, y)))
        assert told.error is not None
        kept.append(unchanged(before, snapshot(estimator)))
        if "weights" in kept[-1]:
            assert estimator.predict(X).shape == (40,)
    assert kept[1] >= kept[0] >= {"weights"}


@KINDS
@pytest.mark.parametrize("params", [{"activation": "huh"}, {"hidden_layer_sizes": (0,)}], ids=str)
def test_a_fitted_estimator_stays_after_a_refused_option(kind, params):
    estimator = CLASSES[kind][1](hidden_layer_sizes=(4,), max_iter=2)
    outcome(lambda: estimator.fit(X, GOOD[kind]))
    before = snapshot(estimator)
    assert outcome(lambda: estimator.set_params(**params).fit(X, GOOD[kind])).error is not None
    after = snapshot(estimator)
    assert unchanged(before, after) == set(before)

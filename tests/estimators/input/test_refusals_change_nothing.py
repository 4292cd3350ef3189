"""What is refused leaves a fitted estimator as it was: attributes, its pickle, its answers."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from cases.refused_arguments import DATA, OPTIONS, WEIGHTS
from oracles.parity import outcome

from fusednn import MLPClassifier, MLPRegressor
from fusednn.training.session import Session

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
LABELS, VALUES = np.arange(40) % 3, X[:, 0] - X[:, 1]
TARGETS = {
    "binary": LABELS % 2,
    "multiclass": LABELS,
    "multilabel": np.c_[LABELS > 0, LABELS > 1].astype(int),
    "regression": VALUES,
    "outputs": np.c_[VALUES, X[:, 2]],
}
STATES = {
    "adam": {},
    "lbfgs": {"solver": "lbfgs"},
    "warm sgd": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "warm_start": True,
        "warm_start_optimizer": True,
    },
    "warm, early stopping": {"warm_start": True, "early_stopping": True},
}
OF_OUR_OWN = [
    ("scoring", "nope"),
    ("class_weight", "even"),
    ("class_weight", {9: 1.0}),
    ("dtype", "float16"),
    ("n_jobs", 0),
    ("hidden_layer_sizes", [None]),
    ("max_time", 0),
]
METHODS = ["fit", "partial_fit"]
LOOKS = ["predict", "predict_proba", "predict_log_proba", "predict_logits"]
LOOKS += ["hidden_activations", "input_gradient"]


def fitted(kind, state):
    cls = MLPRegressor if kind in ("regression", "outputs") else MLPClassifier
    model = cls(hidden_layer_sizes=(4,), max_iter=2, random_state=0, **STATES[state])
    outcome(lambda: model.fit(X, TARGETS[kind]))
    if state in ("adam", "warm sgd"):
        model.partial_fit(X, TARGETS[kind])
    return model


def same(one, other) -> bool:
    """Whether all within is equal, to the bit and in type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "__dict__"):
        return same(vars(one), vars(other))
    return one == other or (one != one and other != other)


def refused(model, call) -> bool:
    """Whether the call is refused; then the model must be what it was."""
    before, stored = copy.deepcopy(vars(model)), pickle.dumps(model)
    answer = outcome(lambda: model.predict(X)).value
    if outcome(lambda: call(model)).error is None:
        return False
    changed = [
        name
        for name in {**before, **vars(model)}
        if not same(before.get(name), vars(model).get(name))
    ]
    assert changed == []
    assert pickle.dumps(model) == stored
    assert same(outcome(lambda: model.predict(X)).value, answer)
    return True


def count(kind, state, calls) -> int:
    """How many of the calls are refused."""
    model, found = fitted(kind, state), 0
    for call in calls:
        if refused(model, call):
            found += 1
        else:
            model = fitted(kind, state)  # the call has trained it
    return found


ALL = [
    pytest.mark.parametrize("kind", TARGETS),
    pytest.mark.parametrize("state", STATES),
    pytest.mark.thinned,
]


def of_all(test):
    for mark in ALL:
        test = mark(test)
    return test


def training(kind, data, y, **more):
    """The calls that train on these."""
    y = TARGETS[kind] if y is None else None if isinstance(y, str) else y
    return [lambda e, m=m: getattr(e, m)(data, y, **more) for m in METHODS]


@of_all
def test_data(kind, state):
    y = TARGETS[kind]
    calls = [call for data in DATA.values() for call in training(kind, *data)]
    for width in (1, 2, 4):
        calls += training(kind, np.ones((40, width)), y)
    calls += training(kind, X, np.asarray(y).astype(str))
    calls += training(kind, X, np.c_[y, y, y])
    assert count(kind, state, calls) > 60


@of_all
def test_sample_weights(kind, state):
    calls = [c for w in WEIGHTS.values() for c in training(kind, X, None, sample_weight=w)]
    assert count(kind, state, calls) >= 14


def fail_in_a_batch(monkeypatch):
    """From now on training fails in the middle of its first pass."""
    original = Session._run_in_slices

    def run(self, steps):
        original(self, steps // 2)
        raise RuntimeError("a batch has failed")

    monkeypatch.setattr(Session, "_run_in_slices", run)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("state", ["adam", "warm sgd"])
def test_an_error_in_some_batch(kind, state, monkeypatch):
    """Some batches have been trained on before it comes."""
    model = fitted(kind, state).set_params(batch_size=10, shuffle=False)
    fail_in_a_batch(monkeypatch)
    for call in training(kind, X, None):
        assert refused(model, call)


@of_all
def test_parameters(kind, state):
    model, found = fitted(kind, state), 0
    for name, value in [*OPTIONS, *OF_OUR_OWN]:
        if name in model.get_params():
            kept = getattr(model, name)
            model.set_params(**{name: value})
            for call in training(kind, X, None):
                if refused(model, call):
                    found += 1
                else:
                    model = fitted(kind, state)
            model.set_params(**{name: kept})
    assert found > 40


@of_all
def test_validation_sets(kind, state):
    y = TARGETS[kind]
    sets = [
        {"X_val": X},
        {"y_val": y},
        {"sample_weight_val": np.ones(40)},
        {"X_val": X[:, 1:], "y_val": y},
        {"X_val": X * np.nan, "y_val": y},
        {"X_val": X, "y_val": y[1:]},
        {"X_val": X, "y_val": np.c_[y, y, y]},
        {"X_val": X, "y_val": y, "sample_weight_val": np.ones(3)},
        {"X_val": X, "y_val": y, "sample_weight_val": np.zeros(40)},
    ]
    calls = [lambda e, given=given: e.fit(X, y, **given) for given in sets]
    assert count(kind, state, calls) == len(sets)


@of_all
def test_looks(kind, state):
    y, model = TARGETS[kind], fitted(kind, state)
    calls = [
        lambda e, m=m, data=data: getattr(e, m)(data)
        for m in LOOKS
        if hasattr(model, m)
        for data in [*(DATA[name][0] for name in DATA if name[0] == "X"), X[:, 1:]]
    ]
    for data, target in ((X, y[1:]), (X * np.nan, y), (X[:, 1:], y)):
        calls += [
            lambda e, d=data, t=target: e.score(d, t),
            lambda e, d=data, t=target: e.loss_and_gradient(d, t),
        ]
    assert count(kind, state, calls) > 60


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0], ["a"], [], 3, [0, np.nan]], ids=str)
def test_other_classes(classes):
    for kind in ("binary", "multiclass", "multilabel"):
        assert refused(
            fitted(kind, "adam"), lambda e, k=kind: e.partial_fit(X, TARGETS[k], classes=classes)
        )


@pytest.mark.parametrize("kind", TARGETS)
def test_weights_that_do_not_fit(kind):
    """Set by the user: refused wherever they are used, and still there to be set right."""
    y = TARGETS[kind]
    for name, layer in (("coefs_", 0), ("coefs_", 1), ("intercepts_", 0), ("intercepts_", 1)):
        model = fitted(kind, "adam")
        right = getattr(model, name)[layer]
        getattr(model, name)[layer] = np.zeros((9,) * right.ndim)
        assert refused(model, lambda e: e.predict(X))
        assert refused(model, lambda e: e.partial_fit(X, y))
        assert refused(model.set_params(warm_start=True), lambda e: e.fit(X, y))
        getattr(model, name)[layer] = right
        answer = fitted(kind, "adam").predict(X)
        np.testing.assert_array_equal(model.predict(X), answer)


@pytest.mark.parametrize("kind", TARGETS)
def test_names_of_columns(kind):
    frame, y = pd.DataFrame(X, columns=["a", "b", "c"]), TARGETS[kind]
    model = fitted(kind, "adam")
    outcome(lambda: model.fit(frame, y))
    renamed = frame.rename(columns={"c": "d"})
    for call in (lambda e: e.predict(renamed), lambda e: e.partial_fit(renamed, y)):
        assert refused(model, call)


SCORED = []


def scorer(model, X, y):
    """Fails after some passes."""
    SCORED.append(0)
    if len(SCORED) == 5:
        raise RuntimeError("no score")
    return len(SCORED)


def test_a_scorer_that_fails():
    SCORED.clear()
    model = fitted("multiclass", "warm, early stopping").set_params(max_iter=9, scoring=scorer)
    assert refused(model, lambda e: e.fit(X, LABELS))
    assert len(SCORED) == 5


def test_one_that_was_never_fitted_is_not_fitted(monkeypatch):
    fail_in_a_batch(monkeypatch)
    model = MLPClassifier((4,), batch_size=10, shuffle=False)
    before = dict(vars(model))
    assert outcome(lambda: model.fit(X, LABELS)).error == ("RuntimeError", "a batch has failed")
    assert vars(model) == before

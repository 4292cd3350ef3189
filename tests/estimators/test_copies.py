"""Copies of fitted estimators: pickles, memory maps, clones, and searches that make them."""

import pickle

import joblib
import numpy as np
import pytest
from cases.fitted_perceptrons import KINDS, OURS, features_and_targets, fitted
from oracles.parity import (
    CLASSES,
    assert_same_bits,
    run_python,
)
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fusednn


@pytest.fixture(scope="module")
def data():
    return features_and_targets()


# -- persistence -----------------------------------------------------------------------------

LOAD = """
import pickle, sys
import numpy as np
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        estimator, X, y, expected = pickle.load(file)
    assert np.array_equal(estimator.predict(X), expected)
    estimator.partial_fit(X, y)
    print(len(estimator.loss_curve_))
"""


def same_state(one, other):
    assert set(vars(one)) == set(vars(other))
    assert one.get_params() == other.get_params()
    assert_same_bits(one, other)


@KINDS
def test_pickle(kind, data):
    estimator = fitted(kind, data)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        copy = pickle.loads(pickle.dumps(estimator, protocol))
        same_state(estimator, copy)
        np.testing.assert_array_equal(copy.predict(data[0]), estimator.predict(data[0]))
    # what goes on from a copy goes on as the original does
    copy, y = pickle.loads(pickle.dumps(estimator)), data[1][kind]
    assert_same_bits(estimator.partial_fit(data[0], y), copy.partial_fit(data[0], y))


def test_pickles_in_another_process(data, tmp_path):
    X, targets = data
    for kind, y in targets.items():
        estimator = fitted(kind, data)
        stored = estimator, X, y, estimator.predict(X)
        (tmp_path / kind).write_bytes(pickle.dumps(stored))
    paths = [tmp_path / kind for kind in targets]
    assert run_python(LOAD, *paths, options=("-W", "error")).split() == ["9"] * len(paths)


def state_types(value):
    """Types of everything an estimator holds."""
    if isinstance(value, dict):
        return set().union(*map(state_types, value.values()), *map(state_types, value))
    if isinstance(value, (list, tuple)):
        return set().union(*map(state_types, value))
    if hasattr(value, "__dict__") and not isinstance(value, np.ndarray):
        return {type(value).__module__.split(".")[0]} | state_types(vars(value))
    return {type(value)}


@KINDS
def test_state_is_arrays_and_plain_numbers(kind, data):
    """No lock, thread, address or compiled function hangs on an estimator."""
    allowed = {int, float, str, bool, type(None), np.ndarray, "fusednn", "sklearn"}
    found = state_types(vars(fitted(kind, data)))
    assert {t for t in found if not (isinstance(t, type) and issubclass(t, np.generic))} <= allowed


@KINDS
def test_joblib_dump_with_memory_map(kind, data, tmp_path):
    """Loaded weights are read-only maps; they predict and go on being trained."""
    estimator = fitted(kind, data)
    joblib.dump(estimator, tmp_path / "model")
    loaded = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(loaded.predict(data[0]), estimator.predict(data[0]))
    y = data[1][kind]
    assert_same_bits(estimator.partial_fit(data[0], y), loaded.partial_fit(data[0], y))


@KINDS
def test_a_clone_is_not_fitted(kind, data):
    copy = clone(fitted(kind, data))
    assert not [name for name in vars(copy) if name.endswith("_")]


# -- with scikit-learn's tools ---------------------------------------------------------------


@KINDS
def test_pipeline_and_grid_search(kind, data):
    model = make_pipeline(StandardScaler(), OURS[kind](max_iter=300, random_state=0, tol=1e-2))
    name = type(model[-1]).__name__.lower()
    grid = {f"{name}__hidden_layer_sizes": [(2,), (9,)], f"{name}__alpha": [1e-4, 1.0]}
    searches = []
    for n_jobs in (1, 2):
        search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, error_score="raise")
        searches.append(search.fit(data[0], data[1][kind]))
    one, two = searches
    assert one.best_params_ == two.best_params_
    np.testing.assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    assert_same_bits(one.best_estimator_[-1], two.best_estimator_[-1])


@KINDS
def test_cross_validation_scores_are_scikit_learns(kind, data):
    scores = []
    for cls in CLASSES[kind]:
        estimator = cls(hidden_layer_sizes=(5,), random_state=0, max_iter=300, tol=1e-2)
        scores.append(cross_val_score(estimator, data[0], data[1][kind], cv=3))
    np.testing.assert_allclose(*scores, rtol=1e-6)


def test_cross_validated_probabilities_of_several_labels(data):
    """scikit-learn's response helpers know the one array of several labels."""
    y = np.c_[data[0][:, 0] > 0, data[0][:, 1] > 0].astype(int)
    estimator = fusednn.MLPClassifier((5,), random_state=0, max_iter=300, tol=1e-2)
    result = cross_val_predict(estimator, data[0], y, method="predict_proba", cv=3)
    assert result.shape == (160, 2)

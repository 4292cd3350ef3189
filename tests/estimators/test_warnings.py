"""Warnings of fits, what fits print, and what they leave of the process."""

import io
import logging
import os
import warnings

import numpy as np
import pytest
from cases.fitted_perceptrons import KINDS, features_and_targets, fitted
from oracles.parity import (
    fit_pair,
    outcome,
    run_python,
)
from scipy import sparse
from threadpoolctl import threadpool_info

import fusednn


@pytest.fixture(scope="module")
def data():
    return features_and_targets()


@KINDS
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True, "tol": 0.5, "n_iter_no_change": 2},
        {"tol": 5.0, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 5.0, "n_iter_no_change": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("verbose", [False, True, 1])
def test_verbose_prints_scikit_learns_lines(kind, data, params, verbose):
    """`fit_pair` compares what both print and warn."""
    fit_pair(kind, data[0], data[1][kind], max_iter=40, verbose=verbose, **params)


STRICT = """
import numpy as np
from scipy import sparse
from fusednn import MLPClassifier, MLPRegressor
rng = np.random.RandomState(0)
X = rng.normal(size=(300, 6)); y = (X[:, 0] > 0).astype(int)
for data in (X, X.astype("f4"), sparse.csr_matrix(X)):
    for params in ({}, {"early_stopping": True}, {"solver": "lbfgs"}, {"n_jobs": 2},
                   {"solver": "sgd", "learning_rate_init": 0.1}):
        for cls in (MLPClassifier, MLPRegressor):
            model = cls(hidden_layer_sizes=(8,), tol=1e-2, max_iter=2000, random_state=0, **params)
            model.fit(data, y).predict(data)
            model.score(data, y)
print("quiet")
"""


@pytest.mark.long
def test_no_warning_that_the_user_did_not_earn(tmp_path):
    """Not from importing, compiling, caching, fitting or predicting; in a fresh cache too."""
    environment = {**os.environ, "FUSEDNN_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(2):
        told = run_python(STRICT, options=("-W", "error"), timeout=200, env=environment)
        assert told.strip() == "quiet"


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_warnings_point_at_the_user(data, method):
    """The line a warning names is the caller's."""
    estimator = fusednn.MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, batch_size=1000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(estimator, method)(data[0], data[1]["regressor"])
    expected = ["batch_size", "Maximum iterations"][: 2 if method == "fit" else 1]
    assert len(caught) == len(expected)
    for warning, text in zip(caught, expected, strict=True):
        assert text in str(warning.message)
        assert warning.filename == __file__


def test_fit_leaves_the_process_alone(data):
    """BLAS threads, NumPy's error state, its print options and its global draws stay."""

    def state():
        threads = [(lib["filepath"], lib["num_threads"]) for lib in threadpool_info()]
        draws = np.random.get_state()[1].tobytes()
        loggers = [*logging.getLogger("fusednn").handlers]
        return threads, np.geterr(), np.get_printoptions(), draws, loggers

    fitted("classifier", data)  # the first fit may load libraries
    before = state()
    for params in ({}, {"solver": "lbfgs"}, {"early_stopping": True}):
        fitted("classifier", data, **params).predict(data[0])
    assert state() == before


def test_nothing_is_printed(data):
    text = io.StringIO()
    told = outcome(lambda: fitted("classifier", data).predict(sparse.csr_matrix(data[0])))
    assert told.printed == text.getvalue() == ""

"""Pipelines and searches beside their predictors."""

import pickle

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - importing it enables

from fusednn import MLPRegressor, freeze


def grid(core, names):
    """Names as parameters; those beyond the core are for the long run."""
    return [name if name in core else pytest.param(name, marks=pytest.mark.long) for name in names]


both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(3, 2, (90, 6))
Y = np.exp(X[:, :2] / 3) @ [[1.0, 2.0], [0.5, 30.0]]
WORDS = np.array(["a", "b", "c"])[np.arange(90) % 3]
SHORT = {"max_iter": 3, "random_state": 0, "n_jobs": 1}


def network(loss="squared_error", **options):
    return MLPRegressor(loss, (5,), **SHORT, **options)


def agree(ours, theirs, dtype):
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def check(model, x):
    """The predictor agrees with the whole, and a row's bits do not depend on how it comes."""
    predictor = freeze(model)
    assert predictor.n_features_in_ == x.shape[1]
    answer = predictor.predict_proba if hasattr(model, "predict_proba") else predictor.predict
    theirs = model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)
    whole = answer(x)
    agree(whole, theirs, x.dtype)
    for rows in range(9):
        np.testing.assert_array_equal(answer(x[rows]), whole[rows : rows + 1])
    np.testing.assert_array_equal(answer(np.asfortranarray(x)[7:70]), whole[7:70])
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(predictor)).predict(x), predictor.predict(x)
    )
    return predictor

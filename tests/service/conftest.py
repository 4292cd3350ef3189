"""Models for the service of `examples/service`, which is found as its own scripts find it."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

import fusednn

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "service"
sys.path.insert(0, str(FOLDER))


@pytest.fixture(scope="session")
def fitted():
    """A function that fits on very little."""

    def fit(estimator, X, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return estimator.set_params(max_iter=5, random_state=0).fit(X, y)

    return fit


@pytest.fixture(scope="session")
def iris(fitted):
    """A fitted classifier of names, and its rows."""
    bunch = load_iris()
    X, y = bunch.data.astype(np.float32), bunch.target_names[bunch.target]
    return fitted(fusednn.MLPClassifier((16,)), X, y), X


@pytest.fixture
def app(iris):
    """A service of its own for each test, with small limits."""
    from app import Limits, create_app

    return create_app(fusednn.freeze(iris[0]), Limits(body=20_000, seconds=5.0, rows=200))

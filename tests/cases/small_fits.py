"""Fits of a moment, for tests of threads and processes."""

import numpy as np
from oracles.parity import fit_quietly

from fusednn import MLPClassifier

LIMIT = 60  # seconds; only a stranded worker takes so long


def small(n_jobs, **params):
    """A net so small that workers spend most of their time at barriers."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(400, 9)), rng.randint(3, size=400)
    params = {"batch_size": 8, "max_iter": 6, "random_state": 0, **params}
    return MLPClassifier((10, 6), n_jobs=n_jobs, **params), X, y


def fit_small(n_jobs, **params):
    estimator, X, y = small(n_jobs, **params)
    return fit_quietly(estimator, X, y)

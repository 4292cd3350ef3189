"""Numbers below the normal ones are 0 in fits and predictions, and stay in the calling thread."""

import numpy as np
import pytest
from cases.window_networks import convolution

from fusednn import NetworkRegressor
from fusednn.graph.layers.reshape import Reshape
from fusednn.plan import cutting
from fusednn.serving import computing
from fusednn.serving.model import VALUES, Head, Model
from fusednn.serving.predictor import Predictor

ROOTS = [np.float32(1e-21), np.float64(1e-158)]
"""Numbers whose squares are subnormal."""
roots = pytest.mark.parametrize("root", ROOTS, ids=["float32", "float64"])
STEPS = 8


def assert_thread_keeps_them(root):
    assert root * root > 0


@roots
@pytest.mark.parametrize("jobs", [1, 2])
def test_fits(root, jobs):
    X, y = np.ones((40, 3), root.dtype), np.full(40, root)
    model = NetworkRegressor([], solver="sgd", n_jobs=jobs, batch_size=10, alpha=0)
    model.initialize(X, y).set_weights([[np.zeros((3, 1)), [0.0]]])
    model.partial_fit(X, y * root)
    assert not any(array.any() for array in model.get_weights()[0])
    model.partial_fit(X, y)
    assert all(array.all() for array in model.get_weights()[0])
    assert_thread_keeps_them(root)


@roots
@pytest.mark.parametrize("jobs", [1, 2])
def test_predictions(root, jobs, monkeypatch):
    monkeypatch.setattr(computing, "BRIEF_FLOPS", 0)
    monkeypatch.setattr(computing, "FLOPS_PER_HELPER", 1)
    monkeypatch.setattr(cutting, "PART_OPERATIONS", 1)
    ops = (Reshape((STEPS, 1)), convolution((STEPS, 1), 4, (1,)))
    arrays = [np.full((1, 1, 4), root), np.zeros(4, root.dtype)]
    model = Model(ops, arrays, Head(VALUES, "identity"), root.dtype, ("A", "A"))
    predictor = Predictor(model, jobs)
    for rows in (1, 2, 500):
        X = np.ones((rows, STEPS), root.dtype)
        assert (predictor(X) == root).all()
        assert not predictor(X * root).any()
    stream = predictor.stream()
    assert (stream.step(np.ones(1, root.dtype)) == root).all()
    assert not stream.step(np.full(1, root)).any()
    assert_thread_keeps_them(root)

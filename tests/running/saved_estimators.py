"""Estimators that are written to files and read again, compared in all that they hold."""

import io
from pathlib import Path

import numpy as np

from fusednn.estimators.files.loading import read_estimator


def saved(estimator, notes=None):
    """What `save` writes."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        estimator.save(path, notes)
        return path.read_bytes()


def again(estimator):
    """The estimator by way of a file."""
    return read_estimator(type(estimator), io.BytesIO(saved(estimator)))


def assert_same_network(one, other):
    """The same parameters and curves, to the bit."""
    for name in ("loss_", "loss_curve_", "n_iter_", "t_", "validation_scores_"):
        assert_same_value(getattr(one, name, None), getattr(other, name, None), name)
    assert_same_value(one._parameters(), other._parameters(), "parameters")


def assert_same_value(one, other, name):
    assert type(one) is type(other), name
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        assert one.tolist() == other.tolist() or one.tobytes() == other.tobytes(), name
    elif isinstance(one, np.random.RandomState):
        assert_same_value(one.get_state(), other.get_state(), name)
    elif isinstance(one, dict):
        assert_same_value(list(one.items()), list(other.items()), name)
    elif type(one) in (list, tuple):
        assert len(one) == len(other), name
        for a, b in zip(one, other, strict=True):
            assert_same_value(a, b, name)
    else:
        assert repr(one) == repr(other), name

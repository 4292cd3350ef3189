"""Networks beside their predictors: by columns, by rows, by blocks."""

import pickle

import numpy as np
import pytest

from fusednn import freeze
from fusednn.layers import (
    BatchNorm,
    Dense,
    Dropout,
    PReLU,
    Residual,
)

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
RANDOM = np.random.RandomState(0)
X = RANDOM.normal(3, 2, size=(211, 6))
NAMES = np.array(["one", "two", "three"])[(X[:, 0] > 3).astype(int) + (X[:, 1] > 3)]
MANY = {"max_iter": 4, "random_state": 0}
OWN = {"max_iter": 4, "random_state": 0, "learning_rate_init": 0.05}

BLOCK = Residual([Dense(6), BatchNorm(), PReLU(), Dense(6, "tanh"), Dropout(0.1)])


def close(ours, theirs, dtype):
    assert np.shape(ours) == np.shape(theirs)
    assert np.asarray(ours).dtype == np.asarray(theirs).dtype
    tolerance = (1e-5 if dtype == np.float32 else 1e-10) * max(1, np.abs(theirs).max())
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def side_by_side(probabilities):
    return np.hstack(probabilities) if isinstance(probabilities, list) else probabilities


def as_columns(classes):
    return classes if isinstance(classes, list) else [classes]


def check_classifier(model, x):
    p = freeze(model)
    assert p.n_features_in_ == x.shape[1]
    theirs, ours = model.predict_proba(x), p.predict_proba(x)
    assert type(ours) is type(theirs)
    theirs, ours = side_by_side(theirs), side_by_side(ours)
    close(ours, theirs, x.dtype)
    # where the labels are not a matter of rounding
    clear = abs(np.diff(np.sort(theirs, axis=1)[:, -2:])).ravel() > 1e-4
    assert clear.mean() > 0.9
    labels, expected = p.predict(x), model.predict(x)
    np.testing.assert_array_equal(labels[clear], expected[clear])
    assert labels.dtype == expected.dtype
    assert list(map(list, as_columns(p.classes_))) == list(map(list, as_columns(model.classes_)))
    return p, lambda rows: side_by_side(p.predict_proba(rows))


def check_bits(p, answer, x):
    """A row's answer does not depend on how it comes, nor on what came before."""
    whole = answer(x)
    for rows in (1, 7, 64, 150):
        np.testing.assert_array_equal(answer(x[rows : 2 * rows]), whole[rows : 2 * rows])
    for row in range(9):
        np.testing.assert_array_equal(answer(x[row]), whole[row : row + 1])
    np.testing.assert_array_equal(p(np.asfortranarray(x)), p(x))
    other = pickle.loads(pickle.dumps(p))
    np.testing.assert_array_equal(other(x), p(x))
    assert repr(other) == repr(p)

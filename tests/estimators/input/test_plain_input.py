"""Input that goes past scikit-learn's checks is what they would hand back, silently."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_X_y, validate_data

from fusednn import MLPRegressor
from fusednn.estimators.input.constraints import DTYPES
from fusednn.estimators.input.plain_input import (
    are_known_labels,
    is_plain_input,
    is_plain_target,
    takes_plain_input,
)

X = np.random.RandomState(0).normal(size=(6, 3))


class Subclass(np.ndarray):
    pass


def with_value(value, dtype=float):
    changed = X.astype(dtype)
    changed[2, 1] = value
    return changed


PLAIN = {
    "float64": X,
    "float32": X.astype(np.float32),
    "one row": X[:1],
    "columns first": np.asfortranarray(X),
    "every second": np.repeat(X, 2, axis=0)[::2],
    "backwards": X[::-1, ::-1],
    "one value": np.broadcast_to(1.0, (6, 3)),
}
OTHER = {
    "nan": with_value(np.nan),
    "inf": with_value(np.inf),
    "minus inf": with_value(-np.inf, np.float32),
    "large": np.full((6, 3), 1.7e308),
    "integers": X.astype(int),
    "bool": X > 0,
    "half": X.astype(np.float16),
    "long": X.astype(np.longdouble),
    "bytes swapped": X.astype(">f8"),
    "complex": X.astype(complex),
    "object": X.astype(object),
    "text": X.astype(str),
    "no rows": X[:0],
    "vector": X[0],
    "number": np.array(1.0),
    "three axes": X[np.newaxis],
    "fewer columns": X[:, :2],
    "no columns": X[:, :0],
    "masked": np.ma.masked_array(X),
    "subclass": X.view(Subclass),
    "list": X.tolist(),
    "table": pd.DataFrame(X),
    "named": pd.DataFrame(X, columns=list("abc")),
    "sparse": sp.csr_matrix(X),
    "none": None,
    "string": "X",
}
READ_ONLY = X.copy()
READ_ONLY.flags.writeable = False
PLAIN["read-only"] = READ_ONLY


def estimator(**attributes):
    made = MLPRegressor()
    made.n_features_in_ = 3
    vars(made).update(attributes)
    return made


def silently(function):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return function()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*PLAIN, *OTHER])
def test_input(name, dtype):
    found = {**PLAIN, **OTHER}[name]
    plain = silently(lambda: is_plain_input(estimator(), found, DTYPES[dtype]))
    if plain:
        options = {"dtype": DTYPES[dtype], "accept_sparse": ["csr", "csc"], "reset": False}
        assert silently(lambda: validate_data(estimator(), found, **options)) is found
    assert plain == (name in PLAIN and found.dtype in DTYPES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*PLAIN, *OTHER])
def test_input_of_a_fit(name, dtype):
    found = {**PLAIN, **OTHER}[name]
    ours, theirs = (estimator(feature_names_in_=np.array(list("abc"))) for _ in range(2))
    before = dict(vars(ours))
    plain = silently(lambda: takes_plain_input(ours, found, DTYPES[dtype]))
    if plain:
        options = {"dtype": DTYPES[dtype], "accept_sparse": ["csr", "csc"], "reset": True}
        assert silently(lambda: validate_data(theirs, found, **options)) is found
        assert vars(ours) == vars(theirs)
    else:
        assert vars(ours) == before
    named = name in PLAIN or name == "fewer columns"
    assert plain == (named and found.dtype in DTYPES[dtype])


def test_an_estimator_that_has_names_or_no_count():
    assert not is_plain_input(
        estimator(feature_names_in_=np.array(list("abc"))), X, DTYPES["auto"]
    )
    assert not is_plain_input(MLPRegressor(), X, DTYPES["auto"])


TARGETS = {
    "numbers": X[:, 0],
    "integers": np.arange(6),
    "small": np.arange(6, dtype=np.uint8),
    "bool": X[:, 0] > 0,
    "half": X[:, 0].astype(np.float16),
    "several": X,
    "column": X[:, :1],
    "swapped": X[:, 0].astype(">f8"),
    "text": X[:, 0].astype(str),
    "nan": with_value(np.nan)[:, 1],
    "inf": with_value(np.inf),
    "fewer": X[1:, 0],
    "no columns": X[:, :0],
    "number": np.array(1.0),
    "three axes": X[:, :, np.newaxis],
    "complex": X[:, 0] * 1j,
    "object": X[:, 0].astype(object),
    "bytes": X[:, 0].astype("S9"),
    "dates": np.arange(6).astype("datetime64[D]"),
    "masked": np.ma.masked_array(X[:, 0]),
    "list": X[:, 0].tolist(),
    "series": pd.Series(X[:, 0]),
    "sparse": sp.csr_matrix(X),
    "none": None,
}


@pytest.mark.parametrize("numeric", [False, True])
@pytest.mark.parametrize("name", TARGETS)
def test_target(name, numeric):
    y = TARGETS[name]
    plain = silently(lambda: is_plain_target(y, X))
    assert plain == (list(TARGETS).index(name) <= list(TARGETS).index("text"))
    assert not is_plain_target(y, X.tolist())
    if plain:
        checked = silently(lambda: check_X_y(X, y, multi_output=True, y_numeric=numeric)[1])
        assert checked is y


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize(
    "classes", [[0, 1, 2], [0, 5], ["a", "b"], [False, True], [0.0, 1.0], [7], [-3, 2**40]]
)
@pytest.mark.parametrize(
    "y", [[0, 1, 2], [0, 0], ["a"], ["b", "a", "ccc"], [True], [1.0], [7, 7], [2**40], [0, 6, 5]]
)
def test_known_labels(classes, y, every):
    classes, y = np.array(classes), np.array(y)
    if are_known_labels(y, classes, every):
        found = set(unique_labels(y).tolist())
        assert found == set(classes.tolist()) if every else found <= set(classes.tolist())
    elif y.dtype.kind == classes.dtype.kind != "f":
        found, known = set(y.tolist()), set(classes.tolist())
        assert found != known if every else found - known

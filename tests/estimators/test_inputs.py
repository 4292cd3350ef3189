"""One table of numbers in every shape that users hold it: the same network, nothing written."""

import numpy as np
import pandas as pd
import pytest
from parity import CLASSES, assert_same_bits, fit_quietly, outcome
from scipy import sparse

from fusednn import MLPClassifier, MLPRegressor
from fusednn.training import session

ROWS, FEATURES = 90, 7
# small whole numbers: every type below holds them exactly
X = np.random.RandomState(0).randint(0, 5, size=(ROWS, FEATURES)).astype(float)
LABELS = (X.sum(axis=1) % 3).astype(int)
VALUES = X[:, 0] - X[:, 1]
NAMES = [f"column {i}" for i in range(FEATURES)]


def strided(array):
    wide = np.full((2 * ROWS, 2 * FEATURES), np.nan)
    wide[::2, ::2] = array
    return wide[::2, ::2]


def with_row_gaps(array):
    wide = np.full((ROWS, FEATURES + 3), np.nan)
    wide[:, 1:-2] = array
    return wide[:, 1:-2]


def backwards(array):
    return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]


def rows_backwards(array):
    return np.ascontiguousarray(array[::-1])[::-1]


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return np.frombuffer(raw, float, offset=1).reshape(array.shape)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


DENSE = {
    "strided": strided,
    "rows with gaps": with_row_gaps,
    "Fortran": np.asfortranarray,
    "backwards": backwards,
    "rows backwards": rows_backwards,
    "unaligned": unaligned,
    "read-only": read_only,
    "big-endian": lambda a: a.astype(">f8"),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "uint8": lambda a: a.astype(np.uint8),
    "int64": lambda a: a.astype(np.int64),
    "objects": lambda a: a.astype(object),
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "masked, without a mask": lambda a: np.ma.array(a),
    "pandas": lambda a: pd.DataFrame(a),
    "pandas of types": lambda a: pd.DataFrame(a).astype({0: "uint8", 1: "float32", 2: "Int64"}),
}


def unsorted_indices(array):
    matrix = sparse.csr_matrix(array)
    for row in range(ROWS):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        matrix.indices[part] = matrix.indices[part][::-1].copy()
        matrix.data[part] = matrix.data[part][::-1].copy()
    matrix.has_sorted_indices = False
    return matrix


def duplicates(array):
    """Every element in two parts that lie apart in the row: c = (c - 1) + 1."""
    rows, columns = np.nonzero(array)
    order = np.argsort(np.r_[rows, rows], kind="stable")
    counts = np.bincount(rows, minlength=ROWS) * 2
    values = np.r_[array[rows, columns] - 1, np.ones(len(rows))]
    matrix = sparse.csr_matrix(array.shape)
    matrix.data = values[order]
    matrix.indices = np.r_[columns, columns][order].astype(np.int32)
    matrix.indptr = np.r_[0, np.cumsum(counts)].astype(np.int32)
    matrix.has_canonical_format = False
    return matrix


def explicit_zeros(array):
    matrix = sparse.csr_matrix(np.where(array == 0, 9, array))
    matrix.data[matrix.data == 9] = 0
    return matrix


def int64_indices(array):
    matrix = sparse.csr_array(array)
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    return matrix


def read_only_parts(array):
    matrix = sparse.csr_matrix(array)
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.flags.writeable = False
    return matrix


SPARSE = {
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc_matrix": sparse.csc_matrix,
    "csc_array": sparse.csc_array,
    "coo": sparse.coo_matrix,
    "lil": sparse.lil_matrix,
    "dok": sparse.dok_matrix,
    "csr of int": lambda a: sparse.csr_matrix(a.astype(np.int32)),
    "unsorted": unsorted_indices,
    "duplicates": duplicates,
    "explicit zeros": explicit_zeros,
    "int64 indices": int64_indices,
    "read-only": read_only_parts,
}

FORMS = {**DENSE, **{f"sparse {name}": form for name, form in SPARSE.items()}}


def contents(data):
    """All numbers that the user's object holds, as they lie."""
    if sparse.issparse(data) and data.format in ("csr", "csc"):
        parts = [data.data, data.indices, data.indptr]
    else:
        parts = [data.toarray() if sparse.issparse(data) else np.array(data, object)]
    return [part.tolist() for part in parts]


def estimators(**params):
    params = {"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 3, **params}
    yield MLPClassifier(**params), LABELS
    yield MLPRegressor(**params), VALUES


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("name", FORMS)
def test_every_form(name, params):
    data = FORMS[name](X)
    before = contents(data)
    for estimator, y in estimators(**params):
        expected = fit_quietly(estimator, X, y)
        actual = fit_quietly(type(estimator)(**estimator.get_params()), data, y)
        assert_same_bits(expected, actual)
        np.testing.assert_array_equal(actual.predict(data), expected.predict(X))
    assert contents(data) == before


@pytest.mark.parametrize("name", ["strided", "Fortran", "read-only", "backwards"])
def test_forms_of_float32(name):
    data = DENSE[name](X).astype(np.float32, order="K")
    for estimator, y in estimators():
        expected = fit_quietly(estimator, X.astype(np.float32), y)
        actual = fit_quietly(type(estimator)(**estimator.get_params()), data, y)
        assert actual.coefs_[0].dtype == np.float32
        assert_same_bits(expected, actual)


TARGETS = {
    "list": list,
    "column": lambda y: y[:, np.newaxis],
    "float": lambda y: y.astype(float),
    "read-only": lambda y: np.frombuffer(y.tobytes(), y.dtype),
    "strided": lambda y: np.repeat(y, 2)[::2],
    "big-endian": lambda y: y.astype(y.dtype.newbyteorder(">")),
    "pandas": lambda y: pd.Series(y, index=np.arange(ROWS)[::-1]),
    "int8": lambda y: y.astype(np.int8),
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_form_of_target(name):
    for estimator, y in estimators():
        expected = fit_quietly(estimator, X, y)
        actual = fit_quietly(type(estimator)(**estimator.get_params()), X, TARGETS[name](y))
        assert_same_bits(expected, actual)


LABEL_KINDS = {
    "text": lambda y: np.array(["b", "a", "c"])[y],
    "objects": lambda y: np.array(["b", "a", "c"], object)[y],
    "bool": lambda y: y > 1,
    "float": lambda y: y * 2.0 - 1,
    "negative": lambda y: -y,
    "uint8": lambda y: y.astype(np.uint8),
    "category": lambda y: pd.Categorical(np.array(["b", "a", "c"])[y], ["x", "a", "b", "c"]),
    "string dtype": lambda y: pd.Series(np.array(["b", "a", "c"])[y], dtype="string"),
    "multilabel": lambda y: np.c_[y > 0, y > 1].astype(int),
    "multilabel sparse": lambda y: sparse.csr_matrix(np.c_[y > 0, y > 1].astype(int)),
}


@pytest.mark.parametrize("name", LABEL_KINDS)
def test_labels_come_back_as_they_were(name):
    """Classes and predictions of scikit-learn, in value and in type."""
    y, found = LABEL_KINDS[name](LABELS), []
    for cls in CLASSES["classifier"]:
        estimator = cls((6,), random_state=0, max_iter=4)
        told = outcome(lambda e=estimator: e.fit(X, y))
        assert told.error is None
        found.append((estimator.classes_, estimator.predict(X), estimator.predict_proba(X)))
    for one, other in zip(*found, strict=True):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        if sparse.issparse(one):
            one, other = one.toarray(), other.toarray()
        if one.dtype.kind == "f":
            np.testing.assert_allclose(other, one, rtol=1e-9)
        else:
            np.testing.assert_array_equal(one, other)


def check_frame(frame):
    for estimator, y in estimators():
        fit_quietly(estimator, frame, y)
        assert estimator.feature_names_in_.tolist() == NAMES
        assert estimator.n_features_in_ == FEATURES
        np.testing.assert_array_equal(
            estimator.predict(frame),
            fit_quietly(type(estimator)(**estimator.get_params()), X, y).predict(X),
        )
        with pytest.raises(ValueError, match="feature names should match"):
            estimator.predict(frame[NAMES[::-1]])
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            estimator.predict(X)
        fit_quietly(estimator, X, y)
        assert not hasattr(estimator, "feature_names_in_")


def test_pandas_names():
    check_frame(pd.DataFrame(X, columns=NAMES))


def test_polars_names():
    import polars

    check_frame(polars.DataFrame(X, schema=NAMES))


@pytest.fixture
def sources(monkeypatch):
    """What plans read their rows from."""
    found, original = [], session.source_of

    def remember(data, dtype):
        found.append(original(data, dtype))
        return found[-1]

    monkeypatch.setattr(session, "source_of", remember)
    return found


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_x_is_not_copied(sources, tmp_path, dtype, params):
    """A memory map, a plain array, and one with gaps between its rows are read in place."""
    path = tmp_path / "data"
    X.astype(dtype).tofile(path)
    mapped = np.memmap(path, dtype, mode="r", shape=X.shape)
    for data in (mapped, X.astype(dtype), mapped[:, 1:-1]):
        for estimator, y in estimators(**params):
            fit_quietly(estimator, data, y)
            assert np.shares_memory(sources[-1].X, data)
    assert len(sources) == 6


def test_csr_is_not_copied(sources):
    data = sparse.csr_matrix(X)
    fit_quietly(MLPClassifier((4,), max_iter=2), data, LABELS)
    assert np.shares_memory(sources[-1].values, data.data)
    assert np.shares_memory(sources[-1].indices, data.indices)


def test_a_sample_weight_is_not_written_to():
    weights = np.linspace(0, 1, ROWS)
    weights.flags.writeable = False
    for estimator, y in estimators():
        fit_quietly(estimator, X, y, weights)
        actual = type(estimator)(**estimator.get_params())
        assert_same_bits(estimator, fit_quietly(actual, X, y, weights.tolist()))


def test_rows_that_share_their_memory():
    """A row stride of 0, as np.broadcast_to gives it."""
    same = np.broadcast_to(X[0], X.shape)
    for estimator, y in estimators():
        expected = fit_quietly(estimator, same.copy(), y)
        actual = fit_quietly(type(estimator)(**estimator.get_params()), same, y)
        assert_same_bits(expected, actual)

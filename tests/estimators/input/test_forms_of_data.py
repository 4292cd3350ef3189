"""One table of numbers in every shape that users hold it: the same network, nothing written."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from cases.containers import BROKEN, DENSE, NAMED, SPARSE, names_of
from oracles.parity import CLASSES, assert_same_bits, fit_quietly, outcome
from scipy import sparse

from fusednn import MLPClassifier, MLPRegressor
from fusednn.training import session

ROWS, FEATURES = 90, 7
# small whole numbers: every type below holds them exactly
X = np.random.RandomState(0).randint(0, 5, size=(ROWS, FEATURES)).astype(float)
LABELS = (X.sum(axis=1) % 3).astype(int)
VALUES = X[:, 0] - X[:, 1]
NAMES = names_of(X)
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


@pytest.mark.thinned
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


def matrices(matrix):
    """The parts of a sparse matrix as bytes."""
    names = ("row", "col") if matrix.format == "coo" else ("indices", "indptr")
    return [getattr(matrix, name).tobytes() for name in ("data", *names)]


@pytest.mark.parametrize("name", BROKEN)
def test_indices_out_of_range(name):
    """Never an address out of range, and nothing is changed."""
    for estimator in (MLPClassifier((4,), max_iter=2), MLPRegressor("squared_error", (4,))):
        data = BROKEN[name]()
        before = matrices(data)
        y = np.arange(data.shape[0])
        known = {"classes": y} if hasattr(estimator, "predict_proba") else {}
        for method, arguments, options in (
            ("fit", (data, y), {}),
            ("partial_fit", (data, y), known),
            ("fit", (np.eye(5), np.arange(5)), {"X_val": data, "y_val": y}),
        ):
            with pytest.raises(ValueError, match="has indices or pointers out of range"):
                getattr(estimator, method)(*arguments, **options)
        assert not hasattr(estimator, "coefs_")
        fit_quietly(estimator, np.eye(5), np.arange(5))
        with pytest.raises(ValueError, match="has indices or pointers out of range"):
            estimator.predict(data)
        assert matrices(data) == before


@pytest.mark.parametrize("name", BROKEN)
def test_indices_out_of_range_where_rows_are_left_out(name):
    """Those of unknown targets, and, for the scaling, those without a weight."""
    data = BROKEN[name]()
    y, weights = np.arange(data.shape[0], dtype=float), np.ones(data.shape[0])
    y[1:2], weights[1:2] = np.nan, 0
    model = MLPRegressor("squared_error", (4,), missing_targets="ignore", standardize=True)
    for targets in (y, np.nan_to_num(y)):
        with pytest.raises(ValueError, match="has indices or pointers out of range"):
            model.fit(data, targets, weights)


@pytest.mark.parametrize("name", BROKEN)
def test_indices_of_labels_out_of_range(name):
    y = BROKEN[name]()
    model, rows = MLPClassifier((4,), max_iter=2), np.eye(5)[: y.shape[0]]
    for call in (
        lambda: model.fit(rows, y),
        lambda: model.fit(np.eye(5), np.eye(5, dtype=int), X_val=rows, y_val=y),
    ):
        with pytest.raises(
            ValueError, match=r"y of shape .* has indices or pointers out of range"
        ):
            call()
    assert not hasattr(model, "coefs_")


TARGETS = {
    "list": list,
    "tuple": tuple,
    "pandas, nullable": lambda y: pd.Series(y).convert_dtypes(),
    "pandas of pyarrow": lambda y: pd.Series(y).convert_dtypes(dtype_backend="pyarrow"),
    "pandas index": pd.Index,
    "polars": polars.Series,
    "polars frame": lambda y: polars.DataFrame({"y": y}),
    "pyarrow": pyarrow.array,
    "pyarrow of chunks": lambda y: pyarrow.chunked_array([y[:9], y[9:]]),
    "pyarrow table": lambda y: pyarrow.table({"y": y}),
    "column": lambda y: y[:, np.newaxis],
    "float": lambda y: y.astype(float),
    "read-only": lambda y: np.frombuffer(y.tobytes(), y.dtype),
    "strided": lambda y: np.repeat(y, 2)[::2],
    "big-endian": lambda y: y.astype(y.dtype.newbyteorder(">")),
    "pandas": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "int8": lambda y: y.astype(np.int8),
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_form_of_target(name):
    for estimator, y in estimators():
        expected = fit_quietly(estimator, X, y)
        actual = fit_quietly(type(estimator)(**estimator.get_params()), X, TARGETS[name](y))
        assert_same_bits(expected, actual)
        held_out = {"X_val": X[:30], "y_val": y[:30]}
        expected = fit_quietly(estimator, X, y, **held_out)
        held_out["y_val"] = TARGETS[name](y[:30])
        assert_same_bits(expected, fit_quietly(actual, X, y, **held_out))


@pytest.mark.long
@pytest.mark.parametrize("name", DENSE)
def test_every_form_of_validation_data(name):
    check_validation_data(name)


@pytest.mark.parametrize("name", ["memory map", "pandas, nullable", "polars", "pyarrow table"])
def test_forms_of_validation_data(name):
    check_validation_data(name)


def check_validation_data(name):
    for estimator, y in estimators():
        expected = fit_quietly(estimator, X, y, X_val=X, y_val=y)
        actual = type(estimator)(**estimator.get_params())
        data = DENSE[name](X)
        assert_same_bits(expected, fit_quietly(actual, data, y, X_val=data, y_val=y))


@pytest.mark.parametrize(
    "name", sorted(set(TARGETS) - {"column", "int8", "polars frame", "pyarrow table"})
)
def test_every_form_of_weights(name):
    weights = np.linspace(0.5, 1, ROWS)
    for estimator, y in estimators():
        expected = fit_quietly(estimator, X, y, weights)
        actual = type(estimator)(**estimator.get_params())
        assert_same_bits(expected, fit_quietly(actual, X, y, TARGETS[name](weights)))


LABEL_KINDS = {
    "text": lambda y: np.array(["b", "a", "c"])[y],
    "objects": lambda y: np.array(["b", "a", "c"], object)[y],
    "bool": lambda y: y > 1,
    "float": lambda y: y * 2.0 - 1,
    "negative": lambda y: -y,
    "uint8": lambda y: y.astype(np.uint8),
    "category": lambda y: pd.Categorical(np.array(["b", "a", "c"])[y], ["x", "a", "b", "c"]),
    "string dtype": lambda y: pd.Series(np.array(["b", "a", "c"])[y], dtype="string"),
    "polars": lambda y: polars.Series(np.array(["b", "a", "c"])[y]),
    "pyarrow": lambda y: pyarrow.array(np.array(["b", "a", "c"])[y]),
    "pyarrow dictionary": lambda y: pyarrow.array(list("bac")).dictionary_encode().take(y),
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
    check_frame(polars.DataFrame(X, schema=NAMES))


def test_pyarrow_names():
    """scikit-learn has them of tables, not of record batches."""
    data = NAMED["pyarrow table"](X)
    for estimator, y in estimators():
        fit_quietly(estimator, data, y)
        assert estimator.feature_names_in_.tolist() == NAMES
        with pytest.raises(ValueError, match="feature names should match"):
            estimator.predict(data.select(NAMES[::-1]))


@pytest.fixture
def sources(monkeypatch):
    """What plans read their rows from."""
    found, original = [], session.source_of

    def remember(*arguments):
        found.append(original(*arguments))
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

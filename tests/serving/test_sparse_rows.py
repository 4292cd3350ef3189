"""Predictors of sparse rows: the bits of the estimator and of dense rows, in every form."""

import pickle
import threading
import tracemalloc

import numpy as np
import pytest
from cases.containers import BROKEN, SPARSE, changed
from fusednn.kernels.intrinsics.integers import DOT
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    freeze,
    load,
)
from fusednn.graph.layers.dense import Dense as DenseOp
from fusednn.graph.layers.untrained import Standardize
from fusednn.layers import BatchNorm, Dense, Embedding, LayerNorm, Residual
from fusednn.serving.model import VALUES as VALUES_HEAD
from fusednn.serving.model import Head, Model
from fusednn.serving.predictor import Predictor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"max_iter": 3, "random_state": 0}
RANDOM = np.random.RandomState(0)
X = RANDOM.randint(0, 5, size=(40, 5)).astype(float)
Y = (X.sum(axis=1) % 3).astype(int)
ROWS = sparse.random(300, 90, 0.1, format="csr", random_state=RANDOM, dtype=np.float32)
CLASSES = np.arange(300) % 3
VALUES = ROWS[:, :2].toarray()


@pytest.fixture(scope="module")
def small():
    return {
        dtype: MLPClassifier((6,), dtype=dtype, **SMALL).fit(X, Y)
        for dtype in ("float32", "float64")
    }


@pytest.fixture(scope="module")
def predictor():
    return freeze(MLPClassifier((20, 8), **SMALL).fit(ROWS, CLASSES))


@pytest.mark.parametrize("form", SPARSE)
def test_every_form(small, form):
    for dtype, model in small.items():
        predictor, rows = freeze(model), SPARSE[form](X)
        before = rows.toarray()
        np.testing.assert_array_equal(predictor.predict(rows), model.predict(rows), strict=True)
        for expected in (model.predict_proba(rows), predictor.predict_proba(X.astype(dtype))):
            found = predictor.predict_proba(rows)
            np.testing.assert_array_equal(found, expected, strict=True)
        np.testing.assert_array_equal(rows.toarray(), before)


MODELS = {
    "binary": (MLPClassifier((9,), "tanh", **SMALL), CLASSES > 0),
    "no hidden layer": (MLPClassifier((), **SMALL), CLASSES),
    "labels": (MLPClassifier((9,), **SMALL), np.c_[CLASSES > 0, CLASSES > 1].astype(int)),
    "columns": (MLPClassifier((9,), **SMALL), np.c_[CLASSES, CLASSES > 1]),
    "values": (MLPRegressor(hidden_layer_sizes=(130, 9), **SMALL), VALUES),
    "layers": (
        NetworkClassifier([Dense(9), BatchNorm(), Residual([Dense(9, "gelu")])], **SMALL),
        CLASSES,
    ),
    "weight norm": (NetworkRegressor([Dense(9, "relu", weight_norm=True)], **SMALL), VALUES),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_networks_fitted_to_sparse_rows(name, dtype, tmp_path):
    model, y = MODELS[name]
    model.set_params(dtype=dtype).fit(ROWS, y)
    model.save(tmp_path / "model")
    for predictor in (freeze(model), load(tmp_path / "model")):
        whole = predictor(ROWS)
        np.testing.assert_array_equal(whole, predictor(ROWS.toarray()), strict=True)
        np.testing.assert_array_equal(np.vstack([predictor(row) for row in rows_of(9)]), whole[:9])
        np.testing.assert_array_equal(predictor(ROWS.astype(float)), whole)
        expected = model.predict(ROWS)
        if sparse.issparse(expected):
            expected = expected.toarray()
        np.testing.assert_array_equal(predictor.predict(ROWS), expected, strict=True)
        again = pickle.loads(pickle.dumps(predictor))
        np.testing.assert_array_equal(again(ROWS), whole)


def rows_of(count):
    return [ROWS[row] for row in range(count)]


TEXTS = ["a good film", "a bad film", "the good play", "the bad play", "fine work", ""] * 10
OPINIONS = np.array([1, 0, 1, 0, 1, 0] * 10)


SPARSE_SCALERS = [[], [MaxAbsScaler()], [StandardScaler(with_mean=False)]]
if "clip" in MaxAbsScaler().get_params():  # scikit-learn 1.9
    SPARSE_SCALERS.append([MaxAbsScaler(clip=True)])


@pytest.mark.parametrize("scalers", SPARSE_SCALERS, ids=str)
def test_text(scalers):
    """Scalers of sparse rows go into the first layer, or the rows are made dense for them."""
    pipe = make_pipeline(TfidfVectorizer(), *scalers, MLPClassifier((7,), **SMALL))
    pipe.fit(TEXTS, OPINIONS)
    rows, predictor = pipe[0].transform(TEXTS), freeze(pipe[1:])
    np.testing.assert_array_equal(predictor.predict(rows), pipe.predict(TEXTS))
    found = predictor.predict_proba(rows)
    np.testing.assert_array_equal(found, predictor.predict_proba(rows.toarray()))
    np.testing.assert_allclose(found, pipe.predict_proba(TEXTS), rtol=0, atol=1e-10)
    if not scalers:
        np.testing.assert_array_equal(freeze(pipe[-1]).predict_proba(rows), found)
        np.testing.assert_array_equal(pipe.predict_proba(TEXTS), found)
    with pytest.raises(TypeError, match=r"TfidfVectorizer.*Transform X by it first, and freeze"):
        freeze(pipe)


FIRST = {
    "standardized": MLPClassifier((6,), standardize=True, **SMALL),
    "layer norm": NetworkClassifier([LayerNorm(), Dense(6)], **SMALL),
    "residual": NetworkClassifier([Residual([Dense(5)]), Dense(6)], **SMALL),
    "embedding": NetworkClassifier([Embedding([1], [5], 3), Dense(6)], **SMALL),
    "clipped": make_pipeline(MinMaxScaler(clip=True), MLPClassifier((6,), **SMALL)),
    "scaled": make_pipeline(StandardScaler(), MLPClassifier((6,), **SMALL)),
}


@pytest.mark.parametrize("name", FIRST)
def test_networks_that_begin_with_something_else(name):
    """They are not fitted to sparse rows, but answer them as dense ones."""
    predictor = freeze(FIRST[name].fit(X, Y))
    for rows in (sparse.csr_matrix(X), sparse.csc_array(X), sparse.csr_array(X[:1])):
        np.testing.assert_array_equal(predictor(rows), predictor(rows.toarray()))
    out = np.empty((40, 3))
    assert predictor(sparse.csr_matrix(X), out=out) is out
    np.testing.assert_array_equal(out, predictor(X))
    if name == "embedding":
        wrong = sparse.csr_matrix(np.where(X == 4, 7, X))
        with pytest.raises(ValueError, match=r"X\[:, 1\] holds codes of an Embedding"):
            predictor(wrong)


@pytest.mark.parametrize("weights", ["bfloat16", "int8"])
def test_rounded_weights(weights):
    if weights == "int8" and DOT is None:
        pytest.skip("this CPU has no product of integers")
    model = MLPClassifier((20, 8), **SMALL).fit(ROWS, CLASSES)
    predictor = freeze(model, weights=weights)
    np.testing.assert_array_equal(predictor(ROWS), predictor(ROWS.toarray()))


def traced(call):
    """What a call returns, and the most memory that it had."""
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def scattered(rows, columns):
    """Ten values in each row; `sparse.random` draws from all places that there are."""
    places = np.repeat(np.arange(rows), 10), RANDOM.randint(columns, size=10 * rows)
    values = RANDOM.uniform(1, 2, 10 * rows).astype(np.float32)
    return sparse.coo_array((values, places), (rows, columns)).tocsr()


def wide_predictor(ops, arrays):
    head = Head(VALUES_HEAD, "identity")
    return Predictor(Model(tuple(ops), arrays, head, np.dtype("f4"), ("Ops", "Ops")))


def test_wide_rows_are_never_made_dense():
    """A first layer gathers what is there: 300 rows of 8 MB, if they were dense."""
    wide = 2_000_000
    rows = scattered(300, wide)
    weights = np.repeat(np.float32([[1, 2]]), wide, axis=0)
    op = DenseOp(wide, 2)
    predictor = wide_predictor([op], [weights, np.zeros(2, np.float32)])
    predictor(rows[:1])
    found, most = traced(lambda: predictor(rows))
    assert most < 1 << 20
    sums = np.asarray(rows.sum(axis=1, dtype=float)).ravel()
    np.testing.assert_allclose(found, sums[:, np.newaxis] * [1, 2], rtol=1e-5)


def test_wide_rows_are_made_dense_a_part_at_a_time():
    """For a first layer that needs them all."""
    wide = 100_000
    rows = scattered(700, wide)
    means, factors = np.zeros(wide, np.float32), np.ones(wide, np.float32)
    weights, biases = np.ones((wide, 1), np.float32), np.zeros(1, np.float32)
    predictor = wide_predictor(
        [Standardize(wide), DenseOp(wide, 1)], [means, factors, weights, biases]
    )
    predictor(rows[:1])
    found, most = traced(lambda: predictor(rows))
    assert most < 700 * wide * 4 / 2
    for row in (0, 63, 64, 65, 699):
        np.testing.assert_array_equal(
            found[row : row + 1], predictor(rows[row : row + 1].toarray())
        )


# -- calls -------------------------------------------------------------------------------


def test_out(predictor):
    want = predictor(ROWS)
    out = np.full((300, 3), np.nan, np.float32)
    assert predictor(ROWS, out=out) is out
    np.testing.assert_array_equal(out, want)
    with pytest.raises(ValueError, match=r"out must be of shape \(300, 3\)"):
        predictor(ROWS, out=out[1:])
    with pytest.raises(ValueError, match="array of float32; got float64"):
        predictor(ROWS, out=np.empty((300, 3)))
    numbers = np.empty((300, 1), np.int64)
    labels = predictor.predict(ROWS, out=numbers)
    np.testing.assert_array_equal(predictor.classes_[numbers[:, 0]], labels)


def test_out_and_rows_in_one_place(predictor):
    """The answers are those of the rows as they were."""
    memory = np.zeros(max(ROWS.nnz, 900), np.float32)
    memory[: ROWS.nnz] = ROWS.data
    rows = sparse.csr_array((memory[: ROWS.nnz], ROWS.indices, ROWS.indptr), ROWS.shape)
    assert np.shares_memory(rows.data, memory)
    want = predictor(ROWS)
    np.testing.assert_array_equal(predictor(rows, out=memory[:900].reshape(300, 3)), want)


def test_empty_rows_and_a_vector(predictor):
    nothing = sparse.csr_matrix((7, 90), dtype=np.float32)
    np.testing.assert_array_equal(predictor(nothing), predictor(nothing.toarray()))
    mixed = sparse.vstack([nothing, ROWS[:5], nothing]).tocsr()
    np.testing.assert_array_equal(predictor(mixed), predictor(mixed.toarray()))
    vector = sparse.coo_array(ROWS[[3]].toarray().ravel())
    np.testing.assert_array_equal(predictor(vector), predictor(ROWS[3]))


def test_without_validation(predictor):
    bad = ROWS[:3].copy()
    bad.data[-1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        predictor(bad)
    found = predictor(bad, validate=False)
    assert np.isnan(found[2]).all()
    np.testing.assert_array_equal(found[:2], predictor(ROWS[:2]))
    with pytest.raises(ValueError, match="X has 80 features"):
        predictor(ROWS[:, :80], validate=False)


@pytest.mark.parametrize("weights", [None, "bfloat16"])
@pytest.mark.parametrize("form", BROKEN)
def test_indices_out_of_range(small, form, weights):
    """Without validation too."""
    predictor = freeze(small["float32"], weights=weights)
    for validate in (True, False):
        with pytest.raises(ValueError, match="has indices or pointers out of range"):
            predictor(BROKEN[form](), validate=validate)


@pytest.mark.parametrize("form", BROKEN)
def test_indices_out_of_range_behind_a_choice_of_columns(form):
    choice = ColumnTransformer([("a", MaxAbsScaler(), [4, 1]), ("b", "drop", [0, 2, 3])])
    predictor = freeze(make_pipeline(choice, MLPClassifier((6,), **SMALL)).fit(X, Y))
    for validate in (True, False):
        with pytest.raises(ValueError, match="has indices or pointers out of range"):
            predictor(BROKEN[form](), validate=validate)


def test_other_formats_out_of_range(small):
    predictor, wrong = freeze(small["float32"]), []
    for name, value in (("row", 10**8), ("row", -1), ("col", 5), ("col", -(10**8))):
        wrong.append(sparse.coo_matrix(np.eye(5)))
        getattr(wrong[-1], name)[2] = value
    for parts in ({"indptr": [0, 10**6, 0]}, {"indptr": [0, 1, 3]}, {"indices": [0, 1]}):
        wrong.append(changed(sparse.bsr_array(np.eye(2, 5), blocksize=(1, 5)), **parts))
    for rows in wrong:
        with pytest.raises(ValueError, match="format has indices or pointers out of range"):
            predictor(rows)


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3])
def test_large_batches(n_jobs):
    """By several threads the same bits."""
    rows = sparse.random(20_000, 60, 0.2, format="csr", random_state=1, dtype=np.float32)
    model = MLPClassifier((64, 64), max_iter=1, random_state=0)
    model.fit(rows[:200], np.arange(200) % 3)
    predictor = freeze(model, n_jobs=n_jobs)
    parts = [predictor.predict_proba(rows[at : at + 40]) for at in range(0, 20_000, 40)]
    np.testing.assert_array_equal(predictor.predict_proba(rows), np.vstack(parts))
    np.testing.assert_array_equal(predictor.predict_proba(rows), model.predict_proba(rows))


def test_eight_threads(predictor):
    """All get their own answers while all call at once, of dense rows and sparse ones."""
    parts = [ROWS[at : at + 30] for at in range(0, 240, 30)]
    want = [predictor(part) for part in parts]
    failures, together = [], threading.Barrier(8)

    def work(number):
        together.wait()
        for turn in range(100):
            rows = parts[number] if turn % 3 else parts[number].toarray()
            if predictor(rows).tobytes() != want[number].tobytes():
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []

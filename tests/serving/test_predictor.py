"""Calls of a predictor: arrays of every kind, threads, and scikit-learn's words."""

import gc
import threading
import weakref

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from fusednn import MLPClassifier, MLPRegressor, NetworkRegressor, freeze
from fusednn.layers import Activation, LayerNorm
from fusednn.serving.checks import check_codes
from fusednn.training.threads.jobs import available_cpus

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(300, 5)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
MODEL = MLPClassifier((12,), max_iter=3, random_state=0)


@pytest.fixture
def model():
    return MODEL.fit(X, Y)


@pytest.fixture
def predictor(model):
    return freeze(model)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


def unaligned(x):
    bytes_ = np.zeros(x.nbytes + 1, np.uint8)
    found = bytes_[1:].view(x.dtype).reshape(x.shape)
    found[:] = x
    return found


KINDS = {
    "Fortran": np.asfortranarray,
    "gaps": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "read-only": read_only,
    "unaligned": unaligned,
    "other end first": lambda x: x.astype(">f4"),
    "float64": lambda x: x.astype(float),
    "lists": lambda x: x.tolist(),
    "objects": lambda x: x.astype(object),
    "DataFrame": pd.DataFrame,
    "matrix of a subclass": lambda x: x.view(type("Own", (np.ndarray,), {})),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_arrays_of_every_kind(predictor, kind, rows):
    want = predictor.predict_proba(X[:rows])
    np.testing.assert_array_equal(predictor.predict_proba(KINDS[kind](X[:rows])), want)


def test_integers(predictor):
    x = RANDOM.randint(0, 9, (4, 5))
    np.testing.assert_array_equal(predictor(x), predictor(x.astype(np.float32)))


def test_a_vector_is_one_row(predictor):
    want = predictor.predict_proba(X[:1])
    for row in (X[0], X[0].astype(float), X[0].tolist(), pd.Series(X[0])):
        np.testing.assert_array_equal(predictor.predict_proba(row), want)
    assert predictor.predict(X[0]).shape == (1,)
    assert predictor(X[0]).shape == (1, 3)


def test_out(predictor):
    out = np.full((300, 3), np.nan, np.float32)
    assert predictor.predict_proba(X, out=out) is out
    np.testing.assert_array_equal(out, predictor.predict_proba(X))
    part = np.full((5, 3), np.nan, np.float32)
    predictor(X[0], part[2:3])
    np.testing.assert_array_equal(part[2:3], predictor(X[0]))
    assert np.isnan(part[[0, 1, 3, 4]]).all()
    numbers = np.empty((300, 1), np.int64)
    labels = predictor.predict(X, out=numbers)
    np.testing.assert_array_equal(predictor.classes_[numbers[:, 0]], labels)


def test_out_and_rows_in_one_place():
    """The answers are those of the rows as they were."""
    model = MLPRegressor(hidden_layer_sizes=(7,), max_iter=1, random_state=0).fit(X, X)
    predictor = freeze(model)
    want = predictor(X)
    for shift in (0, 1, 3, 200):
        memory = np.zeros((500, 5), np.float32)
        rows, out = memory[shift : shift + 300], memory[:300]
        rows[:] = X
        np.testing.assert_array_equal(predictor(rows, out=out), want)


def test_one_class_has_one_number():
    model = MLPClassifier((5,), max_iter=1, random_state=0).fit(X, np.full(len(X), "only"))
    numbers = np.full((300, 1), 9)
    assert set(freeze(model).predict(X, out=numbers)) == {"only"}
    np.testing.assert_array_equal(numbers, 0)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((4, 3), np.float32), r"shape \(5, 3\); got \(4, 3\)"),
        (np.empty((5, 2), np.float32), r"shape \(5, 3\); got \(5, 2\)"),
        (np.empty((5, 3)), "array of float32; got float64"),
        (np.empty((3, 5), np.float32).T, "got float32 not C-contiguous"),
        (read_only(np.empty((5, 3), np.float32)), "got float32 read-only"),
        (unaligned(np.empty((5, 3), np.float32)), "got float32 not aligned"),
        (np.empty((5, 3), np.float32).view(type("Own", (np.ndarray,), {})), "got Own"),
        ([[0.0] * 3] * 5, "got list"),
    ],
)
def test_refused_out(predictor, out, message):
    with pytest.raises(ValueError, match=message):
        predictor.predict_proba(X[:5], out=out)


def same_words(ours, theirs):
    """Both raise, and say the same."""
    with pytest.raises((TypeError, ValueError)) as found:
        ours()
    with pytest.raises(found.type) as expected:
        theirs()
    assert str(found.value) == str(expected.value)


WRONG = {
    "NaN": np.where(np.arange(5) == 2, np.nan, X[:4]).astype(np.float32),
    "infinity": np.where(np.arange(5) == 2, -np.inf, X[:4]),
    "too large": np.full((2, 5), 1e300),
    "features": X[:4, :3],
    "no rows": X[:0],
    "scalar": np.float64(5),
    "three dimensions": X[np.newaxis],
    "complex": X[:2] + 1j,
    "words": np.array([["a"] * 5]),
    "words as objects": np.array([["a"] * 5], object),
    "sparse NaN": sparse.csr_array([[0, np.nan, 0, 0, 1]]),
    "sparse infinity": sparse.csc_array(np.array([[0, 0, np.inf, 0, 1]], np.float32)),
    "sparse, too large": sparse.coo_array([[0, 0, 1e300, 0, 1]]),
    "sparse features": sparse.csr_matrix(X[:4, :3]),
    "sparse, no rows": sparse.csr_matrix(X[:0]),
    "sparse complex": sparse.csr_matrix(X[:2] + 1j),
}


@pytest.mark.parametrize("kind", WRONG)
def test_words_of_scikit_learn(predictor, model, kind):
    for method in ("predict", "predict_proba"):
        same_words(
            lambda method=method: getattr(predictor, method)(WRONG[kind]),
            lambda method=method: getattr(model, method)(WRONG[kind]),
        )


def test_names_of_columns():
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = MODEL.fit(frame, Y)
    predictor = freeze(model)
    np.testing.assert_array_equal(predictor.feature_names_in_, model.feature_names_in_)
    want = predictor(X)  # without names: nobody is warned of each row
    np.testing.assert_array_equal(predictor(frame), want)
    for wrong in (frame[list("edcba")], frame.rename(columns={"a": "z"}), frame[list("abc")]):
        same_words(lambda x=wrong: predictor.predict(x), lambda x=wrong: model.predict(x))


def test_without_validation(predictor):
    """No search for NaN; but never a wrong type or a row that is too short."""
    np.testing.assert_array_equal(predictor(X, validate=False), predictor(X))
    np.testing.assert_array_equal(predictor(X.astype(float), validate=False), predictor(X))
    bad = X[:2].copy()
    bad[0, 0] = np.nan
    assert np.isnan(predictor(bad, validate=False)[0]).all()
    np.testing.assert_array_equal(predictor(bad, validate=False)[1:], predictor(X[1]))
    with pytest.raises(ValueError, match="X has 3 features"):
        predictor(X[:, :3].copy(), validate=False)


@pytest.mark.parametrize("rows", [1, 40, 4000])
def test_eight_threads(rows):
    """All get their own answers while all call at once."""
    x = RANDOM.normal(size=(8 * rows, 30)).astype(np.float32)
    y = (x[:, :2] @ [[1.0], [2.0]]).ravel()
    model = MLPRegressor(hidden_layer_sizes=(200, 200), max_iter=1, random_state=0)
    predictor = freeze(model.fit(x[:100], y[:100]))
    parts = np.split(x, 8)
    want = [predictor(part) for part in parts]
    failures, together = [], threading.Barrier(8)

    def work(number):
        together.wait()
        for _ in range(max(3, 1200 // rows)):
            found = predictor(parts[number])
            if found.tobytes() != want[number].tobytes():
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    # no more than callers and helpers at once: a call shares the CPUs with those that run
    shares = (max(1, available_cpus() // running) for running in range(1, 9))
    assert len(predictor._answering._free) <= sum(shares)


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3, -1])
def test_large_batches(n_jobs):
    """By several threads the same bits."""
    x = RANDOM.normal(size=(30_000, 40)).astype(np.float32)
    model = MLPClassifier((64, 64), max_iter=1, random_state=0).fit(x[:200], np.arange(200) % 3)
    predictor = freeze(model, n_jobs=n_jobs)
    want = np.vstack([predictor.predict_proba(part) for part in np.split(x, 300)])
    np.testing.assert_array_equal(predictor.predict_proba(x), want)
    np.testing.assert_array_equal(predictor.predict(x), model.predict(x))
    x[29_999, 3] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        predictor.predict(x)
    with pytest.raises(ValueError, match="X has 39 features"):
        predictor.predict(x[:, 1:])


@pytest.mark.parametrize("n_jobs", [0, 2.5, "2"])
def test_refused_jobs(model, n_jobs):
    with pytest.raises(ValueError, match="n_jobs must be None or an integer"):
        freeze(model, n_jobs=n_jobs)


def test_brief_calls_are_brief_without_products():
    """Sixty normalisations and GELUs take their time too."""
    layers = [LayerNorm(), Activation("gelu")] * 60
    model = NetworkRegressor([*layers], max_iter=1, random_state=0)
    assert freeze(model.fit(X, X)).brief_rows < 1000 < freeze(MODEL.fit(X, Y)).brief_rows


def test_nothing_holds_it(model):
    predictor = freeze(model)
    predictor(X[0])
    seen = weakref.ref(predictor)
    del predictor
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 7, 2**24 + 1, 2**25 - 1, 2**25 + 3, 2**25 + 5, 40_000_001])
def test_codes_up_to_the_last(count, dtype):
    """As exact integers compare, though float32 has not all of them."""
    around = np.arange(count - 9, count + 9).astype(dtype)
    for value in np.unique(around):
        X = np.full((2, 1), value)
        if 0 <= int(value) < count:
            check_codes(X, [0], [count])
        else:
            with pytest.raises(ValueError, match=f"integers from 0 to {count - 1}; found"):
                check_codes(X, [0], [count])

"""Predictors with rounded weights: the same bits however called, and errors within bounds."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from cases.dense_networks import dense_network
from fusednn.kernels.intrinsics.integers import DOT
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import fusednn
from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier, freeze
from fusednn.layers import BatchNorm, Dense, Flatten, LayerNorm, PReLU, Reshape, Residual, RMSNorm
from fusednn.serving import together
from fusednn.serving.model import BINARY, COLUMNS, MULTICLASS, MULTILABEL, VALUES, Head, Model
from fusednn.serving.predictor import Predictor
from fusednn.training.threads import parked

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = [
    "bfloat16",
    pytest.param(
        "int8", marks=pytest.mark.skipif(DOT is None, reason="no product of integers here")
    ),
]
weights = pytest.mark.parametrize("weights", KINDS)
SIZES = [
    (1, 1, 5), (2, 3, 17), (3, 17, 33, 5), (5, 33, 1, 9), (17, 65, 65, 10), (64, 128, 256, 7),
    (784, 200, 16), (33, 5), (65, 20, 3), (1, 1),
]  # fmt: skip
HEADS = [
    (Head(BINARY, "logistic", (np.array(["a", "b"]),)), 1),
    (Head(MULTICLASS, "softmax", (np.arange(5) * 2,)), 5),
    (Head(MULTILABEL, "logistic", (np.arange(3),)), 3),
    (Head(COLUMNS, "softmax", (np.arange(3), np.array(list("abcd")))), 7),
    (Head(VALUES, "identity"), 1),
    (Head(VALUES, "identity", per_target=1), 3),
    (Head(VALUES, "exp"), 2),
    (Head(VALUES, "identity", per_target=3, point=None), 6),
]


def arrays_of(sizes, dtype=np.float32):
    random = np.random.default_rng(0)
    for fan_in, fan_out in pairwise(sizes):
        yield (random.normal(size=(fan_in, fan_out)) * np.sqrt(2 / fan_in)).astype(dtype)
        yield random.normal(size=fan_out).astype(dtype)


def model(sizes, head=None, activation="relu", dtype=np.float32):
    head = head or Head(VALUES, "identity")
    ops = dense_network(sizes, activation, "squared_error").ops
    return Model(ops, list(arrays_of(sizes, dtype)), head, np.dtype(dtype), ("A", "A"))


def rows_of(count, width):
    return np.random.default_rng(1).normal(size=(count, width)).astype(np.float32)


def methods_of(head):
    names = ["__call__", "predict"] + (["predict_proba"] if head.kind != VALUES else [])
    return names


def as_one(answer):
    return np.concatenate(answer, axis=1) if isinstance(answer, list) else answer


def assert_same_bits(predictor, X):
    """Each method answers a row with the same bits by itself and among others."""
    head = predictor.model().head
    for name in methods_of(head):
        all_ = as_one(getattr(predictor, name)(X))
        for rows in (1, 7):
            some = [as_one(getattr(predictor, name)(X[i : i + rows])) for i in range(0, 63, rows)]
            np.testing.assert_array_equal(np.concatenate(some), all_[:63])


@weights
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_same_bits_however_called(sizes, weights):
    head = Head(VALUES, "identity", per_target=sizes[-1], point=None)
    assert_same_bits(Predictor(model(sizes, head), 1, weights), rows_of(135, sizes[0]))


@weights
@pytest.mark.parametrize(("sizes", "rows"), [((64, 128, 256, 7), 2201), ((784, 200, 16), 603)])
def test_same_bits_by_two_threads(monkeypatch, sizes, rows, weights):
    helpers = []

    class Crew(parked.Crew):
        def __enter__(self):
            super().__enter__()
            helpers.append(len(self.helpers))
            return self

    monkeypatch.setattr(together, "Crew", Crew)
    whole, X = model(sizes), rows_of(rows, sizes[0])
    one, two = (Predictor(whole, jobs, weights)(X) for jobs in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert helpers == [1]


@weights
@pytest.mark.parametrize("case", range(len(HEADS)))
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_every_head(case, activation, weights):
    head, outputs = HEADS[case]
    whole = model((12, 40, outputs), head, activation)
    exact, reduced = Predictor(whole, 1), Predictor(whole, 1, weights)
    X = rows_of(300, 12)
    assert_same_bits(reduced, X)
    assert reduced.predict(X).shape == exact.predict(X).shape
    assert reduced.predict(X).dtype == exact.predict(X).dtype
    spread = abs(exact(X)).max()
    assert 0 < abs(reduced(X) - exact(X)).max() < 0.05 * spread


def bound_of_error(arrays, weights, X):
    """How far each output of a ReLU network may be from the exact one; and that one."""
    h, e = X.astype(float), np.zeros(X.shape)
    layers = list(zip(arrays[::2], arrays[1::2], strict=True))
    for i, (w, b) in enumerate(layers):
        w = w.astype(float)
        kept = len(layers) > 1 and i == len(layers) - 1 and w.shape[1] <= 4
        if kept:
            off = np.zeros(w.shape)
        elif weights == "bfloat16":
            off = 2.0**-8 * abs(w)  # half of the last of 8 bits
        else:  # a half of a step of the weights, one step of the rows
            off = np.repeat(abs(w).max(axis=0, keepdims=True), len(w), 0) / 254 * (1 + 2**-15)
            high, low = (h + e).max(axis=1, initial=0), (h - e).min(axis=1, initial=0)
            e = e + ((high - low) / 255)[:, np.newaxis]
        e = abs(h) @ off + e @ (abs(w) + off)
        h = h @ w + b
        e += 1e-5 * (1 + abs(h))  # float32
        if i < len(layers) - 1:
            h = np.maximum(h, 0)
    return h, e


@weights
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_errors_are_those_of_rounding(sizes, weights):
    whole = model(sizes)
    X = rows_of(50, sizes[0])
    exact, bound = bound_of_error(whole.arrays, weights, X)
    ours = Predictor(whole, 1, weights)(X)
    assert (abs(ours - exact) <= bound).all()


@weights
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_pickles_files_and_freezing_again_keep_the_bits(sizes, weights, tmp_path):
    once = Predictor(model(sizes), 1, weights)
    X = rows_of(9, sizes[0])
    loaded = pickle.loads(pickle.dumps(once))
    assert (loaded.weights, loaded.n_jobs, loaded.dtype) == (weights, 1, np.float32)
    np.testing.assert_array_equal(loaded(X), once(X))
    np.testing.assert_array_equal(freeze(once, weights=weights)(X), once(X))
    once.save(tmp_path / "model.safetensors")
    read = fusednn.load(tmp_path / "model.safetensors", weights=weights)
    np.testing.assert_array_equal(read(X), once(X))
    for mine, its in zip(once.model().arrays, loaded.model().arrays, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_array_equal(mine, its)


@weights
def test_model_holds_what_is_computed_with(weights):
    once = Predictor(model((30, 40, 5)), 1, weights)
    X = rows_of(9, 30)
    back = Predictor(once.model(), 1)
    tolerance = 1e-5 if weights == "bfloat16" else 0.06  # rows are not rounded now
    np.testing.assert_allclose(back(X), once(X), atol=tolerance)
    assert back.weights is None
    assert "weights" not in repr(back)
    assert f"weights {weights}" in repr(once)


@weights
def test_every_other_layer_stays_as_it_is(weights):
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    layers = [
        Dense(20, "gelu"),
        Residual([LayerNorm(), Dense(20, "relu"), Residual([Dense(9), PReLU(), Dense(20)])]),
        RMSNorm(),
        Reshape(5, 4),
        Dense(9, "tanh"),
        LayerNorm(),
        Flatten(),
        Dense(13),
        BatchNorm(),
    ]
    network = NetworkClassifier(layers, max_iter=12, random_state=0, dtype="float32").fit(X, y)
    exact, reduced = freeze(network), freeze(network, n_jobs=1, weights=weights)
    assert_same_bits(reduced, X[:300])
    assert abs(reduced.predict_proba(X) - exact.predict_proba(X)).max() < 0.15
    assert np.mean(reduced.predict(X) == exact.predict(X)) > 0.98


@weights
def test_networks_of_float64_become_float32(weights):
    X, y = load_iris(return_X_y=True)
    theirs = make_pipeline(StandardScaler(), TheirClassifier((20,), max_iter=60, random_state=0))
    reduced = freeze(theirs.fit(X, y), weights=weights)
    assert reduced.dtype == np.float32
    assert reduced.predict_proba(X).dtype == np.float32
    assert abs(reduced.predict_proba(X) - theirs.predict_proba(X)).max() < 0.05
    ours = MLPRegressor(hidden_layer_sizes=(20,), max_iter=20, random_state=0).fit(X, y)
    assert freeze(ours, weights=weights).predict(X).dtype == np.float32
    narrow = model((7, 9, 5))
    wide = narrow._replace(dtype=np.dtype(float), arrays=[a.astype(float) for a in narrow.arrays])
    pair = [Predictor(one, 1, weights)(rows_of(5, 7)) for one in (narrow, wide)]
    np.testing.assert_array_equal(*pair)


@weights
def test_scalers_that_stay_keep_float64(weights):
    X, y = load_iris(return_X_y=True)
    steps = MinMaxScaler(clip=True), TheirClassifier((20,), max_iter=60, random_state=0)
    theirs = make_pipeline(*steps).fit(X, y)
    reduced = freeze(theirs, weights=weights)
    assert abs(reduced.predict_proba(X * 1.2) - theirs.predict_proba(X * 1.2)).max() < 0.05
    assert reduced.model().arrays[0].dtype == np.float64
    loaded = pickle.loads(pickle.dumps(reduced))
    np.testing.assert_array_equal(loaded.predict_proba(X), reduced.predict_proba(X))


@weights
def test_rows_that_are_not_finite(weights):
    predictor = Predictor(model((7, 40, 5)), 1, weights)
    X = rows_of(4, 7)
    X[2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        predictor(X)
    found = predictor(X, validate=False)
    assert np.isnan(found[2]).all()
    np.testing.assert_array_equal(found[[0, 1, 3]], predictor(X[[0, 1, 3]]))


@pytest.mark.parametrize("odd", ["float16", "bf16", 8, True, ""])
def test_other_words_are_refused(odd):
    estimator = MLPClassifier((3,), max_iter=1).fit(rows_of(9, 2), np.arange(9) % 3)
    with pytest.raises(ValueError, match="must be None or one of 'bfloat16', 'int8'"):
        freeze(estimator, weights=odd)


@pytest.mark.skipif(DOT is None, reason="the CPU has no products of integers")
@pytest.mark.parametrize("way", ["pipeline", "standardize", "file"])
def test_columns_of_different_scales_behind_a_scaler(way, tmp_path):
    """A scaler before the network is not folded where rows are rounded."""
    X, y = load_breast_cancer(return_X_y=True)
    options = {"max_iter": 40, "random_state": 0, "learning_rate_init": 0.01}
    if way == "pipeline":
        model = make_pipeline(StandardScaler(), MLPClassifier((32,), **options)).fit(X, y)
    else:
        model = MLPClassifier((32,), standardize=True, **options).fit(X, y)
    if way == "file":
        model.save(tmp_path / "model.safetensors")
        reduced = fusednn.load(tmp_path / "model.safetensors", weights="int8")
    else:
        reduced = freeze(model, weights="int8")
    assert model.score(X, y) > 0.97
    assert np.mean(reduced.predict(X) == y) > model.score(X, y) - 0.01


def test_images_keep_their_accuracy(images):
    X, y, X_test, y_test, least = images
    X, X_test = X.astype(np.float32), X_test.astype(np.float32)
    options = {"max_iter": 8, "batch_size": 32, "learning_rate_init": 0.002, "random_state": 0}
    network = MLPClassifier((64, 32), dtype="float32", **options).fit(X, y)
    accuracy = np.mean(freeze(network).predict(X_test) == y_test)
    assert accuracy > least - 0.03
    for kind in ["bfloat16"] + ["int8"] * (DOT is not None):
        found = np.mean(freeze(network, weights=kind).predict(X_test) == y_test)
        assert abs(found - accuracy) < 0.01

"""X of uint8, as images are: the network of a copy in floats to the bit, without the copy."""

import tracemalloc

import numpy as np
import pytest
from fusednn.kernels._cache import statistics
from oracles.parity import fit_quietly
from running.poison import Poisoned
from running.sessions import assert_same_bits
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from fusednn import MLPClassifier, NetworkClassifier, NetworkRegressor, freeze, load, warmup
from fusednn.augment import Crop, Flip, Jitter, Shift
from fusednn.layers import (
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    MaxPool2D,
    Reshape,
)
from fusednn.plan.binding import data

RANDOM = np.random.RandomState(0)
IMAGES = RANDOM.randint(256, size=(90, 6, 5, 3)).astype(np.uint8)
ROWS = IMAGES.reshape(90, -1)
LABELS = np.arange(90) % 3
SMALL = {"max_iter": 2, "batch_size": 32, "random_state": 0}
CONVOLUTION = [Conv2D(4, 3, "relu"), MaxPool2D(2), Flatten()]
CASES = {
    "convolution": (CONVOLUTION, IMAGES),
    "padded convolution": ([Conv2D(4, 3, padding="same"), GlobalAvgPool()], IMAGES),
    "series": ([Conv1D(4, 3, "relu"), Dropout(0.1), Flatten()], IMAGES[..., 0].copy()),
    "rows of a sample": ([Dense(4, "tanh"), Flatten()], IMAGES),
    "columns": ([Dense(6, "relu")], ROWS),
    "a norm": ([BatchNorm(), Dense(6, "relu")], ROWS),
    "channels first": ([Reshape(3, 6, 5, channels="first"), *CONVOLUTION], ROWS),
}
EVERY = pytest.mark.parametrize(("layers", "X"), CASES.values(), ids=CASES)
OPTIONS = {
    "plain": {},
    "standardized": {"standardize": True},
    "float64": {"dtype": "float64", "standardize": True},
    "mixed": {"mixup": 0.3},
    "two threads": {"n_jobs": 2},
    "early stopping": {"early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
}


def fitted(layers, X, **options):
    options = SMALL | options
    if any(isinstance(layer, BatchNorm | Dropout) for layer in layers):
        options.pop("solver", None)
    return fit_quietly(NetworkClassifier(layers, **options), X, LABELS)


@pytest.fixture
def rows_read(monkeypatch):
    """All sources of dense rows that are made."""
    found, init = [], data.DenseRows.__init__

    def noted(self, *arguments):
        init(self, *arguments)
        found.append(self)

    monkeypatch.setattr(data.DenseRows, "__init__", noted)
    return found


@pytest.mark.thinned
@EVERY
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_bits_are_those_of_floats_and_data_are_not_copied(layers, X, options, rows_read):
    ours = fitted(layers, X, **options)
    assert rows_read
    assert all(np.shares_memory(one.X, X) for one in rows_read)
    kind = np.dtype(options.get("dtype", "float32"))
    assert ours._network_dtype() == kind
    theirs = fitted(layers, X.astype(kind), **options)
    if not options.get("standardize"):
        assert_same_bits(ours._parameters(), theirs._parameters())
    else:  # the means and deviations are rounded otherwise
        for one, other in zip(ours._parameters(), theirs._parameters(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
        theirs.set_weights(ours.get_weights())
        theirs._arrays = [array.copy() for array in ours._parameters()]
    del rows_read[:]
    for name in ("predict_proba", "predict", "predict_logits", "input_gradient"):
        found, expected = getattr(ours, name)(X), getattr(theirs, name)(X.astype(kind))
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    assert [one for one in rows_read if np.shares_memory(one.X, X)]
    few = ours.predict_proba(X[:3])
    np.testing.assert_array_equal(few, ours.predict_proba(X)[:3])
    assert ours.score(X, LABELS) == theirs.score(X.astype(kind), LABELS)


@EVERY
def test_partial_fits_and_losses(layers, X):
    ours, theirs = (NetworkClassifier(layers, **SMALL) for _ in range(2))
    whole = X.astype(np.float32)
    for part in (slice(0, 40), slice(40, 90), slice(0, 90)):
        ours.partial_fit(X[part], LABELS[part], classes=[0, 1, 2])
        theirs.partial_fit(whole[part], LABELS[part], classes=[0, 1, 2])
    assert_same_bits(ours._parameters(), theirs._parameters())
    found, expected = (
        model.loss_and_gradient(rows, LABELS, inputs=True)
        for model, rows in ((ours, X), (theirs, whole))
    )
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[2], expected[2])
    np.testing.assert_array_equal(
        ours.hidden_activations(X, 0), theirs.hidden_activations(whole, 0)
    )


@pytest.mark.parametrize("own", ["bytes", "floats"])
def test_validation_sets_of_either_type(own):
    X_val = IMAGES[:20] if own == "bytes" else IMAGES[:20].astype(float)
    model = NetworkClassifier(CONVOLUTION, **SMALL)
    fit_quietly(model, IMAGES, LABELS, X_val=X_val, y_val=LABELS[:20])
    assert model.validation_scores_[-1] == model.score(IMAGES[:20], LABELS[:20])
    scored = clone(model).set_params(scoring="accuracy")
    fit_quietly(scored, IMAGES.astype(np.float32), LABELS, X_val=IMAGES[:20], y_val=LABELS[:20])
    assert scored.validation_scores_ == model.validation_scores_


def test_augmented_and_read_where_the_data_lie(rows_read):
    ours = fitted(CONVOLUTION, IMAGES, augment=[Flip(), Shift(1)])
    assert all(np.shares_memory(one.X, IMAGES) for one in rows_read)
    theirs = fitted(CONVOLUTION, IMAGES.astype(np.float32), augment=[Flip(), Shift(1)])
    assert_same_bits(ours._parameters(), theirs._parameters())


@EVERY
def test_what_is_no_value_is_not_read(layers, X, monkeypatch):
    """NaN in all memory that a step or a prediction has to write."""
    clean = fitted(layers, X)
    expected = clean.predict_proba(X)
    buffers = Poisoned(monkeypatch).buffers
    found = fitted(layers, X)
    assert_same_bits(clean._parameters(), found._parameters())
    np.testing.assert_array_equal(found.predict_proba(X), expected)
    assert min(buffers["passes"] + buffers["predictions"]) > 2


def test_scaling_is_scikit_learns():
    model = fitted(CONVOLUTION, IMAGES, standardize=True)
    scaler = StandardScaler().fit(IMAGES.reshape(-1, 3).astype(float))
    np.testing.assert_allclose(model.feature_means_, scaler.mean_, rtol=1e-7)
    np.testing.assert_allclose(model.feature_factors_, 1 / scaler.scale_, rtol=1e-7)
    constant = IMAGES.copy()
    constant[..., 1] = 255
    factors = fitted(CONVOLUTION, constant, standardize=True, dtype="float64").feature_factors_
    assert factors[1] == 1


def test_any_layout():
    model = fitted(CONVOLUTION, IMAGES)
    for X in (
        *(np.asfortranarray(IMAGES), IMAGES[:, ::-1][:, ::-1], IMAGES.repeat(2, axis=0)[::2]),
        *(np.pad(ROWS, ((0, 0), (3, 4)))[:, 3:-4].reshape(IMAGES.shape), list(IMAGES)),
    ):
        assert_same_bits(fitted(CONVOLUTION, X)._parameters(), model._parameters())
        np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(IMAGES))
    flat = np.pad(ROWS, ((0, 0), (3, 4)))[:, 3:-4]
    np.testing.assert_array_equal(model.predict_proba(flat), model.predict_proba(IMAGES))
    by_column = fitted([Dense(4)], np.asfortranarray(ROWS))
    assert_same_bits(by_column._parameters(), fitted([Dense(4)], ROWS)._parameters())


def test_memory_maps(tmp_path, rows_read):
    np.save(tmp_path / "X.npy", IMAGES)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = fitted(CONVOLUTION, mapped)
    assert all(np.shares_memory(one.X, mapped) for one in rows_read)
    assert_same_bits(model._parameters(), fitted(CONVOLUTION, IMAGES)._parameters())


def test_memory(monkeypatch):
    """No fit and no prediction allocates a third of a copy in floats."""
    X = RANDOM.randint(256, size=(3000, 24, 24, 1)).astype(np.uint8)
    y = X[:, 0, 0, 0] / 255
    model = NetworkRegressor(
        [Conv2D(2, 5, stride=5), GlobalAvgPool()], standardize=True, max_iter=1, batch_size=20,
        random_state=0,
    )  # fmt: skip
    fit_quietly(model, X[:50], y[:50]).predict(X[:50])
    monkeypatch.setattr("fusednn.serving.computing.DENSE_BYTES", X.nbytes // 4)
    predictor = freeze(model, n_jobs=1)
    predictor(X[:50])
    for call in (
        lambda: fit_quietly(model, X, y),
        lambda: model.partial_fit(X, y),
        lambda: model.predict(X),
        lambda: predictor.predict(X),
    ):
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * X.nbytes / 3


def test_predictors(tmp_path, monkeypatch):
    """They convert part by part where X is large."""
    model = fitted(CONVOLUTION, IMAGES, standardize=True)
    predictor = freeze(model)
    predictor.save(tmp_path / "model")
    floats = IMAGES.astype(np.float32)
    monkeypatch.setattr("fusednn.serving.computing.DENSE_BYTES", 1)
    for one in (freeze(model), load(tmp_path / "model"), predictor):
        for X in (IMAGES, ROWS, IMAGES[:1], ROWS[:1], np.asfortranarray(ROWS)):
            expected = predictor.predict_proba(X.astype(np.float32))
            np.testing.assert_array_equal(one.predict_proba(X), expected)
            out = np.empty_like(expected)
            assert one.predict_proba(X, out=out) is out
            np.testing.assert_array_equal(out, expected)
        np.testing.assert_array_equal(one.predict(ROWS[0]), predictor.predict(floats[:1]))
        for wrong in (ROWS[:, 1:], IMAGES[:, 1:]):
            with pytest.raises(ValueError, match="is expecting"):
                one.predict_proba(wrong)
        with pytest.raises(ValueError, match="out must be of shape"):
            one.predict_proba(IMAGES, out=np.empty((3, 3), np.float32))


def test_warmup_compiles_all_that_images_need():
    layers = [Conv2D(4, 3, "gelu"), MaxPool2D(2), Flatten()]
    for model in (
        NetworkClassifier(layers, augment=[Flip()], mixup=0.1, standardize=True, max_iter=1),
        NetworkClassifier([Flatten()], augment=[Flip()], max_iter=1),
        NetworkClassifier([Conv1D(4, 3), Flatten()], augment=[Jitter(1), Crop(5)], max_iter=1),
    ):
        warmup(model)
        before = statistics()
        for X in (IMAGES, IMAGES / 255, np.float32(IMAGES)):
            X = X[..., 0] if isinstance(model.augment[0], Jitter) else X
            fit_quietly(model, X, LABELS).predict(X)
            freeze(model).predict(X)
        assert statistics() == before


def test_codes_and_perceptrons_convert():
    codes = RANDOM.randint(4, size=(90, 2)).astype(np.uint8)
    layers = [Embedding([0], size=2), Dense(4, "relu")]
    one, other = (fitted(layers, X) for X in (codes, codes.astype(float)))
    assert_same_bits(one._parameters(), other._parameters())
    np.testing.assert_array_equal(one.predict(codes), other.predict(codes.astype(float)))
    perceptron = fit_quietly(MLPClassifier([4], **SMALL), ROWS, LABELS)
    assert perceptron.coefs_[0].dtype == np.float64


def test_what_is_refused():
    model = fitted(CONVOLUTION, IMAGES)
    with pytest.raises(ValueError, match="X has 7 features"):
        model.predict(ROWS[:, :7])
    with pytest.raises(ValueError, match="Found array with 0 sample"):
        model.predict(IMAGES[:0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(IMAGES, LABELS[:-1])

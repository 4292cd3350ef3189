"""X with axes: images (n, H, W, C) and (n, H, W), series (n, T, C), beside the same as rows."""

import numpy as np
import pytest
from oracles.parity import fit_quietly
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from fusednn import MLPClassifier, NetworkClassifier, NetworkRegressor, freeze, load
from fusednn.layers import (
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    MaxPool2D,
    Reshape,
    Residual,
)

IMAGE = [Conv2D(5, 3, "relu"), MaxPool2D(2), Flatten(), Dense(7, "tanh")]
SERIES = [Conv1D(6, 3, "relu", padding="causal"), GlobalAvgPool()]
SMALL = {"max_iter": 2, "batch_size": 16, "random_state": 0}
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.normal(size=(48, 6, 8, 3))
GREY = RANDOM.normal(size=(48, 6, 8))
LABELS = np.arange(48) % 3
CASES = {
    "images": (IMAGE, PIXELS, (6, 8, 3)),
    "images of one channel": (IMAGE, GREY, (6, 8, 1)),
    "series": (SERIES, GREY, (6, 8)),
    "series of one channel": (SERIES, PIXELS[:, :, 0, 0], (6, 1)),
    "inside a residual": ([Dropout(0.1), Residual([Conv2D(1, 3)]), *IMAGE], GREY, (6, 8, 1)),
    "only dense": ([Dense(4, "relu"), Flatten()], GREY, (6, 8)),
}
EVERY = pytest.mark.parametrize(("layers", "X", "axes"), CASES.values(), ids=CASES)


def fitted(layers, X, **options):
    return fit_quietly(NetworkClassifier(layers, **{**SMALL, **options}), X, LABELS)


@EVERY
@pytest.mark.parametrize("standardize", [False, True])
def test_axes_are_a_reshape_of_rows(layers, X, axes, standardize):
    model = fitted(layers, X, standardize=standardize)
    rows = X.reshape(len(X), -1)
    same = fitted([Reshape(*axes), *layers], rows, standardize=standardize)
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(rows))
    np.testing.assert_array_equal(model.predict_proba(rows), same.predict_proba(rows))
    assert model.n_features_in_ == rows.shape[1]
    if X.ndim > 2:
        free = layers is SERIES  # no layer fixes the steps
        assert model.input_shape_ == (None if free else X.shape[1], *X.shape[2:])


@EVERY
def test_files_and_predictors(layers, X, axes, tmp_path):
    model = fitted(layers, X, standardize=True)
    model.save(tmp_path / "model")
    again = NetworkClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert getattr(again, "input_shape_", None) == getattr(model, "input_shape_", None)
    predictor = freeze(model)
    expected = model.predict_proba(X)
    for rows in (X, X.reshape(len(X), -1), X.astype(np.float32).astype(float)):
        np.testing.assert_allclose(predictor.predict_proba(rows), expected, atol=1e-6)
    assert predictor.predict(X[0].ravel()) == model.predict(X[:1])
    predictor.save(tmp_path / "predictor")
    found = load(tmp_path / "predictor").predict_proba(X)
    np.testing.assert_array_equal(found, predictor.predict_proba(X))


@EVERY
def test_one_sample_with_its_axes(layers, X, axes):
    """A predictor answers as for the same numbers as a vector, whatever the array."""
    predictor = freeze(fitted(layers, X))
    out = np.empty((1, 3))
    for sample in (X[0], X[0].reshape(axes)):
        expected = predictor.predict_proba(sample.ravel())
        assert expected.shape == (1, 3)
        fixed = np.asfortranarray(sample)
        for same in (sample, fixed, sample.tolist(), sample.astype(np.float32).astype(float)):
            np.testing.assert_allclose(predictor.predict_proba(same), expected, rtol=1e-5)
        np.testing.assert_array_equal(predictor.predict_proba(sample, out=out), expected)
        assert predictor.predict(sample).tolist() == predictor.predict(X[:1]).tolist()
        with pytest.raises(ValueError, match=r"Input X contains NaN|has no step"):
            predictor(sample * np.nan)


def test_one_large_sample_of_bytes():
    """It has more rows of pixels than are converted at a time."""
    images = RANDOM.integers(256, size=(6, 300, 300), dtype=np.uint8)
    model = NetworkClassifier([MaxPool2D(100), Flatten()], **SMALL).initialize(images, LABELS[:6])
    predictor = freeze(model)
    expected = predictor.predict_proba(images[:1])
    np.testing.assert_array_equal(predictor.predict_proba(images[0]), expected)


def test_rows_win():
    """As many rows as samples have steps are rows if they have all columns."""
    predictor = freeze(fitted([Flatten(), Dense(3)], GREY[:, :1]))
    assert predictor.predict(GREY[:1, 0]).shape == (1,)
    rows = GREY[:8, 0]
    assert predictor.predict(rows).shape == (8,)
    square = freeze(fitted([Flatten(), Dense(3)], GREY[:, :, :6]))
    assert square.predict(GREY[:6, :, :6]).shape == (6,)
    assert square.predict(GREY[0, :, :6]).shape == (1,)


def test_scaling_is_by_channel():
    X = PIXELS * [1, 10, 100] + [5, 0, -50]
    model = fitted(IMAGE, X, standardize=True)
    flat = X.reshape(-1, 3)
    np.testing.assert_allclose(model.feature_means_, flat.mean(axis=0))
    np.testing.assert_allclose(model.feature_factors_, 1 / flat.std(axis=0))
    planes = np.moveaxis(X, -1, 1).reshape(len(X), -1)
    same = fitted([Reshape(3, 6, 8, channels="first"), *IMAGE], planes, standardize=True)
    np.testing.assert_allclose(same.predict_proba(planes), model.predict_proba(X), rtol=1e-9)


def test_values_have_the_axes():
    model = fitted(IMAGE, PIXELS)
    assert model.hidden_activations(PIXELS, 0).shape == (48, 6, 8, 5)
    assert model.hidden_activations(PIXELS, 1).shape == (48, 3, 4, 5)
    assert model.hidden_activations(PIXELS).shape == (48, 7)
    gradient = model.input_gradient(PIXELS, of=1)
    step = np.zeros(PIXELS.shape)
    step[:, 2, 3, 1] = 1e-6
    ends = [model.predict_logits(PIXELS + sign * step)[:, 1] for sign in (1, -1)]
    np.testing.assert_allclose(gradient[:, 2, 3, 1], (ends[0] - ends[1]) / 2e-6, atol=1e-6)
    *_, dx = model.loss_and_gradient(PIXELS, LABELS, inputs=True)
    assert dx.shape == PIXELS.shape


def test_whole_numbers_make_a_float32_network():
    images = (PIXELS * 40 + 128).clip(0, 255).astype(np.uint8)
    model = fitted(IMAGE, images)
    assert model.get_weights()[0][0].dtype == np.float32
    np.testing.assert_array_equal(
        model.predict_proba(images), fitted(IMAGE, images.astype(np.float32)).predict_proba(images)
    )
    assert fitted(IMAGE, images, dtype="float64").get_weights()[0][0].dtype == np.float64


def test_any_layout_and_nested_lists_are_the_same():
    model = fitted(IMAGE, GREY)
    for X in (np.asfortranarray(GREY), GREY[:, ::-1][:, ::-1], GREY.tolist(), list(GREY)):
        np.testing.assert_array_equal(fitted(IMAGE, X).predict_proba(X), model.predict_proba(GREY))


def test_training_goes_on():
    model = NetworkClassifier(IMAGE, **SMALL)
    for part in (slice(0, 24), slice(24, 48)):
        model.partial_fit(PIXELS[part], LABELS[part], classes=[0, 1, 2])
    assert model.input_shape_ == (6, 8, 3)
    own = {"X_val": PIXELS[:9], "y_val": LABELS[:9]}
    assert 0 <= fit_quietly(clone(model), PIXELS, LABELS, **own).best_validation_score_ <= 1
    fitted(IMAGE, PIXELS, early_stopping=True)


def test_scikit_learns_tools_take_them():
    model = NetworkClassifier(IMAGE, **{**SMALL, "max_iter": 1, "tol": 1e9, "n_iter_no_change": 1})
    train, test, y, _ = train_test_split(PIXELS, LABELS, random_state=0)
    with np.errstate(all="ignore"):
        fit_quietly(model, train, y).predict(test)
    regressor = NetworkRegressor(SERIES, solver="lbfgs", max_iter=2000, tol=1e-1, random_state=0)
    pipeline = make_pipeline(FunctionTransformer(np.tanh), regressor)
    values = GREY.mean(axis=(1, 2))
    assert len(cross_val_score(pipeline, GREY, values, cv=2)) == 2
    search = GridSearchCV(regressor, {"alpha": [0.0, 0.1]}, cv=2).fit(GREY, values)
    assert search.predict(GREY).shape == (48,)


def test_what_is_refused():
    model = fitted(IMAGE, PIXELS)
    for X in (PIXELS[:, :5], PIXELS[..., :2], np.moveaxis(PIXELS, -1, 1)):
        words = rf"axes \({', '.join(map(str, X.shape[1:]))}\), but .* axes \(6, 8, 3\)"
        with pytest.raises(ValueError, match=words):
            model.predict(X)
        with pytest.raises(ValueError, match=words):
            freeze(model).predict(X)
    for X, words in ((PIXELS[0, :5], r"axes \(8, 3\), but"), (PIXELS[0, :, :, 0], "X has 8 feat")):
        with pytest.raises(ValueError, match=words):
            freeze(model).predict(X)
    for X in (PIXELS[:0], PIXELS[:0].astype(np.float32), PIXELS[:0].reshape(0, 144)):
        with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
            freeze(model).predict(X)
    with pytest.raises(ValueError, match="X has 7 features"):
        model.predict(PIXELS.reshape(48, -1)[:, :7])
    with pytest.raises(ValueError, match=r"axes \(6, 8, 3\), but .* 144 columns"):
        fitted([Dense(3, "relu")], PIXELS.reshape(48, -1)).predict(PIXELS)
    with pytest.raises(ValueError, match="at most three"):
        fitted(IMAGE, PIXELS[..., np.newaxis])
    with pytest.raises(ValueError, match=r"layers\[0\] is Conv2D.* 144 columns .* Reshape\("):
        fitted(IMAGE, PIXELS.reshape(48, -1))
    with pytest.raises(ValueError, match=r"layers\[0\] is Conv2D.* put Flatten\(\) or a global"):
        fitted([Conv2D(3, 3)], PIXELS)
    with pytest.raises(ValueError, match="dim 4"):
        MLPClassifier().fit(PIXELS, LABELS)
    before = model.predict_proba(PIXELS)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(PIXELS * np.nan, LABELS)
    np.testing.assert_array_equal(model.predict_proba(PIXELS), before)

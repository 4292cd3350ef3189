"""A first `Reshape` that says what the axes of X are: X with axes and its rows are the same."""

import numpy as np
import pytest
from oracles.parity import fit_quietly
from running.sessions import assert_same_bits
from scipy import sparse

from fusednn import NetworkClassifier, NetworkRegressor, freeze, load
from fusednn.layers import (
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    MaxPool2D,
    Reshape,
)

IMAGE = [Conv2D(4, 3, "relu"), MaxPool2D(2), Flatten(), Dense(5, "tanh")]
SERIES = [Conv1D(4, 3, "relu"), GlobalAvgPool()]
SMALL = {"max_iter": 2, "batch_size": 16, "random_state": 0}
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.normal(size=(40, 6, 8, 3)) * [1, 10, 100] + [5, 0, -50]
PLANES = np.ascontiguousarray(np.moveaxis(PIXELS, -1, 1))
BYTES = (PLANES + 128).clip(0, 255).astype(np.uint8)
LABELS = np.arange(40) % 3
VALUES = RANDOM.normal(size=40)

PLANAR = Reshape(3, 6, 8, channels="first")
CASES = {  # the first layer, those behind it, X, and the axis of the channels
    "planes": (PLANAR, IMAGE, PLANES, 1),
    "planes of bytes": (PLANAR, IMAGE, BYTES, 1),
    "planes before dropout": (PLANAR, [Dropout(0.2), *IMAGE], PLANES, 1),
    "series of planes": (Reshape(6, 8, channels="first"), SERIES, PIXELS[..., 0], 1),
    "rows of planes": (Reshape(3, 48, channels="first"), SERIES, PLANES, 1),
    "pixels": (Reshape(6, 8, 3), IMAGE, PIXELS, 3),
    "steps": (Reshape(6, 8), SERIES, PIXELS[..., 1], 2),
}
EVERY = pytest.mark.parametrize(("first", "layers", "X", "channels"), CASES.values(), ids=CASES)
BOTH = pytest.mark.parametrize(
    ("kind", "y"),
    [(NetworkClassifier, LABELS), (NetworkRegressor, VALUES)],
    ids=["class", "value"],
)


def rows_of(X):
    return X.reshape(len(X), -1)


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


def assert_same(one, other):
    assert_same_bits(one._parameters(), other._parameters())


@BOTH
@EVERY
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_x_with_axes_is_its_rows(kind, y, first, layers, X, channels, method):
    """Also with `standardize`, which goes by the channels that `Reshape` names."""

    def trained(X):
        model = kind([first, *layers], standardize=True, **SMALL)
        if method == "fit":
            return fit_quietly(model, X, y)
        known = {"classes": [0, 1, 2]} if kind is NetworkClassifier else {}
        return model.partial_fit(X[:20], y[:20], **known).partial_fit(X[20:], y[20:])

    one, other = trained(X), trained(rows_of(X))
    assert_same(one, other)
    seen = X if method == "fit" else X[:20]
    by_channel = np.moveaxis(seen, channels, -1).reshape(-1, X.shape[channels]).astype(float)
    for model in (one, other):
        np.testing.assert_allclose(model.feature_means_, by_channel.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(model.feature_factors_, 1 / by_channel.std(axis=0), rtol=1e-5)


@BOTH
@EVERY
def test_each_takes_both_forms(kind, y, first, layers, X, channels, tmp_path):
    flat = rows_of(X)
    # the rows of "rows of planes" say nothing of three axes
    fits = [X, flat] if X.shape[1:] == first.shape else [X]
    for number, data in enumerate(fits):
        model = fit_quietly(kind([first, *layers], standardize=True, **SMALL), data, y)
        expected = answers(model, flat)
        np.testing.assert_array_equal(answers(model, X), expected)
        assert model.score(X, y) == model.score(flat, y)
        np.testing.assert_array_equal(
            model.hidden_activations(X, 1), model.hidden_activations(flat, 1)
        )
        gradient = model.input_gradient(X, of=0)
        assert gradient.shape == X.shape
        np.testing.assert_array_equal(rows_of(gradient), model.input_gradient(flat, of=0))
        model.save(tmp_path / f"model{number}")
        again = kind.load(tmp_path / f"model{number}")
        predictor = freeze(model)
        predictor.save(tmp_path / f"predictor{number}")
        for other in (again, predictor, load(tmp_path / f"predictor{number}")):
            np.testing.assert_allclose(answers(other, X), expected, rtol=1e-4, atol=1e-5)
            np.testing.assert_array_equal(answers(other, X), answers(other, flat))
        again.partial_fit(flat, y)
        model.partial_fit(X, y)
        assert_same(again, model)


def test_planes_are_the_pixels_with_channels_last():
    planar = fit_quietly(
        NetworkClassifier([PLANAR, *IMAGE], standardize=True, **SMALL), PLANES, LABELS
    )
    plain = fit_quietly(NetworkClassifier(IMAGE, standardize=True, **SMALL), PIXELS, LABELS)
    np.testing.assert_allclose(
        planar.predict_proba(PLANES), plain.predict_proba(PIXELS), rtol=1e-9
    )


def test_one_channel_may_be_left_out():
    """X (n, H, W) before Reshape(H, W, 1) has one channel to scale, not W."""
    grey = PIXELS[..., 0]
    for first in (Reshape(6, 8, 1), Reshape(1, 6, 8, channels="first")):
        fits = [
            fit_quietly(NetworkClassifier([first, *IMAGE], standardize=True, **SMALL), X, LABELS)
            for X in (grey, rows_of(grey), grey.reshape(-1, *first.shape))
        ]
        for model in fits:
            np.testing.assert_allclose(model.feature_means_, [grey.mean()])
            assert_same(model, fits[0])
            for each in (model, freeze(model)):
                np.testing.assert_array_equal(
                    each.predict_proba(grey), each.predict_proba(grey.reshape(-1, *first.shape))
                )


def test_a_validation_set_may_have_the_other_form():
    model = NetworkClassifier([PLANAR, *IMAGE], **SMALL)
    scores = [
        fit_quietly(
            model, rows_of(PLANES), LABELS, X_val=X[:9], y_val=LABELS[:9]
        ).validation_scores_
        for X in (PLANES, rows_of(PLANES))
    ]
    assert scores[0] == scores[1]


def test_axes_of_others_are_refused():
    model = fit_quietly(NetworkClassifier([PLANAR, *IMAGE], **SMALL), rows_of(PLANES), LABELS)
    words = r"axes \(6, 8, 3\), but .* 144 columns or axes \(3, 6, 8\)"
    for use in (model.predict, model.input_gradient, lambda X: model.partial_fit(X, LABELS)):
        with pytest.raises(ValueError, match=words):
            use(PIXELS)
    with pytest.raises(ValueError, match=r"expecting samples with axes \(3, 6, 8\)"):
        freeze(model).predict(PIXELS)
    with pytest.raises(ValueError, match=r"Reshape.* received axes \(3, 6, 8\) of 144 .* 75 elem"):
        NetworkClassifier([Reshape(3, 5, 5, channels="first"), *IMAGE]).fit(PLANES, LABELS)


@BOTH
@pytest.mark.parametrize("scaled", [False, True])
def test_sparse_rows_name_the_first_layer(kind, y, scaled):
    for layers, X, words in (
        (IMAGE, PIXELS, r"with Conv2D on samples with axes \(6, 8, 3\): it needs dense X"),
        ([BatchNorm(), *SERIES], PIXELS[..., 0], r"with BatchNorm on samples with axes \(6, 8\):"),
        ([Dense(3), Flatten()], PIXELS[..., 0], r"with Dense on samples with axes \(6, 8\):"),
        ([PLANAR, *IMAGE], PLANES, "with Reshape: it needs dense X"),
    ):
        model = fit_quietly(kind(layers, standardize=scaled, **SMALL), X, y)
        rows = sparse.csr_matrix(rows_of(X))
        for use in (model.predict, model.input_gradient, lambda X, m=model: m.partial_fit(X, y)):
            with pytest.raises(ValueError, match=f"X is sparse, but the network begins {words}"):
                use(rows)
    with pytest.raises(ValueError, match=r"begins with Conv1D on samples with axes \(48, 1\): "):
        kind(SERIES, standardize=scaled).fit(sparse.csr_matrix(rows_of(PIXELS[..., 0])), y)

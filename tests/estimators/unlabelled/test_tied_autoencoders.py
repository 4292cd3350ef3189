"""Autoencoders whose decoder has the encoder's weights, transposed."""

import copy

import numpy as np
import pytest
from oracles.parity import fit_quietly
from running.nested_weights import leaves
from scipy.signal import convolve2d, correlate2d
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits

from fusednn import Autoencoder, freeze, load
from fusednn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    PReLU,
    Reshape,
)
from fusednn.optimizers import SGD

X = load_digits().data[:120] / 16
ENCODER = [Dense(20, "tanh"), Dropout(0.1), Dense(5)]
DECODER = [Dense(20), BatchNorm(), Activation("relu"), Dense(64, bias=False)]
SHAPES = [[(64, 20), (20,)], [], [(20, 5), (5,)], [(20,)], [(20,)] * 4, [], []]
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def tied(encoder=ENCODER, decoder=DECODER, **options):
    return Autoencoder(encoder, decoder, tied=True, max_iter=3, random_state=0, **options)


def by_hand(model, rows):
    """What the first lists give back, by NumPy; BatchNorm by its running statistics."""
    (w, b), _, (v, c), (d,), (scale, shift, mean, variance), *_ = model.get_weights()
    codes = np.tanh(rows @ w + b) @ v + c
    hidden = scale * (codes @ v.T + d - mean) / np.sqrt(variance + 1e-5) + shift
    return codes, np.maximum(hidden, 0) @ w.T


def test_weights_are_the_encoders():
    model = fit_quietly(tied(), X)
    shapes = [[array.shape for array in layer] for layer in model.get_weights()]
    assert shapes == SHAPES
    codes, back = by_hand(model, X)
    np.testing.assert_allclose(model.transform(X), codes, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.inverse_transform(codes), back, rtol=1e-9, atol=1e-12)
    errors = -((back - X) ** 2).mean(axis=1)
    np.testing.assert_allclose(model.score_samples(X), errors, rtol=1e-9)
    other = copy.deepcopy(model).set_weights(
        [[array * 0.5 for array in arrays] for arrays in model.get_weights()]
    )
    np.testing.assert_allclose(other.inverse_transform(codes), by_hand_back(other, codes))


def by_hand_back(model, codes):
    (w, _), _, (v, _), (d,), (scale, shift, mean, variance), *_ = model.get_weights()
    hidden = scale * (codes @ v.T + d - mean) / np.sqrt(variance + 1e-5) + shift
    return np.maximum(hidden, 0) @ w.T


@pytest.mark.parametrize("decoder", [[Dense(20, "tanh"), Dense(64)], None])
def test_training_gives_back_more(decoder):
    """Without a list the decoder is the encoder from its end."""
    model = tied([Dense(20, "tanh"), Dense(5)], decoder).set_params(max_iter=40)
    first = copy.deepcopy(model).initialize(X)
    assert fit_quietly(model, X).score(X) > 0.6 * first.score(X)
    assert model.decoder_layers_ == (Dense(20, "tanh"), Dense(64))


def test_lists_of_its_own():
    """The default decoder is the opposite of the default encoder, and of any other."""
    model = Autoencoder(tied=True, random_state=0).initialize(X)
    plain = Autoencoder(random_state=0).initialize(X)
    assert model.decoder_layers_ == plain.decoder_layers_
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours[-1], theirs[-1])
    encoder = [Flatten(), Dense(9), Activation("leaky_relu", 0.3), Dense(4, "relu"), Dense(2)]
    model = tied(encoder, None).initialize(X.reshape(-1, 8, 8))
    expected = Dense(4, "relu"), Dense(9), Activation("leaky_relu", 0.3), Dense(64)
    assert model.decoder_layers_ == expected
    assert model.inverse_transform(np.zeros((3, 2))).shape == (3, 8, 8)


@DTYPES
@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "ema_decay": 0.9}])
def test_files_and_predictors(dtype, options, tmp_path):
    model = fit_quietly(tied(**options, diagnose=True), X.astype(dtype))
    path, rows = tmp_path / "model.safetensors", X.astype(dtype)
    model.save(path)
    again = Autoencoder.load(path)
    back = model.inverse_transform(model.transform(rows))
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_array_equal(again.transform(rows), model.transform(rows))
    for predictor in (load(path), freeze(model)):
        np.testing.assert_allclose(predictor.predict(rows), back, **close)
    np.testing.assert_allclose(model.decoder_.predict(model.transform(rows)), back, **close)
    rounded = freeze(model, weights="bfloat16"), load(path, weights="bfloat16")
    ours, theirs = (one.predict(rows) for one in rounded)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(ours, back, rtol=0.1, atol=0.05)
    if not options:
        for one in (model, again):
            one.partial_fit(rows)
        np.testing.assert_array_equal(again.transform(rows), model.transform(rows))


def test_validation_sees_the_present_weights():
    """The loss of held-out rows after the last epoch is that of the fitted network."""
    for options in ({}, {"ema_decay": 0.9}):
        model = fit_quietly(tied(**options), X, X_val=X[:20])
        half = -model.score(X[:20]) / 2
        assert model.validation_loss_curve_[-1] == pytest.approx(half, rel=1e-6)


@DTYPES
def test_threads_change_no_bit(dtype):
    one, two = (
        fit_quietly(tied(n_jobs=jobs, batch_size=64, noise=0.3), X.astype(dtype)).get_weights()
        for jobs in (1, 2)
    )
    for ours, theirs in zip(leaves(one), leaves(two), strict=True):
        np.testing.assert_array_equal(ours, theirs)


STEPS = {
    "plain": {},
    "clipped": {"clip_norm": 0.05},
    "bounded": {"max_norm": 0.9},
    "a batch in blocks": {"samples": 2500},
    "clipped, a batch in blocks": {"samples": 2500, "clip_norm": 0.05},
    "averaged": {"ema_decay": 0.5},
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_those_of_numpy(name):
    """Five steps of a linear network on all rows; what changes weights changes both products."""
    options = {"samples": 120, "max_norm": None, "clip_norm": None, "ema_decay": None}
    options |= STEPS[name]
    rows, most = np.resize(X, (options.pop("samples"), 64)), options.pop("max_norm")
    model = tied([Dense(5, max_norm=most)], None, solver=SGD(momentum=0.0), **options)
    model.set_params(max_iter=5, batch_size=len(rows), learning_rate_init=0.05, tol=0.0)
    [[w, c], [e]] = copy.deepcopy(model).initialize(rows).get_weights()
    keep, averages = options["ema_decay"] or 0.0, [w, c, e]
    for step in range(1, 6):
        codes = rows @ w + c
        d = (codes @ w.T + e - rows) / len(rows)
        found = [d.T @ codes + rows.T @ (d @ w), (d @ w).sum(axis=0), d.sum(axis=0)]
        norm = np.sqrt(sum((one**2).sum() for one in found))
        factor = min(1.0, (options["clip_norm"] or np.inf) / (norm + 1e-6))
        w, c, e = (a - 0.05 * factor * b for a, b in zip((w, c, e), found, strict=True))
        if most is not None:
            w = w * np.minimum(1, most / np.linalg.norm(w, axis=0))
        share = (1 - keep) / (1 - keep**step)
        averages = [a + share * (b - a) for a, b in zip(averages, (w, c, e), strict=True)]
    for ours, theirs in zip(leaves(fit_quietly(model, rows).get_weights()), averages, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


ACTIVATIONS = {
    "behind a norm": (
        [Dense(9), BatchNorm(), Activation("relu"), Dense(2)],
        [Dense(9, "relu"), Dense(64)],
    ),
    "behind another norm and dropout": (
        [Dense(9), LayerNorm(), Activation("gelu"), Dropout(0.1), Dense(2)],
        [Dense(9, "gelu"), Dense(64)],
    ),
    "before a norm": ([Dense(9, "tanh"), BatchNorm(), Dense(2)], [Dense(9, "tanh"), Dense(64)]),
    "the last of several": (
        [Dense(9, "tanh"), BatchNorm(), Activation("elu"), Activation("identity"), Dense(2)],
        [Dense(9, "elu"), Dense(64)],
    ),
    "with a slope": (
        [Dense(9), BatchNorm(), Activation("leaky_relu", 0.0), Dense(2)],
        [Dense(9), Activation("leaky_relu", 0.0), Dense(64)],
    ),
    "learned slopes": (
        [Dense(9), BatchNorm(), PReLU(0.1), Dense(2)],
        [Dense(9), PReLU(0.1), Dense(64)],
    ),
    "of the data and of codes": (
        [Activation("tanh"), Dense(9, "relu"), Dense(2), LayerNorm(), Activation("tanh")],
        [Dense(9, "relu"), Dense(64)],
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_a_decoder_without_a_list(name):
    """Each dense layer has the last activation in front of its encoder's; norms are left out."""
    encoder, expected = ACTIVATIONS[name]
    model = fit_quietly(tied(encoder, None), X)
    assert model.decoder_layers_ == tuple(expected)
    given = fit_quietly(tied(encoder, expected), X)
    np.testing.assert_array_equal(given.transform(X), model.transform(X))


def test_sparse_rows_and_bytes():
    encoder = [Dense(20, "tanh"), Dense(5)]
    model, other = (tied(encoder, None) for _ in range(2))
    fit_quietly(model, X)
    fit_quietly(other, csr_matrix(X))
    np.testing.assert_allclose(other.transform(csr_matrix(X)), model.transform(X), rtol=1e-9)
    whole = fit_quietly(tied(encoder, None), (16 * X).astype(np.uint8))
    assert whole.transform(X).dtype == np.float32


def test_rows_of_samples():
    """Dense layers on the rows of images, and those of the decoder, by NumPy and SciPy."""
    images = X.reshape(-1, 8, 8)
    encoder = [Conv2D(4, 3, "relu"), Dense(18, "tanh"), Flatten(), Dense(5)]
    decoder = [
        Dense(64 * 18),
        Reshape(8, 8, 18),
        Dense(4, "relu"),
        ConvTranspose2D(1, 3, padding=1),
    ]
    model = fit_quietly(tied(encoder, decoder), images)
    (k, a), (v, b), _, (w, c), (d,), _, (e,), (m, f) = model.get_weights()
    hidden = np.maximum(windowed(correlate2d, images[..., np.newaxis], k) + a, 0)
    codes = np.tanh(hidden @ v + b).reshape(len(X), -1) @ w + c
    np.testing.assert_allclose(model.transform(images), codes, rtol=1e-9, atol=1e-12)
    rows = np.maximum((codes @ w.T + d).reshape(-1, 8, 8, 18) @ v.T + e, 0)
    back = (windowed(convolve2d, rows, m) + f)[..., 0]
    np.testing.assert_allclose(model.inverse_transform(codes), back, rtol=1e-9, atol=1e-12)
    for one in (freeze(model).predict(images), model.decoder_.predict(codes)):
        np.testing.assert_allclose(one, back.reshape(len(X), -1), rtol=1e-9, atol=1e-12)


def windowed(product, x, w):
    """x (B, H, W, C) with w (rows, columns, C, O) by SciPy's product of two images."""
    _, _, channels, filters = w.shape
    found = [
        [
            sum(product(image[..., i], w[..., i, o], "same") for i in range(channels))
            for o in range(filters)
        ]
        for image in x
    ]
    return np.moveaxis(np.array(found), 1, -1)


REFUSED = {
    "no dense layers": (
        {"encoder": [Reshape(8, 8, 1), Conv2D(1, 3)], "decoder": [Flatten()]},
        "but encoder has 0 of them and decoder has 0",
    ),
    "fewer": ({"decoder": [Dense(64)]}, "encoder has 2 of them and decoder has 1"),
    "another size": (
        {"decoder": [Dense(19), Dense(64)]},
        r"decoder\[0\] is Dense\(units=19\): with tied=True it leads back from 5 to 20 columns, as"
        r" encoder\[2\] leads there, but it leads from 5 to 19",
    ),
    "normalised": (
        {"encoder": [Dense(5, weight_norm=True)], "decoder": [Dense(64)]},
        r"encoder\[0\] is Dense.*cannot be normalised",
    ),
    "an initialisation": (
        {"decoder": [Dense(20, init="zeros"), Dense(64)]},
        r"decoder\[0\] is Dense.*it has the weights of encoder\[2\]: give init there",
    ),
    "not a bool": ({"tied": 3}, "tied"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_lists_that_do_not_mirror_each_other(name):
    options, message = REFUSED[name]
    model = tied().set_params(**options)
    with pytest.raises(ValueError, match=message):
        model.fit(X)


def test_other_weights_while_training_goes_on():
    model = fit_quietly(tied([Dense(5)], [Dense(64)]), X)
    with pytest.raises(ValueError, match="encoder, decoder and tied ask for"):
        model.set_params(tied=False).partial_fit(X)

"""The default networks of `GAN` for images of 28 x 28 pixels."""

import numpy as np
import pytest
from oracles.parity import fit_quietly
from running.nested_weights import leaves

import fusednn
from fusednn import GAN
from fusednn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    Reshape,
)

RANDOM = np.random.RandomState(0)
PIXELS = RANDOM.randint(256, size=(24, 28, 28)).astype(np.uint8)
CLASSES = np.arange(24) % 3
X_SMALL = RANDOM.normal(size=(24, 8, 8, 1))
SMALL = {"max_iter": 2, "batch_size": 8, "random_state": 0}


def fitted(X, y=None, **options):
    return fit_quietly(GAN(**{**SMALL, **options}), X, y)


@pytest.mark.parametrize("kind", ["bytes", "floats"])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_samples_have_the_axes_and_the_range_of_the_data(kind, channels):
    X = PIXELS if channels is None else np.stack([PIXELS] * channels, axis=3)
    low, high = 0, 255
    if kind == "floats":
        X, low, high = (X / 255).astype(np.float32) * 3 - 1, -1, 2
    model = fitted(X, CLASSES, max_iter=1)
    samples = model.sample(6, [0, 1, 2, 2, 1, 0], random_state=0)
    assert samples.shape == (6, *X.shape[1:])
    assert samples.dtype == np.float32
    assert samples.min() >= low
    assert samples.max() <= high
    assert samples.max() - samples.min() > (high - low) / 10
    assert model.score_samples(X, CLASSES).shape == (24,)
    kinds = [type(layer) for layer in model.generator_layers_]
    assert kinds.count(ConvTranspose2D) == 2
    assert BatchNorm in kinds
    assert Conv2D in [type(layer) for layer in model.discriminator_layers_]


def test_scale_and_shift_of_the_data_change_nothing():
    """The networks see the range of X as [-1, 1], and samples have it again."""
    X = PIXELS / 256.0
    one, other = (fitted(rows, dtype="float64", ema_decay=0.9) for rows in (X, 8 * X + 1))
    for pair in zip(leaves(one.get_weights()), leaves(other.get_weights()), strict=True):
        np.testing.assert_allclose(*pair, rtol=1e-7, atol=1e-9)
    samples = [model.sample(5, random_state=0) for model in (one, other)]
    np.testing.assert_allclose(8 * samples[0] + 1, samples[1], rtol=1e-7)
    np.testing.assert_allclose(one.score_samples(X), other.score_samples(8 * X + 1), rtol=1e-6)


def test_bytes_are_the_same_as_their_floats():
    X = PIXELS.copy()
    X[0, 0, :2] = 0, 255
    one, other = fitted(X), fitted(X.astype(np.float32))
    for pair in zip(leaves(one.get_weights()), leaves(other.get_weights()), strict=True):
        np.testing.assert_array_equal(*pair)
    np.testing.assert_array_equal(one.score_samples(X), other.score_samples(X.astype(np.float32)))


@pytest.mark.parametrize("options", [
    {"loss": "wasserstein"}, {"spectral_norm": True, "loss": "hinge", "instance_noise": 0.1},
], ids=str)  # fmt: skip
def test_files_and_frozen_halves_have_the_scaling(options, tmp_path):
    model, path = fitted(PIXELS, CLASSES, **options), tmp_path / "model"
    model.save(path)
    again = GAN.load(path)
    samples = model.sample(4, 2, random_state=0)
    np.testing.assert_array_equal(again.sample(4, 2, random_state=0), samples)
    np.testing.assert_array_equal(again.score_samples(PIXELS), model.score_samples(PIXELS))
    noise = np.random.RandomState(0).normal(size=(4, 64)).astype(np.float32)
    given = np.hstack([noise, np.eye(3, dtype=np.float32)[[2] * 4]])
    for number, name in enumerate(("generator_", "discriminator_")):
        half = getattr(model, name)
        half.save(tmp_path / name)
        X = (given, PIXELS)[number]
        want = samples.reshape(4, -1) if not number else half.predict(PIXELS)
        np.testing.assert_allclose(fusednn.load(tmp_path / name).predict(X), want, rtol=1e-5)
    scores = model.discriminator_.predict(PIXELS)
    np.testing.assert_allclose(scores.max(axis=1), model.score_samples(PIXELS), rtol=1e-5)
    for one in (model, again):
        one.partial_fit(PIXELS, CLASSES)
    for pair in zip(leaves(model.get_weights()), leaves(again.get_weights()), strict=True):
        np.testing.assert_array_equal(*pair)


@pytest.mark.parametrize(("ends", "bounds"), [
    ([ConvTranspose2D(1, 4, "tanh", stride=2, padding=1)], (-1, 1)),
    ([ConvTranspose2D(1, 4, "tanh", stride=2, padding=1), Flatten(), Activation("relu")], (0, 1)),
    ([ConvTranspose2D(1, 4, "tanh", stride=2, padding=1), Dropout(0.1)], (-1, 1)),
    ([Flatten(), Dense(64), Activation("logistic"), Reshape(8, 8, 1)], (0, 1)),
    ([Flatten(), Dense(64), Reshape(8, 8, 1), Activation("logistic")], (0, 1)),
], ids=str)  # fmt: skip
def test_activations_at_the_end_of_a_generator(ends, bounds):
    """All of them count, wherever they stand."""
    data = X_SMALL * 20
    model = fitted(data, generator=[Dense(16), Reshape(4, 4, 1), *ends], discriminator=[Flatten()])
    samples = model.sample(100, random_state=0)
    assert samples.shape == (100, 8, 8, 1)
    assert bounds[0] <= samples.min() < samples.max() <= bounds[1]
    assert (samples == 0).any() == (Activation("relu") in ends)


def test_lists_of_ones_own_get_the_data_as_they_are():
    """Only a default list is scaled: here that of the discriminator."""
    X = PIXELS / np.float32(256)
    model = fitted(X, generator=[Dense(784, "logistic")], max_iter=1)
    samples = model.sample(50, random_state=0)
    assert samples.shape == (50, 28, 28)
    assert 0 < samples.min() < samples.max() < 1
    w, b = model.get_weights()[0]
    noise = np.random.RandomState(0).normal(size=(50, 64)).astype(np.float32)
    want = 1 / (1 + np.exp(-(noise @ w + b)))
    np.testing.assert_allclose(samples.reshape(50, -1), want, rtol=1e-4)

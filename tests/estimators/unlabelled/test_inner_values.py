"""`hidden_activations`, `predict_logits` and `input_gradient` of networks of two lists."""

import numpy as np
import pytest
from cases.small_games import IMAGES, LISTS, WAYS, X, Y, fitted
from oracles.parity import fit_quietly

from fusednn import GAN, Autoencoder, VariationalAutoencoder
from fusednn.layers import Activation, Dense, Flatten, PReLU

ENCODER = [Dense(6), Activation("tanh"), Dense(2)]
DECODER = [Dense(6, "relu"), Dense(3)]


@pytest.mark.parametrize("tied", [False, True])
def test_layers_of_an_autoencoder(tied):
    """Each layer's outputs are those of its weights, the decoder's behind the encoder's."""
    model = Autoencoder(ENCODER, DECODER, tied=tied, noise=0.1, max_iter=2, dtype="float64")
    fit_quietly(model, X)
    (w, b), _, (v, c), *others = model.get_weights()
    if tied:
        others = [[v.T, *others[0]], [w.T, *others[1]]]
    sums = X @ w + b
    code = np.tanh(sums) @ v + c
    back = np.maximum(code @ others[0][0] + others[0][1], 0)
    wanted = sums, np.tanh(sums), code, back, back @ others[1][0] + others[1][1]
    for layer, values in enumerate(wanted):
        for number in (layer, layer - 5):
            found = model.hidden_activations(X, number)
            np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match=r"layer must be in \[-5, 5\)"):
        model.hidden_activations(X, 5)


def test_layers_of_a_variational_autoencoder():
    """The encoder's last layer gives means and log variances."""
    model = VariationalAutoencoder([Dense(6, "tanh")], DECODER, latent=2, max_iter=2)
    fit_quietly(model, X)
    both = model.hidden_activations(X, 1)
    assert both.shape == (100, 4)
    np.testing.assert_allclose(both[:, :2], model.transform(X), rtol=1e-5)
    np.testing.assert_allclose(
        model.hidden_activations(X), model.inverse_transform(both[:, :2]), rtol=1e-4, atol=1e-6
    )


def test_layers_of_default_autoencoders_of_images():
    for kind in (Autoencoder, VariationalAutoencoder):
        model = fit_quietly(kind(max_iter=1), IMAGES)
        count = len(model.layers_)
        sizes = [model.hidden_activations(IMAGES[:2], layer).shape for layer in range(count)]
        assert sizes[0] == sizes[-1] == (2, 64)


@pytest.mark.parametrize("y", [None, Y], ids=["X alone", "classes"])
def test_inner_values_of_a_game_are_the_discriminators(y):
    """For X, whatever the number of latent numbers: here as many as columns."""
    model = fitted(y=y, latent=3, dtype="float64")
    hidden = model.hidden_activations(X, 0)
    w, b = model.get_weights()[2]
    sums = X @ w + b
    np.testing.assert_allclose(hidden, np.where(sums > 0, sums, 0.01 * sums), rtol=1e-9)
    scores = model.discriminator_.predict(X).reshape(100, -1)
    np.testing.assert_allclose(model.predict_logits(X), scores, rtol=1e-9)
    np.testing.assert_allclose(model.hidden_activations(X), scores, rtol=1e-9)
    moved = [model.predict_logits(X + step * np.eye(3)[1])[:, 0] for step in (1e-6, -1e-6)]
    slope = model.input_gradient(X, 0)[:, 1]
    np.testing.assert_allclose(slope, (moved[0] - moved[1]) / 2e-6, rtol=1e-4, atol=1e-8)


def test_inner_values_of_games_with_images():
    model = fitted(IMAGES, None, WAYS)
    assert model.hidden_activations(IMAGES[:2], 0).shape == (2, 4, 4, 4)
    np.testing.assert_allclose(
        model.hidden_activations(IMAGES)[:, 0], model.score_samples(IMAGES), rtol=1e-5
    )
    digits = np.random.RandomState(0).randint(256, size=(64, 28, 28)).astype(np.uint8)
    model = fit_quietly(GAN(max_iter=1, latent=4, random_state=0), digits)
    assert model.hidden_activations(digits[:2], 1).shape == (2, 14, 14, 32)
    np.testing.assert_allclose(
        model.hidden_activations(digits[:5])[:, 0], model.score_samples(digits[:5]), rtol=1e-4
    )


def test_slopes_of_a_layer_of_its_own():
    model = Autoencoder([Flatten(), Dense(4), PReLU()], [Dense(64)], max_iter=1)
    fit_quietly(model, IMAGES)
    assert model.hidden_activations(IMAGES, 2).shape == (40, 4)
    np.testing.assert_allclose(
        model.hidden_activations(IMAGES, 2), model.transform(IMAGES), rtol=1e-6
    )
    assert fitted(lists=LISTS).hidden_activations(X[:1], 0).shape == (1, 8)

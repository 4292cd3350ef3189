"""Options and lists of autoencoders and games that do not go together: one sentence each."""

import re

import numpy as np
import pytest
from cases.small_games import IMAGES, LISTS, SMALL, X, fitted
from oracles.parity import fit_quietly
from sklearn.exceptions import NotFittedError

from fusednn import GAN, Autoencoder, VariationalAutoencoder
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Conv2D,
    Dense,
    Flatten,
    MultiHeadAttention,
    Reshape,
    Residual,
    TransformerBlock,
)

SERIES = IMAGES.reshape(40, 8, 8)
TO_SERIES = [Dense(64), Reshape(8, 8)]


def game(**options):
    return GAN(**{**SMALL, "generator": LISTS[0], "discriminator": LISTS[1], **options})


RELU = [Activation("relu")]
REFUSED = {
    "no weights": (Autoencoder(RELU, RELU), X, "encoder and decoder have no weights"),
    "shapes alone": (Autoencoder([Flatten()], [Reshape(8, 8)]), SERIES, "nothing to train"),
    "no weights of a generator": (
        game(generator=[Activation("tanh")], latent=3),
        X,
        "generator has no weights",
    ),
    "one layer": (Autoencoder(Dense(3)), X, "encoder must be a list of at least one layer"),
    "a name": (GAN("relu"), X, "generator must be a list of at least one layer"),
    "a number": (VariationalAutoencoder(decoder=5), X, "decoder must be a list of at least one"),
    "smoothing of hinge": (
        game(loss="hinge", label_smoothing=0.1),
        X,
        "label_smoothing is for loss='bce' and 'least_squares'.*'hinge' has none",
    ),
    "smoothing of Wasserstein": (game(loss="wasserstein", label_smoothing=0.1), X, "has none"),
    "clip": (game(clip=0.5), X, "clip is for loss='wasserstein', not for loss='bce'"),
    "clip and penalty": (
        game(loss="wasserstein", clip=0.5, penalty=1.0),
        X,
        "clip does not go with penalty",
    ),
    "clip and norm": (
        game(loss="wasserstein", clip=0.5, spectral_norm=True),
        X,
        "clip does not go with spectral_norm",
    ),
    "a default decoder of axes": (
        Autoencoder([Conv2D(2, 3)]),
        IMAGES,
        r"decoder=None makes dense layers.*give decoder, or.*Flatten\(\)",
    ),
    "a default decoder, tied": (
        Autoencoder([Conv2D(2, 3), Flatten(), Dense(4)], tied=True),
        IMAGES,
        "decoder=None makes dense layers",
    ),
    "penalty of default convolutions": (
        GAN(penalty=1.0, max_iter=1),
        np.zeros((64, 28, 28), np.uint8),
        "the default discriminator of images has convolutions: set spectral_norm",
    ),
    "penalty of channels": (
        game(generator=TO_SERIES, discriminator=[Dense(4, "relu")], penalty=1.0),
        SERIES,
        r"penalty needs samples that are rows: begin discriminator with Flatten\(\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together(name):
    model, data, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as raised:
        model.fit(data)
    assert not re.search(r"\. [A-Z]", str(raised.value))
    assert str(raised.value).endswith(".")
    with pytest.raises(NotFittedError):
        model.score_samples(data)


@pytest.mark.parametrize(
    "layer",
    [LSTM(3), GRU(3), RNN(3), MultiHeadAttention(2), TransformerBlock(2),
     Residual([LSTM(8, return_sequences=True)])],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_spectral_norm_refuses_what_it_does_not_bound(layer):
    model = game(generator=TO_SERIES, discriminator=[layer], spectral_norm=True)
    with pytest.raises(ValueError, match=r"discriminator\[0\] is .*: spectral_norm bounds dense"):
        model.fit(SERIES)


def test_lists_of_which_one_has_weights():
    back = fit_quietly(Autoencoder([Flatten()], [Dense(64), Reshape(8, 8)], max_iter=2), SERIES)
    np.testing.assert_allclose(back.transform(SERIES), SERIES.reshape(40, 64))
    assert back.inverse_transform(back.transform(SERIES)).shape == (40, 8, 8)
    only = fit_quietly(Autoencoder([Dense(3)], RELU, max_iter=2, random_state=0), X)
    np.testing.assert_allclose(
        only.inverse_transform(only.transform(X)), np.maximum(only.transform(X), 0)
    )


def test_penalty_of_samples_with_axes():
    """A flattened sample is a row: the same game as on rows, to the bit."""
    options = {"penalty": 1.0, "latent": 4, "batch_size": 16, "max_iter": 3, "random_state": 0}
    options |= {"learning_rate_init": 0.001, "generator": [Dense(64)]}
    hidden = [Dense(8, "relu")]
    flat = fit_quietly(GAN(discriminator=hidden, **options), SERIES.reshape(40, 64))
    axes = fit_quietly(GAN(discriminator=[Flatten(), *hidden], **options), SERIES)
    np.testing.assert_array_equal(
        axes.score_samples(SERIES), flat.score_samples(SERIES.reshape(40, 64))
    )
    assert axes.history_ == flat.history_
    assert fit_quietly(GAN(**{**options, "generator": None}), SERIES)._penalty() == 1.0


def test_a_generator_that_cannot_reach_the_data():
    bytes_ = (255 * SERIES).astype(np.uint8)
    model = game(generator=[Dense(64, "tanh")], discriminator=[Flatten(), Dense(4)], max_iter=1)
    with pytest.warns(UserWarning, match="from -1 to 1, but X has values from 0 to 255: scale X"):
        model.fit(bytes_)
    model.fit(2 * SERIES - 1)  # warns of nothing
    model.set_params(generator=[Dense(64, "tanh"), Reshape(8, 8)])
    with pytest.warns(UserWarning, match="Only default networks scale images"):
        model.fit(bytes_)


def test_chunks_of_a_stream_may_be_small():
    model = game()
    for count in (40, 5):
        model.partial_fit(X[:count])
    assert len(model.history_["push"]) == 2
    with pytest.raises(ValueError, match="batch_size=16 is more than the 5 samples"):
        model.fit(X[:5])


def test_codes_with_axes_are_no_frame():
    model = Autoencoder([Conv2D(2, 3)], [Flatten(), Dense(64)], max_iter=1)
    fit_quietly(model, IMAGES).set_output(transform="pandas")
    with pytest.raises(ValueError, match=r"Codes have axes \(8, 8, 2\), which a frame cannot"):
        model.transform(IMAGES)
    assert model.set_output(transform="default").transform(IMAGES).shape == (40, 8, 8, 2)


CHANGES = {
    "latent": (VariationalAutoencoder(latent=2), {"latent": 3}),
    "tied": (Autoencoder([Dense(2)], [Dense(3)]), {"tied": True}),
    "latent of a game": (game(), {"latent": 9}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_cannot_change_is_named(name):
    model, change = CHANGES[name]
    fit_quietly(model.set_params(max_iter=1, warm_start=True), X)
    with pytest.raises(ValueError, match=f"and {next(iter(change))} ask for: these cannot change"):
        model.set_params(**change).fit(X)


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_divergence_says_what_to_lower(kind):
    model = kind(learning_rate_init=1e300, max_iter=3, random_state=0)
    with pytest.raises(ValueError, match="lower learning_rate_init, or scale X"):
        fit_quietly(model, X)


def test_classes_that_files_cannot_hold(tmp_path):
    days = np.array(["2020-01-01", "2021-01-01"], "M8[D]")[np.arange(100) % 2]
    model = fitted(y=days)
    with pytest.raises(ValueError, match="save cannot write classes_ without pickle"):
        model.save(tmp_path / "game.safetensors")


LOSSES = {
    "squared_error": lambda gaps: (gaps**2).mean(axis=1) / 2,
    "absolute_error": lambda gaps: abs(gaps).sum(axis=1),
    "log_cosh": lambda gaps: np.log(np.cosh(gaps)).sum(axis=1),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_the_loss_is(loss):
    """At a rate at which no weight moves."""
    model = Autoencoder([Dense(2)], [Dense(3)], loss=loss, learning_rate_init=1e-12, max_iter=1)
    fit_quietly(model, X)
    gaps = model.inverse_transform(model.transform(X)) - X
    assert model.loss_ == pytest.approx(LOSSES[loss](gaps).mean(), rel=1e-6)

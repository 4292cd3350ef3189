"""Halves of fitted networks without labels: frozen, with rows and what the estimators answer."""

from typing import NamedTuple

import numpy as np
from oracles.parity import fit_quietly

from fusednn import GAN, Autoencoder, VariationalAutoencoder, freeze
from fusednn.layers import BatchNorm, Conv2D, ConvTranspose2D, Dense, Flatten, Reshape
from fusednn.serving.predictor import Predictor

NUMBERS = 3
ENCODER = [Conv2D(4, 3, "relu", stride=2), BatchNorm(), Flatten(), Dense(NUMBERS)]
DECODER = [
    *(Dense(16, "silu"), Reshape(4, 4, 1)),
    ConvTranspose2D(1, 4, "logistic", stride=2, padding=1),
]


class Half(NamedTuple):
    """A frozen half, rows that it reads, and the answers of the estimator."""

    predictor: Predictor
    rows: np.ndarray
    answers: np.ndarray


def halves(dtype):
    """Those of dense layers and of convolutions, by their names."""
    random = np.random.RandomState(1)
    images = random.uniform(size=(40, 8, 8, 1)).astype(dtype)
    rows = images.reshape(len(images), -1)[:, :9]
    dense = [Dense(8, "tanh"), Dense(NUMBERS)], [Dense(8, "tanh"), Dense(9)]
    short = {"max_iter": 1, "random_state": 0, "batch_size": 8}
    auto, drawn = Autoencoder, VariationalAutoencoder
    pairs = {
        "rows": (auto(*dense, noise=0.1, **short), rows),
        "tied": (auto(*dense, tied=True, **short), rows),
        "drawn_rows": (drawn(dense[0][:1], dense[1], latent=NUMBERS, **short), rows),
        "images": (auto(ENCODER, DECODER, **short), images),
        "drawn_images": (drawn(ENCODER[:-1], DECODER, latent=NUMBERS, **short), images),
    }
    found = {}
    for name, (model, X) in pairs.items():
        fit_quietly(model, X)
        codes, flat = model.transform(X), (len(X), -1)
        found[f"{name}_encoder"] = Half(model.encoder_, X, codes)
        back = model.inverse_transform(codes).reshape(flat)
        found[f"{name}_decoder"] = Half(model.decoder_, codes, back)
        found[f"{name}_both"] = Half(freeze(model), X, back)
    return found | _of_games(rows, images)


def _of_games(rows, images):
    """Generators and discriminators; `sample` draws its noise from the seed that it is given."""
    lists = [Dense(8, "relu"), Dense(9)], [Dense(8, "relu")]
    classes = np.arange(len(rows)) % 3
    games = {
        "game": (GAN(*lists, NUMBERS), rows, None),
        "game_of_classes": (GAN(*lists, NUMBERS), rows, classes),
        "game_of_images": (GAN(DECODER, ENCODER[:-1], NUMBERS), images, None),
    }
    found = {}
    for name, (model, X, y) in games.items():
        model.set_params(max_iter=1, random_state=0, batch_size=8, penalty=0.0).fit(X, y)
        given = np.random.RandomState(4).normal(size=(len(X), NUMBERS)).astype(X.dtype)
        made = model.sample(len(X), y, random_state=4).reshape(len(X), -1)
        if y is not None:
            given = np.hstack([given, np.eye(3, dtype=X.dtype)[y]])
        found[f"{name}_generator"] = Half(model.generator_, given, made)
        if y is None:
            scores = model.score_samples(X)
            found[f"{name}_discriminator"] = Half(model.discriminator_, X, scores)
    return found

"""`warmup` of autoencoders and games: what follows compiles nothing."""

import numpy as np
import pytest
from cases.small_games import IMAGES, LISTS, SMALL, WAYS, X, Y
from fusednn.kernels import library
from fusednn.kernels._cache import statistics
from oracles.parity import fit_quietly
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusednn import GAN, Autoencoder, VariationalAutoencoder, freeze, warmup
from fusednn.layers import Conv2D, ConvTranspose2D, Dense, Reshape

CONVOLVED = Autoencoder([Conv2D(3, 3)], [ConvTranspose2D(1, 3, padding=1)], dtype="float32")
WAYS_OF_GAMES = {**SMALL, "generator": WAYS[0], "discriminator": WAYS[1], "dtype": "float32"}
MODELS = {
    "an autoencoder": (Autoencoder(max_iter=1, dtype="float32"), X),
    "tied": (Autoencoder([Dense(4), Dense(2)], tied=True, max_iter=1, dtype="float32"), X),
    "convolutions": (CONVOLVED.set_params(max_iter=1), IMAGES),
    "variational": (VariationalAutoencoder(max_iter=1, dtype="float32"), X),
    "a game": (GAN(*LISTS, **SMALL, dtype="float32"), X),
    "a game of images": (GAN(**WAYS_OF_GAMES), IMAGES),
}


_ALIVE = []


@pytest.fixture
def nothing_compiled():
    """A process that has no kernels yet, but for the disk cache; what it loads is kept."""
    before = dict(library._compiled)
    library._compiled.clear()
    yield
    _ALIVE.append(dict(library._compiled))  # plans in caches have their addresses
    library._compiled.update(before)


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize("name", MODELS)
def test_what_follows_compiles_nothing(name):
    model, data = MODELS[name]
    warmup(make_pipeline(StandardScaler(), model) if name == "an autoencoder" else model)
    before, had = statistics(), set(library._compiled)
    fit_quietly(model, data.astype("float32"))
    model.score_samples(data)
    for rows in (data[:1], data):
        if isinstance(model, GAN):
            model.discriminator_(rows.astype("float32"))
            model.sample(len(rows))
        else:
            model.inverse_transform(model.transform(rows))
            freeze(model, n_jobs=1)(rows.astype("float32"))
    if isinstance(model, GAN):
        fit_quietly(model, data.astype("float32"), np.resize(Y, len(data)))
    assert not {function.__name__ for function, *_ in set(library._compiled) - had}
    assert statistics() == before


def test_a_warmed_up_estimator_stays_as_it_was():
    model = fit_quietly(GAN(*LISTS, **SMALL), X)
    before = model.sample(3, random_state=0)
    warmup(model)
    np.testing.assert_array_equal(model.sample(3, random_state=0), before)


def test_lists_that_no_samples_suit():
    with pytest.raises(ValueError, match="no small samples suit encoder and decoder: warm up an"):
        warmup(Autoencoder([Dense(3)], [Reshape(2, 2), Dense(4)]))


@pytest.mark.long
@pytest.mark.usefixtures("nothing_compiled")
def test_default_games():
    """Columns and images have other layers."""
    warmup(GAN(dtype="float32"))
    before = statistics()
    images = np.random.RandomState(0).randint(256, size=(64, 28, 28)).astype(np.uint8)
    for data in (X.astype("float32"), images):
        fit_quietly(GAN(max_iter=1), data).score_samples(data)
    assert statistics() == before

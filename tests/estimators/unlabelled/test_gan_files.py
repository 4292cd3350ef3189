"""A `GAN` is no predictor: what freezes, exports and loads it says so. And what files refuse."""

import numpy as np
import pytest
from cases.small_games import LISTS, SMALL, X, Y, fitted, same
from oracles.parity import fit_quietly
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fusednn
from fusednn import GAN, Autoencoder, VariationalAutoencoder
from fusednn.layers import Dense

WAYS = {
    "freeze": lambda model, path: fusednn.freeze(model),
    "C": lambda model, path: fusednn.export_c(model, path),
    "a library": lambda model, path: fusednn.export_library(model, path),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("y", [None, Y], ids=["X alone", "classes"])
def test_a_whole_game_is_no_predictor(way, y, tmp_path):
    """Also where the latent numbers are as many as the columns, and at the end of a pipeline."""
    for latent in (3, 4):
        model = fitted(y=y, latent=latent)
        for one in (model, make_pipeline(StandardScaler().fit(X), model)):
            with pytest.raises(TypeError, match=r"^GAN has two networks: take its generator_"):
                WAYS[way](one, tmp_path / "model.c")
    assert not any(tmp_path.iterdir())


def test_files_of_games_are_read_by_their_class(tmp_path):
    model, path = fitted(y=Y), tmp_path / "game.safetensors"
    model.save(path)
    with pytest.raises(ValueError, match=r"it holds a GAN, which GAN\.load reads; it has two"):
        fusednn.load(path)
    with pytest.raises(ValueError, match=r"it holds a GAN, which GAN\.load reads, not Auto"):
        Autoencoder.load(path)
    again = GAN.load(path)
    assert same(model, again)
    model.discriminator_.save(path)
    np.testing.assert_array_equal(fusednn.load(path)(X), model.discriminator_(X))


def test_samples_have_the_latent_numbers_of_the_fit():
    for y in (None, Y):
        model = fitted(y=y)
        before = model.sample(5, random_state=0)
        np.testing.assert_array_equal(model.set_params(latent=9).sample(5, random_state=0), before)


def test_passes_are_those_of_the_last_fit():
    """As in all estimators; curves are of all fits."""
    for model in (GAN(*LISTS, **SMALL), Autoencoder(), VariationalAutoencoder()):
        model.set_params(max_iter=3, warm_start=True)
        fit_quietly(fit_quietly(model, X), X)
        assert model.n_iter_ == 3
        model.partial_fit(X)
        curve = model.history_["push"] if isinstance(model, GAN) else model.loss_curve_
        assert (model.n_iter_, model.t_, len(curve)) == (1, 700, 7)


CHANGES = {
    "latent of a game": (GAN(*LISTS, **SMALL), {"latent": 9}),
    "list of a game": (GAN(*LISTS, **SMALL), {"generator": [Dense(5), Dense(3)]}),
    "latent": (VariationalAutoencoder(latent=2, max_iter=1), {"latent": 5}),
    "encoder": (VariationalAutoencoder(max_iter=1), {"encoder": [Dense(5)]}),
    "decoder": (Autoencoder([Dense(2)], [Dense(3)], max_iter=1), {"decoder": [Dense(3, "relu")]}),
    "tied": (Autoencoder([Dense(2)], [Dense(3)], max_iter=1), {"tied": True}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_parameters_of_another_network_are_not_saved(name, tmp_path):
    model, change = CHANGES[name]
    path = tmp_path / "model.safetensors"
    fit_quietly(model, X).save(path)
    before = model.get_params()
    with pytest.raises(ValueError, match="save cannot write a network of other parameters"):
        model.set_params(**change).save(path)
    model.set_params(**{key: before[key] for key in change}).save(path)
    assert same(type(model).load(path), model)

"""`GAN(spectral_norm=True)`: weights in use, files, frozen halves, further fits."""

import numpy as np
import pytest
from cases.small_games import IMAGES, LISTS, X, Y, fitted, same
from running.nested_weights import leaves

from fusednn import GAN
from fusednn.layers import Conv1D, Conv2D, Dense, Flatten, LayerNorm, Reshape

LAYERS = {
    "dense": (X, LISTS[1]),
    "a dense output alone": (X, [LayerNorm()]),
    "convolutions": (IMAGES, [Conv2D(4, 3, "relu", stride=2), Conv2D(6, 3, "tanh", groups=2)]),
    "series": (X, [Reshape(3, 1), Conv1D(4, 2, "relu"), Flatten()]),
    "zeros at first": (X, [Dense(8, "tanh", init="zeros"), Dense(4, "tanh")]),
}


def maker_for(data):
    """A generator of such samples."""
    return [Dense(8, "relu"), Dense(data[0].size), *([Reshape(*data.shape[1:])] * (data.ndim > 2))]


@pytest.mark.parametrize(("data", "judge"), LAYERS.values(), ids=LAYERS)
def test_singular_values_are_one(data, judge):
    """Those of the weights that `get_weights` gives and that predictors use."""
    lists = maker_for(data), judge
    model = fitted(data, None, lists, spectral_norm=True, max_iter=40, learning_rate_init=0.01)
    weights = model.get_weights()[len(lists[0]) :]
    matrices = [one for one in leaves(weights) if one.ndim > 1]
    assert len(matrices) >= 1
    for w in matrices:
        largest = np.linalg.norm(w.reshape(-1, w.shape[-1]).astype(float), 2)
        assert largest == pytest.approx(1, abs=0.05)
    assert np.isfinite(model.score_samples(data)).all()


def test_scores_are_those_of_the_weights_in_use():
    model = fitted(y=Y, spectral_norm=True, dtype="float64")
    (w, b), (v, c) = model.get_weights()[2:]
    hidden = X @ w + b
    answers = np.where(hidden > 0, hidden, 0.01 * hidden) @ v + c
    np.testing.assert_allclose(model.discriminator_.predict(X), answers, rtol=1e-9)
    np.testing.assert_allclose(model.score_samples(X), answers.max(axis=1), rtol=1e-9)


def test_further_fits_take_weights_that_were_set():
    """Else they go on from those that are divided."""
    options = {"spectral_norm": True, "warm_start": True}
    one, two, three = (fitted(**options) for _ in range(3))
    weights = two.get_weights()
    two.set_weights(weights)
    three.set_weights([[2 * array for array in layer] for layer in weights])
    for model in (one, two, three):
        model.partial_fit(X)
    assert same(one, two)
    assert not same(one, three)
    norms = [np.linalg.norm(layer[0], 2) for layer in three.get_weights()[2:]]
    np.testing.assert_allclose(norms, 1, atol=0.05)


def test_it_bounds_instead_of_a_penalty_or_clipping():
    model = GAN(spectral_norm=True, max_iter=1).initialize(X)
    assert model._penalty() == 0
    model = fitted(spectral_norm=True, loss="wasserstein", clip=0.01)
    assert max(abs(array).max() for array in leaves(model.get_weights()[2:])) > 0.1

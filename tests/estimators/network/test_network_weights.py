"""Weights layer by layer: shown, set, copied, and trained on from."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    LayerNorm,
    PReLU,
    Residual,
    RMSNorm,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, DIGITS = load_digits(return_X_y=True)
X, DIGITS = X[:400] / 16, DIGITS[:400]
EVERY = [
    GaussianNoise(0.01),
    Dense(20, "selu"),
    AlphaDropout(0.05),
    Residual([LayerNorm(), Dense(20, "gelu"), Residual([Dense(9), PReLU(), Dense(20)])]),
    RMSNorm(),
    Dense(13, weight_norm=True, bias=False),
    BatchNorm(),
    Activation("leaky_relu", slope=0.2),
    Dropout(0.1),
]


def test_weights_layer_by_layer():
    model = NetworkClassifier(EVERY, max_iter=2, random_state=0).fit(X, DIGITS)
    weights = model.get_weights()
    assert len(weights) == len(EVERY) + 1
    shapes = [
        [np.shape(part) for part in layer] if number != 3 else None
        for number, layer in enumerate(weights)
    ]
    assert shapes[:3] == [[], [(64, 20), (20,)], []]
    assert shapes[4:7] == [[(20,)], [(20, 13), (13,)], [(13,)] * 4]
    norm, dense, inner = weights[3]
    assert [part.shape for part in norm] == [(20,), (20,)]
    assert [part.shape for part in dense] == [(20, 20), (20,)]
    assert [[part.shape for part in layer] for layer in inner] == [
        [(20, 9), (9,)], [(9,)], [(9, 20), (20,)],
    ]  # fmt: skip
    before = model.predict_proba(X)
    weights[0:1] = [[]]
    weights[1][0][:] = 0  # a copy
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.set_weights(weights)
    assert abs(model.predict_proba(X) - before).max() > 0.01
    weights[1][0] = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"weights\[1\]\[0\] must have the shape \(64, 20\)"):
        model.set_weights(weights)
    with pytest.raises(ValueError, match="weights must be a list of 10, got 3"):
        model.set_weights(weights[:3])
    weights[1][0] = np.full((64, 20), np.nan)
    with pytest.raises(ValueError, match=r"weights\[1\]\[0\] contains NaN"):
        model.set_weights(weights)


def test_initialize_trains_nothing_and_training_goes_on_from_there():
    model = NetworkRegressor([Dense(5, "tanh")], random_state=0, max_iter=1, warm_start=True)
    model.initialize(X, X[:, 10])
    first = model.get_weights()
    assert model.n_iter_ == 0
    assert model.predict(X).shape == (len(X),)
    given = [[part + 1 for part in layer] for layer in first]
    model.set_params(learning_rate_init=1e-9).set_weights(given).fit(X, X[:, 10])
    for layer, wanted in zip(model.get_weights(), given, strict=True):
        for part, other in zip(layer, wanted, strict=True):
            np.testing.assert_allclose(part, other, atol=1e-7)
    again = NetworkRegressor([Dense(5, "tanh")], random_state=0).initialize(X, X[:, 10])
    np.testing.assert_array_equal(again.get_weights()[0][0], first[0][0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_answer_and_train_alike(copied):
    model = NetworkClassifier(EVERY, max_iter=2, random_state=0).fit(X, DIGITS)
    other = copied(model)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    one, two = (m.partial_fit(X, DIGITS).predict_proba(X) for m in (model, other))
    np.testing.assert_array_equal(one, two)
    assert clone(model).get_params() == model.get_params()


def test_partial_fit_and_fit_agree():
    """Passes one by one with the order kept."""
    options = {"random_state": 0, "shuffle": False, "batch_size": 64}
    layers = [Dense(9), BatchNorm(), Activation("relu"), Dense(5, "tanh", weight_norm=True)]
    whole = NetworkClassifier(layers, max_iter=3, **options).fit(X, DIGITS)
    parts = NetworkClassifier(layers, **options)
    for _ in range(3):
        parts.partial_fit(X, DIGITS, classes=np.arange(10))
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [3, 17, 40])
def test_normed_weights_are_loaded_with_the_bits_of_training(units, dtype):
    options = {"random_state": 0, "shuffle": False, "batch_size": 64, "dtype": dtype}
    layers = [Dense(units, "tanh", weight_norm=True), Dense(5, "tanh", weight_norm=True)]
    whole = NetworkClassifier(layers, max_iter=2, **options).fit(X, DIGITS)
    parts = NetworkClassifier(layers, **options)
    for _ in range(2):
        parts.partial_fit(X, DIGITS, classes=np.arange(10))
    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        for part, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, wanted)


def test_changed_layers_are_refused_while_training_goes_on():
    model = NetworkClassifier([Dense(6, "relu"), Dropout(0.2)], max_iter=2, warm_start=True)
    model.fit(X, DIGITS)
    model.set_params(layers=[Dense(6, "tanh"), Dropout(0.4)]).fit(X, DIGITS)  # the same weights
    with pytest.raises(ValueError, match="The weights are of the layers"):
        model.set_params(layers=[Dense(7, "relu")]).fit(X, DIGITS)


def test_weights_stay_finite_with_averages():
    """A fit that diverges keeps the last finite weights, watched or not."""
    for option in ({}, {"max_time": 1e9}):
        model = NetworkRegressor([Dense(8)], solver="sgd", learning_rate_init=1e6)
        model.set_params(ema_decay=0.9, random_state=0, max_iter=20, **option)
        with pytest.raises(ValueError, match="non-finite"):
            model.fit(X, X[:, 20])
        assert all(np.isfinite(part).all() for layer in model.get_weights() for part in layer)


def test_looking_changes_nothing():
    model = NetworkRegressor([Dense(5, "relu")], max_iter=3, random_state=0).fit(X, X[:, 20])
    before = model.predict(X)
    model.set_params(layers=[Dense(5, "tanh")]).loss_and_gradient(X, X[:, 20])
    np.testing.assert_array_equal(model.predict(X), before)
    model.set_params(warm_start=True).fit(X, X[:, 20])
    assert model.layers_ == (Dense(5, "tanh"),)


def test_layers_without_parameters():
    layers = [Dropout(0.2), Dense(5, "relu"), Residual([Dropout(0.2)]), GaussianNoise()]
    model = NetworkRegressor(layers, max_iter=3, random_state=0).fit(X, X[:, 20])
    np.testing.assert_array_equal(model.hidden_activations(X, 0), X)
    w, b = model.get_weights()[1]
    hidden = np.maximum(X @ w + b, 0)
    np.testing.assert_allclose(model.hidden_activations(X), 2 * hidden, atol=1e-12)
    w, b = model.get_weights()[-1]
    np.testing.assert_allclose(model.predict(X), (2 * hidden @ w + b).ravel(), atol=1e-12)


def test_initialize_forgets_the_network_before():
    model = NetworkRegressor([Dense(5, "relu")], random_state=0, max_iter=3).fit(X, X[:, 20])
    fresh = NetworkRegressor([Dense(7, "relu")], random_state=0).initialize(X, X[:, 20])
    model.set_params(layers=[Dense(7, "relu")]).initialize(X, X[:, 20])
    one, two = (m.partial_fit(X, X[:, 20]).predict(X) for m in (model, fresh))
    np.testing.assert_array_equal(one, two)


def test_other_kinds_of_layers_are_refused_while_training_goes_on():
    pairs = [
        ([Dense(5), RMSNorm()], [Dense(5), PReLU()]),
        ([Dense(5)], [Dense(5, bias=False)]),
        ([Dense(5)], [Embedding([0]), Dense(5)]),
    ]
    data = np.column_stack([DIGITS, X[:, 20:24]])
    for first, second in pairs:
        model = NetworkRegressor(first, warm_start=True, max_iter=2).fit(data, X[:, 20])
        with pytest.raises(ValueError, match="The weights are of the layers"):
            model.set_params(layers=second).fit(data, X[:, 20])
    model = NetworkRegressor([Embedding([0]), Dense(5)], warm_start=True, max_iter=2)
    model.fit(data, X[:, 20])
    model.set_params(layers=[Embedding([0], rate_factor=0.5), Dense(5)]).fit(data, X[:, 20])
    assert model.layers_[0].categories == (10,)
    fewer = DIGITS < 5
    model.set_params(warm_start=False).fit(data[fewer], X[fewer, 20])
    assert model.layers_[0].categories == (5,)

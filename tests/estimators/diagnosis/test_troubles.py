"""Warnings of `diagnose=True`: vanishing, exploding, dead and saturated, each once."""

import pickle
import warnings

import numpy as np
import pytest
from cases.diagnosed_fits import LABELS, VALUES, X, new
from sklearn.base import clone

from fusednn import (
    DiagnosisWarning,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
)
from fusednn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MaxPool2D,
    Reshape,
    Residual,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def told(function):
    """The texts of the diagnosis's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [str(w.message) for w in caught if w.category is DiagnosisWarning]


HEALTHY = {
    "relu": [Dense(32, "relu")] * 10,
    "tanh": [Dense(32, "tanh")] * 10,
    "selu": [Dense(32, "selu")] * 10,
    "batch norm": [Dense(32), BatchNorm(), Activation("sigmoid")] * 10,
    "layer norm": [Dense(32), LayerNorm(), Activation("relu")] * 10,
    "residual": [Dense(32)] + [Residual([LayerNorm(), Dense(32, "relu"), Dense(32)])] * 10,
    "shallow": [Dense(32, "sigmoid")],
    "convolutions": [
        *(Reshape(8, 8, 1), *[Conv2D(8, 3, "relu")] * 4, MaxPool2D(2), Flatten()),
        Dense(32, "relu"),
    ],
    "convolutions with batch norm": [
        *(Reshape(8, 8, 1), *[Conv2D(8, 3), BatchNorm(), Activation("relu")] * 4),
        GlobalAvgPool(),
    ],
    "convolutions in blocks": [
        *(Reshape(8, 8, 1), Conv2D(8, 3, "relu")),
        *[Residual([Conv2D(8, 3), BatchNorm(), Activation("relu"), Conv2D(8, 3)])] * 4,
        GlobalAvgPool(),
    ],
    "none": [],
}


@pytest.mark.thinned
@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_healthy_networks_are_not_told_of(name, solver, digits):
    data, y = digits
    data = data[:600].astype(np.float32)
    model = NetworkClassifier(
        HEALTHY[name],
        solver=solver,
        learning_rate_init=0.01,
        max_iter=10,
        random_state=0,
        standardize=True,
        diagnose=True,
    )
    assert told(lambda: model.fit(data, y[:600])) == []


@pytest.mark.parametrize("init", ["scikit-learn", "glorot_uniform"])
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_vanishing_gradients(init, solver):
    model = new(
        MLPClassifier,
        hidden_layer_sizes=(20,) * 10,
        activation="logistic",
        solver=solver,
        init=init,
    )
    (message,) = told(lambda: model.fit(X, LABELS))
    assert message.startswith("The gradients vanish: that of hidden 0 is ")
    assert "Try 'relu' with the initialisation 'he_normal'" in message


def test_a_vanishing_signal():
    """Small weights: all gradients are as small as one another, but so are the outputs."""
    model = new(NetworkClassifier, layers=[Dense(20, "tanh")] * 10, solver="sgd", warm_start=True)
    model.initialize(X, LABELS)
    weights = model.get_weights()
    model.set_weights([[w * 0.2, b] for w, b in weights])
    (message,) = told(lambda: model.fit(X, LABELS))
    assert message.startswith("The signal vanishes")
    assert "the outputs of layers[6] Dense deviate by " in message


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_weights_of_zero(activation):
    """Units that are all the same; with ReLU they are dead, which explains the gradients."""
    model = new(MLPClassifier, init="zeros", activation=activation)
    (message,) = told(lambda: model.fit(X, LABELS))
    expected = {"relu": "100% of the units of hidden 0, hidden 1 are dead: 0 for all samples."}
    assert message.startswith(
        expected.get(activation, "The gradients vanish: those of all weights are 0.")
    )


def test_exploding_gradients():
    model = new(MLPRegressor)
    (message,) = told(lambda: model.fit(X, VALUES * 1e6))
    assert message.startswith("The gradients explode: that of hidden 0")
    layers = [Dense(50, "relu")] * 12
    model = new(NetworkClassifier, layers=layers, solver="sgd", learning_rate_init=1e6)

    def fit():
        with pytest.raises(ValueError, match="non-finite"):
            model.fit(X, LABELS)

    (message,) = told(fit)
    assert message.startswith("The gradients explode: the weights have stopped being finite.")
    assert model.gradient_norms_.shape[1:] == (13,)


def test_dead_units():
    model = new(MLPClassifier, warm_start=True, hidden_layer_sizes=(30, 10), solver="sgd")
    told(lambda: model.fit(X, LABELS))
    model.intercepts_[1] -= 1000
    (message,) = told(lambda: model.fit(X, LABELS))
    assert message.startswith("100% of the units of hidden 1 are dead")
    assert "leaky_relu" in message


def images():
    """Samples as images of one channel, and their labels."""
    return X.reshape(-1, 2, 3, 1), LABELS


def test_dead_filters():
    layers = [Conv2D(7, 2, "relu"), Conv2D(5, 2, "relu"), Flatten()]
    model = new(NetworkClassifier, layers=layers, warm_start=True, solver="sgd")
    weights = model.initialize(*images()).get_weights()
    weights[1][1][:] = -1000
    model.set_weights(weights)
    (message,) = told(lambda: model.fit(*images()))
    assert message.startswith("100% of the units of layers[1] Conv2D are dead")


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_convolutions_that_vanish(solver):
    model = new(NetworkClassifier, layers=[*[Conv2D(4, 2, "sigmoid")] * 9, Flatten()])
    (message,) = told(lambda: model.set_params(solver=solver).fit(*images()))
    assert message.startswith("The gradients vanish: that of layers[0] Conv2D is ")


def test_convolutions_that_explode():
    model = new(NetworkClassifier, layers=[Conv2D(4, 2), Flatten()], warm_start=True, max_iter=1)
    weights = model.initialize(*images()).get_weights()
    (kernel, biases), *others, (last, _) = weights
    model.set_weights([[kernel * 1e-6, biases], *others, [last * 1e3, np.zeros(3)]])
    (message,) = told(lambda: model.fit(*images()))
    assert message.startswith("The gradients explode on their way back: that of layers[0] Conv2D")


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_saturated_outputs(activation):
    model = new(MLPClassifier, activation=activation)
    (message,) = told(lambda: model.fit(X * 1e4, LABELS))
    assert "of the outputs of hidden 0 are saturated" in message


def test_once_for_each_kind_and_at_the_users_line():
    model = new(MLPClassifier, hidden_layer_sizes=(9,) * 10, activation="logistic", solver="sgd")

    def calls():
        for _ in range(3):
            model.partial_fit(X, LABELS, classes=[0, 1, 2])

    assert len(told(calls)) == 1
    for _ in range(2):
        assert len(told(lambda: model.fit(X, LABELS))) == 1
    with pytest.warns(DiagnosisWarning, match="vanish") as caught:
        clone(model).partial_fit(X, LABELS, classes=[0, 1, 2])
    assert caught[0].filename == __file__


def test_as_an_error_it_leaves_the_estimator_as_it_was():
    model = new(MLPClassifier, hidden_layer_sizes=(9,) * 10, activation="logistic", solver="sgd")
    told(lambda: model.fit(X, LABELS))
    before = {name: pickle.dumps(value) for name, value in vars(model).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error", DiagnosisWarning)
        with pytest.raises(DiagnosisWarning):
            model.fit(X[:100], LABELS[:100])
    assert {name: pickle.dumps(value) for name, value in vars(model).items()} == before

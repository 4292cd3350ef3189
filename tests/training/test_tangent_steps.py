"""The neural tangent parametrisation: the steps of a layer on inputs over the root of the fan-in.

An output layer x W / sqrt(I) + b is an ordinary one on x / sqrt(I), whatever trains it.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fusednn import Autoencoder, NetworkClassifier, NetworkRegressor
from fusednn.layers import Dense, Residual
from fusednn.optimizers import SGD, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COLUMNS = 23
rng = np.random.RandomState(0)
X = rng.normal(size=(60, COLUMNS))
LABELS = np.arange(60) % 4
ROOT = COLUMNS**0.5

SOLVERS = {  # with epsilons that count
    "sgd": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.8, nesterov=True),
    "rmsprop": RMSprop(epsilon=1e-2),
    "adagrad": Adagrad(epsilon=1e-2),
    "adam": Adam(epsilon=1e-2),
    "amsgrad": Adam(epsilon=1e-2, amsgrad=True),
    "adamw": AdamW(epsilon=1e-2, weight_decay=0.3),
    "nadam": NAdam(epsilon=1e-2),
    "lion": Lion(weight_decay=0.3),
}
TERMS = {
    "no terms": {},
    "squares": {"alpha": 0.7},
    "absolutes": {"l1": 0.4},
    "large batches": {"alpha": 0.7, "l1": 0.2, "accumulate": 3},
}


def trained(parametrization, X, w, options, factors):
    layers = [Dense(4, "softmax", parametrization=parametrization, **factors)]
    model = NetworkClassifier(
        layers,
        dtype="float64",
        batch_size=10,
        max_iter=6,
        learning_rate_init=0.01,
        warm_start=True,
        random_state=0,
        **options,
    ).initialize(X, LABELS)
    model.set_weights([[w, np.arange(4.0)]])
    return model.fit(X, LABELS)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("terms", TERMS)
def test_steps_are_those_on_scaled_inputs(name, terms):
    options = {"solver": SOLVERS[name], **TERMS[terms]}
    factors = {"rate_factor": 1.5, "decay_factor": 0.8} if terms == "squares" else {}
    w = rng.normal(size=(COLUMNS, 4))
    ours = trained("ntk", X, w / ROOT, options, factors)
    twin = trained("standard", X / ROOT, w, options, factors)
    [[found, b]], [[expected, c]] = ours.get_weights(), twin.get_weights()
    assert_allclose(found * ROOT, expected, rtol=1e-9, atol=1e-11)
    assert_allclose(b, c, rtol=1e-9, atol=1e-11)
    assert_allclose(ours.loss_curve_, twin.loss_curve_, rtol=1e-9)
    assert abs(expected - w).max() > 0.005
    if terms != "no terms":
        loss, [[dw, db]] = ours.loss_and_gradient(X, LABELS)
        same, [[dW, dc]] = twin.loss_and_gradient(X / ROOT, LABELS)
        assert loss == pytest.approx(same, rel=1e-9)
        assert_allclose(dw, dW * ROOT, rtol=1e-8, atol=1e-10)
        assert_allclose(db, dc, rtol=1e-8, atol=1e-10)


def test_first_weights_have_variance_one_over_the_fan_in():
    many = np.zeros((4, 400))
    layers = [Dense(500, "relu", parametrization="ntk")]
    model = NetworkRegressor(layers, random_state=0).initialize(many, many[:, 0])
    plain = NetworkRegressor([Dense(500, "relu", "lecun_normal")], random_state=0)
    weights = model.get_weights()[0][0]
    assert weights.std() * 20 == pytest.approx(1, rel=0.01)
    assert_allclose(weights, plain.initialize(many, many[:, 0]).get_weights()[0][0])
    given = [Dense(500, "relu", "he_normal", parametrization="ntk")]
    model = NetworkRegressor(given, random_state=0).initialize(many, many[:, 0])
    assert_allclose(model.get_weights()[0][0], weights * 2**0.5)
    given = [Dense(9, init="data", parametrization="ntk")]
    model = NetworkRegressor(given, dtype="float64", random_state=0).initialize(X, LABELS)
    assert_allclose(model.hidden_activations(X).std(axis=0), 1)


def test_it_is_found_in_blocks_and_mirrored():
    inner = Residual([Dense(COLUMNS, "tanh", parametrization="ntk")])
    options = {"dtype": "float64", "random_state": 0, "learning_rate_init": 0.01}
    options |= {"solver": "sgd", "max_iter": 1, "batch_size": 60}
    first = NetworkRegressor([inner], **options).initialize(X, LABELS)
    _, (before, _) = first.loss_and_gradient(X, LABELS)
    start = first.get_weights()[0][0][0]
    end = first.set_params(warm_start=True).fit(X, LABELS).get_weights()[0][0][0]
    assert_allclose(end, start - 0.01 / COLUMNS * before[0][0], rtol=1e-9)
    model = Autoencoder(
        [Dense(5, parametrization="ntk")], [Dense(COLUMNS)], tied=True, max_iter=3, dtype="float64"
    )
    assert model.fit(X).transform(X).shape == (60, 5)


def test_refusals():
    with pytest.raises(ValueError, match="parametrization of Dense must be 'standard' or 'ntk'"):
        Dense(3, parametrization="mup")
    with pytest.raises(ValueError, match="weight_norm of Dense needs parametrization='standard'"):
        Dense(3, weight_norm=True, parametrization="ntk")
    with pytest.raises(ValueError, match="parametrization is for solvers other than 'lbfgs'"):
        NetworkRegressor([Dense(3, parametrization="ntk")], solver="lbfgs").fit(X, LABELS)

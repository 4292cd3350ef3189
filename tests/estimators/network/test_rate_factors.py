"""Factors of the rate and decay: of biases, and of the output layer."""

import numpy as np
import pytest
from oracles.parity import fit_quietly
from running.nested_weights import flat

from fusednn import Autoencoder, LanguageModel, NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    ConvTranspose2D,
    Dense,
    Flatten,
    MultiHeadAttention,
    Output,
    Reshape,
    TokenEmbedding,
)
from fusednn.optimizers import SGD

random = np.random.RandomState(0)
X = random.normal(size=(40, 12))
Y = random.normal(size=(40, 2))
LABELS = np.arange(40) % 3
SERIES, IMAGES = Reshape(6, 2), Reshape(3, 2, 2)
LISTS = {
    "Dense": lambda **factors: [Dense(5, "tanh", **factors)],
    "Dense, weight norm": lambda **factors: [Dense(5, "tanh", weight_norm=True, **factors)],
    "Conv1D": lambda **factors: [SERIES, Conv1D(4, 3, **factors), Flatten()],
    "Conv2D": lambda **factors: [IMAGES, Conv2D(4, 2, groups=2, **factors), Flatten()],
    "ConvTranspose1D": lambda **factors: [SERIES, ConvTranspose1D(3, 2, **factors), Flatten()],
    "ConvTranspose2D": lambda **factors: [IMAGES, ConvTranspose2D(3, 2, **factors), Flatten()],
    "RNN": lambda **factors: [SERIES, RNN(4, **factors)],
    "LSTM": lambda **factors: [SERIES, LSTM(3, bidirectional=True, **factors)],
    "GRU": lambda **factors: [SERIES, GRU(4, **factors)],
    "MultiHeadAttention": lambda **factors: [SERIES, MultiHeadAttention(2, **factors), Flatten()],
    "Output": lambda **factors: [Activation("tanh"), Output(**factors)],
}
EVERY = pytest.mark.parametrize("make", LISTS.values(), ids=LISTS)


def moved(layers, rate=0.1):
    """How far a step of gradient descent moves each parameter, with its name."""
    model = NetworkRegressor(
        layers, solver=SGD(), learning_rate_init=rate, batch_size=40, random_state=0,
        shuffle=False,
    ).initialize(X, Y)  # fmt: skip
    before = [array.copy() for array in model._parameters()]
    names = [one.name for op in model._network().ops for one in op.parameters()]
    model.partial_fit(X, Y)
    after = model._parameters()
    return [(name, new - old) for name, new, old in zip(names, after, before, strict=True)]


@EVERY
def test_biases_move_by_their_own_factor(make):
    """And by the layer's; weights, and the other layers, do not know of it."""
    plain, own = moved(make()), moved(make(rate_factor=0.5, bias_rate_factor=0.25))
    last = not isinstance(make()[-1], Output)
    layer = len(plain) - 2 if last else len(plain)  # the output layer follows
    assert any(name.endswith("biases") for name, _ in plain[:layer])
    for number, ((name, expected), (_, found)) in enumerate(zip(plain, own, strict=True)):
        factor = 0.5 if number < layer else 1.0
        factor *= 0.25 if name.endswith("biases") and number < layer else 1.0
        np.testing.assert_allclose(found, factor * expected, rtol=1e-6, atol=1e-12)
        assert abs(expected).max() > 0


@EVERY
def test_biases_that_stay(make):
    for name, step in moved(make(bias_rate_factor=0.0))[
        : None if "Output" in repr(make()) else -2
    ]:
        assert (abs(step).max() == 0) == name.endswith("biases")


@EVERY
def test_refused_factors(make):
    for value in (-0.1, np.inf, "slow", True):
        with pytest.raises(ValueError, match=r"bias_rate_factor of .* must be a finite number"):
            make(bias_rate_factor=value)


def test_lbfgs_has_no_rates():
    with pytest.raises(ValueError, match="rate_factor is for solvers other than 'lbfgs'"):
        NetworkRegressor([Dense(3, bias_rate_factor=0.1)], solver="lbfgs").fit(X, Y)


# -- the output layer ------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [[], [Dense(6, "relu")], [SERIES, LSTM(3)]], ids=str)
@pytest.mark.parametrize("y", [LABELS, LABELS > 1, Y, Y[:, 0], np.eye(3, dtype=int)[LABELS]])
def test_without_options_it_is_the_one_that_is_added(hidden, y):
    kind = NetworkRegressor if y.dtype.kind == "f" else NetworkClassifier
    options = {"max_iter": 3, "random_state": 0}
    plain, own = (
        fit_quietly(kind(layers, **options), X, y) for layers in (hidden, [*hidden, Output()])
    )
    assert flat(own.get_weights()).tobytes() == flat(plain.get_weights()).tobytes()
    assert own.predict(X).tobytes() == plain.predict(X).tobytes()
    assert own.layers_ == (*hidden, Output())


def test_of_each_step():
    y = random.normal(size=(40, 6))
    layers = [SERIES, LSTM(3, return_sequences=True), Output(bias=False)]
    model = fit_quietly(NetworkRegressor(layers, max_iter=2), X, y)
    assert model.predict(X).shape == (40, 6)
    assert [array.shape for array in model.get_weights()[-1]] == [(3, 1)]


def test_its_place():
    for layers in ([Output(), Dense(3)], [Dense(3), Output(), Activation("tanh")]):
        place = layers.index(Output())
        with pytest.raises(
            ValueError, match=rf"layers\[{place}\] is Output\(\): it is the output"
        ):
            NetworkRegressor(layers).fit(X, Y)
    with pytest.raises(ValueError, match=r"decoder\[0\] is Output\(\)"):
        Autoencoder([Dense(3)], [Output()]).fit(X)
    tokens = np.arange(90) % 5
    for tied in (True, False):
        model = LanguageModel(
            [TokenEmbedding(4), Output(rate_factor=0.5)], context=4, tied=tied, max_iter=1
        )
        if tied:
            with pytest.raises(ValueError, match="leave this one out, or set tied=False"):
                model.fit(tokens)
        else:
            assert fit_quietly(model, tokens).n_outputs_ == 5


def test_training_goes_on_with_other_factors():
    model = NetworkRegressor([Dense(4), Output()], warm_start=True, max_iter=2, random_state=0)
    fit_quietly(model, X, Y)
    before = flat(model.get_weights()[-1])
    model.set_params(layers=[Dense(4), Output(rate_factor=0.0)])
    np.testing.assert_array_equal(flat(fit_quietly(model, X, Y).get_weights()[-1]), before)
    with pytest.raises(ValueError, match="The weights are of the layers"):
        model.set_params(layers=[Dense(4), Output(bias=False)]).fit(X, Y)

"""Autoencoders train as their twins in PyTorch."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.reference_layers import gaussian_noise
from oracles.torch_layers import read, sequence_of, write
from oracles.torch_pairs import compare
from running.nested_weights import leaves

from fusednn import Autoencoder, VariationalAutoencoder, export_torch, import_torch
from fusednn.layers import Dense

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}
SAMPLES, BATCH, PASSES, COLUMNS, NUMBERS = 40, 8, 10, 12, 3
OPTIONS = {
    "shuffle": False,
    "warm_start": True,
    "tol": 1e-300,
    "n_iter_no_change": np.inf,
    "batch_size": BATCH,
    "learning_rate_init": 0.01,
    "max_iter": PASSES,
    "random_state": 0,
}
ENCODER = [Dense(9, "tanh"), Dense(NUMBERS, "relu")]
DECODER = [Dense(9, "gelu"), Dense(COLUMNS, "logistic")]


def samples(dtype):
    return np.random.RandomState(1).uniform(size=(SAMPLES, COLUMNS)).astype(dtype)


def twins(model, X):
    """The lists of an estimator in PyTorch, in float64, with its weights."""
    model.initialize(X)
    first, second = model.encoder_layers_, model.decoder_layers_
    weights = model.get_weights()
    found = []
    parts = (first, X.shape[1:], weights[: len(first)]), (second, [NUMBERS], weights[len(first) :])
    for specs, shape, own in parts:
        module = sequence_of(list(specs), *shape).double()
        write(list(specs), module, own)
        found.append(module)
    return found


def check(model, modules, tolerance):
    lists = model.encoder_layers_, model.decoder_layers_
    read_back = [leaves(read(list(s), m)) for s, m in zip(lists, modules, strict=True)]
    compare(leaves(model.get_weights()), [t.numpy() for one in read_back for t in one], tolerance)


def parameters_of(modules):
    return [parameter for one in modules for parameter in one.parameters()]


def train(parameters, X, loss_of):
    """The same steps; `loss_of` maps a step and a batch to the loss."""
    judge = torch.optim.Adam(parameters, lr=0.01)
    losses = []
    for step in range(PASSES * SAMPLES // BATCH):
        at = step * BATCH % SAMPLES
        judge.zero_grad()
        loss = loss_of(step, torch.from_numpy(X[at : at + BATCH]).double())
        loss.backward()
        judge.step()
        losses.append(loss.item())
    return losses


def fit(model, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X)


def noise(width, step):
    seed = np.random.RandomState(0).randint(2**31)
    return torch.from_numpy(gaussian_noise(BATCH, width, seed=seed, step=step, layer=0))


@DTYPES
@pytest.mark.parametrize("deviation", [0.0, 0.3])
def test_steps_of_an_autoencoder(dtype, deviation):
    X = samples(dtype)
    model = Autoencoder(ENCODER, DECODER, noise=deviation, **OPTIONS)
    encoder, decoder = modules = twins(model, X)

    def loss(step, x):
        given = x + deviation * noise(COLUMNS, step) if deviation else x
        return ((decoder(encoder(given)) - x) ** 2).sum() / 2 / BATCH

    losses = train(parameters_of(modules), X, loss)
    check(fit(model, X), modules, TOLERANCES[dtype])
    assert model.loss_ == pytest.approx(np.mean(losses[-5:]) / COLUMNS, rel=1e-5)


@DTYPES
@pytest.mark.parametrize("beta", [1.0, 0.25])
def test_steps_of_a_variational_autoencoder(dtype, beta):
    X = samples(dtype)
    model = VariationalAutoencoder(ENCODER[:1], DECODER, latent=NUMBERS, beta=beta, **OPTIONS)
    encoder, decoder = modules = twins(model, X)

    def loss(step, x):
        mean, log_variance = encoder(x).split(NUMBERS, dim=1)
        code = mean + torch.exp(log_variance / 2) * noise(NUMBERS, step)
        divergence = (mean**2 + torch.exp(log_variance) - 1 - log_variance).sum() / 2
        return (((decoder(code) - x) ** 2).sum() / 2 + beta * divergence) / BATCH

    losses = train(parameters_of(modules), X, loss)
    check(fit(model, X), modules, TOLERANCES[dtype])
    assert model.loss_ == pytest.approx(np.mean(losses[-5:]) / COLUMNS, rel=1e-5)


@DTYPES
@pytest.mark.parametrize("deviation", [0.0, 0.3])
def test_steps_of_tied_weights(dtype, deviation):
    """One parameter in both halves: autograd adds up what the two products give."""
    X = samples(dtype)
    encoder, options = [Dense(9, "tanh"), Dense(NUMBERS)], {**OPTIONS, "alpha": 0.1}
    model = Autoencoder(encoder, tied=True, noise=deviation, **options).initialize(X)
    first = [torch.tensor(array).double() for array in leaves(model.get_weights())]
    w, b, v, c, d, e = parameters = [one.requires_grad_() for one in first]

    def loss(step, x):
        given = x + deviation * noise(COLUMNS, step) if deviation else x
        code = torch.tanh(given @ w + b) @ v + c
        back = torch.tanh(code @ v.T + d) @ w.T + e
        penalty = 0.1 * ((w**2).sum() + (v**2).sum()) / 2
        return (((back - x) ** 2).sum() / 2 + penalty) / BATCH

    train(parameters, X, loss)
    found = [one.detach().numpy() for one in parameters]
    compare(leaves(fit(model, X).get_weights()), found, TOLERANCES[dtype])


def test_tied_weights_are_exchanged():
    """A module of linear layers has them twice; two different ones are refused."""
    X = samples("float64")
    model = Autoencoder([Dense(9, "tanh"), Dense(NUMBERS)], tied=True, **OPTIONS)
    fit(model, X)
    layers = torch.nn.Linear(COLUMNS, 9), torch.nn.Tanh(), torch.nn.Linear(9, NUMBERS)
    back = torch.nn.Linear(NUMBERS, 9), torch.nn.Tanh(), torch.nn.Linear(9, COLUMNS)
    module = torch.nn.Sequential(*layers, *back).double()
    state = export_torch(model, module)
    module.load_state_dict({key: torch.as_tensor(array) for key, array in state.items()})
    found = module(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(found, model.inverse_transform(model.transform(X)), rtol=1e-9)
    other = Autoencoder([Dense(9, "tanh"), Dense(NUMBERS)], tied=True).initialize(X)
    for ours, theirs in zip(
        leaves(import_torch(other, module).get_weights()), leaves(model.get_weights()), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    state["3.weight"] = 2 * state["3.weight"]
    with pytest.raises(ValueError, match=r"'3.weight', which differs from the weights of the enc"):
        import_torch(other, state)

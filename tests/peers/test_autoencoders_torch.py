"""Autoencoders train as their twins in PyTorch, and their halves answer alike in ONNX Runtime."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.onnx_sessions import session_of
from oracles.reference_layers import gaussian_noise
from oracles.torch_layers import read, sequence_of, write
from oracles.torch_pairs import compare
from running.nested_weights import leaves

from fusednn import Autoencoder, VariationalAutoencoder
from fusednn.layers import Conv2D, ConvTranspose2D, Dense, Flatten, Reshape

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


def train(modules, X, loss_of):
    """The same steps; `loss_of` maps a step and a batch to the loss."""
    judge = torch.optim.Adam([p for one in modules for p in one.parameters()], lr=0.01)
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

    losses = train(modules, X, loss)
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

    losses = train(modules, X, loss)
    check(fit(model, X), modules, TOLERANCES[dtype])
    assert model.loss_ == pytest.approx(np.mean(losses[-5:]) / COLUMNS, rel=1e-5)


@DTYPES
@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_halves_in_onnx(kind, dtype, tmp_path):
    images = np.random.RandomState(1).uniform(size=(20, 8, 8, 1)).astype(dtype)
    encoder = [Conv2D(4, 3, "relu", stride=2), Flatten(), Dense(6)]
    decoder = [Dense(16), Reshape(4, 4, 1), ConvTranspose2D(1, 4, "logistic", stride=2, padding=1)]
    options = {"max_iter": 1, "random_state": 0}
    options |= {"latent": 6} if kind is VariationalAutoencoder else {}
    model = fit(kind(encoder, decoder, **options), images)
    codes = model.transform(images)
    for half, given, wanted in (
        (model.encoder_, images, codes),
        (model.decoder_, codes, model.inverse_transform(codes).reshape(20, -1)),
    ):
        [found] = session_of(half, tmp_path / "half.onnx").run(None, {"X": given})
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)

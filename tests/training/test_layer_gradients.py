"""Gradients of networks given as layers by central differences; results that keep their bits."""

import numpy as np
import pytest
from running.nested_weights import flat, leaves, moved
from running.sessions import assert_same_bits

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    LayerNorm,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
)
from fusednn.optimizers import SGD, Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SAMPLES, COLUMNS = 19, 3
random = np.random.RandomState(0)
X = random.normal(size=(SAMPLES, COLUMNS))
X[:, 1] = random.randint(4, size=SAMPLES)
LABELS = np.arange(SAMPLES) % 3
WEIGHTS = random.uniform(0.5, 2, SAMPLES)
CODES = Embedding((1,), (4,), 3)


def of_width(width):
    """Layers whose every block has so many columns, after the first."""
    return {
        f"dense {width}": [Dense(width, "tanh"), Dense(width, "gelu", bias=False)],
        f"batch norm {width}": [Dense(width), BatchNorm(), Activation("silu")],
        f"layer norm {width}": [Dense(width, "tanh"), LayerNorm(0.1), Dense(width, "softplus")],
        f"rms norm {width}": [Dense(width), RMSNorm(0.1), Activation("mish"), Dropout()],
        f"prelu {width}": [Dense(width, "tanh"), PReLU()],
        f"residual {width}": [Dense(width), Residual([Dense(5, "tanh"), Dense(width)]), PReLU()],
        f"residual with norm {width}": [
            Dense(width, "tanh"),
            Residual([BatchNorm(), Residual([RMSNorm(0.1), Dense(width)]), GaussianNoise()]),
        ],
        f"rows {width}": [
            Dense(4 * width, "tanh"), Reshape(width, 4, channels="first"), BatchNorm(),
            Residual([Dense(5, "gelu"), Dropout(), Dense(width)]), PReLU(), Flatten(),
        ],
        f"embedding {width}": [Embedding((0, 1), (4, 4), width), LayerNorm(0.1)],
        f"weight norm {width}": [
            Dense(width, "tanh", weight_norm=True), Dense(2, "elu", weight_norm=True, bias=False)
        ],
    }  # fmt: skip


NETWORKS = {
    "no layers": [],
    **of_width(1),
    **of_width(3),
    **of_width(17),
    "embedding and others": [CODES, BatchNorm(), Dense(4, "tanh")],
    "embedding alone": [CODES],
    "rows first": [Reshape(COLUMNS, 1), Dense(3, "tanh"), LayerNorm(0.1), Flatten(), PReLU()],
    "vectors in rows": [CODES, Reshape(1, 5), GaussianNoise(), Dense(3, "silu"), Flatten()],
    "norms first": [BatchNorm(), LayerNorm(0.1), RMSNorm(0.1), PReLU()],
    "residual first": [Residual([Dense(5, "tanh"), LayerNorm(0.1), Dense(COLUMNS, "elu")])],
    "residual of residual first": [Residual([Residual([BatchNorm(), PReLU()]), PReLU()])],
    "outputs with weight norm": [Dense(4, "tanh"), Dense(3, "softmax", weight_norm=True)],
}


def with_codes(layers):
    """X for the layers: positive integers where they are looked up."""
    if layers and isinstance(layers[0], Embedding) and 0 in layers[0].columns:
        return np.column_stack([X[::-1, 1], X[:, 1:]])
    return X


def built(layers, make=NetworkClassifier, **options):
    """An estimator with weights of some size."""
    data = with_codes(layers)
    y = LABELS if make is NetworkClassifier else data[:, [0, 2]]
    model = make(layers, random_state=0, **options).initialize(data, y)
    numbers = iter(np.random.RandomState(1).uniform(-0.3, 0.3, 10_000))
    return model.set_weights(moved(model.get_weights(), numbers)), data, y


@pytest.mark.thinned
@pytest.mark.parametrize("make", [NetworkClassifier, NetworkRegressor])
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] * name.endswith(" 3")) for name in NETWORKS],
)
def test_every_entry(name, make):
    """Along random directions, and along some axes."""
    layers = NETWORKS[name]
    if make is NetworkRegressor:
        layers = [layer for layer in layers if getattr(layer, "activation", "") != "softmax"]
    model, data, y = built(layers, make, alpha=0.3, standardize=name.startswith("residual"))
    weights = model.get_weights()
    _, gradient = model.loss_and_gradient(data, y, WEIGHTS)
    found = flat(gradient)
    axes = np.eye(len(found))[np.random.RandomState(2).permutation(len(found))[:10]]
    directions = np.random.RandomState(3).normal(size=(5, len(found)))

    def loss(step):
        model.set_weights(moved(weights, iter(step)))
        return model.loss_and_gradient(data, y, WEIGHTS)[0]

    for direction in [*axes, *directions / np.sqrt(len(found))]:
        numeric = (loss(1e-5 * direction) - loss(-1e-5 * direction)) / 2e-5
        assert direction @ found == pytest.approx(numeric, rel=1e-5, abs=1e-8)


EVERY = [
    CODES,
    GaussianNoise(0.2),
    BatchNorm(),
    Dense(17, "relu", weight_norm=True),
    Dropout(0.3),
    Residual([LayerNorm(), Dense(9), PReLU(), Dropout(0.1), Dense(17, "gelu", max_norm=1.0)]),
    Residual([Residual([BatchNorm(), Activation("selu"), AlphaDropout(0.2)]), GaussianNoise()]),
    RMSNorm(),
    Activation("leaky_relu", 0.2),
    Reshape(17, 1),
    Dense(3, "tanh"),
    BatchNorm(),
    Dropout(0.1),
    Flatten(),
    Dense(3, "softmax", weight_norm=True),
]
WITHOUT_BATCHES = [
    CODES,
    Dense(17, "relu", weight_norm=True),
    Residual([LayerNorm(), Dense(9), PReLU(), Dense(17, "gelu", max_norm=1.0)]),
    RMSNorm(),
    Dense(3, weight_norm=True),
]
ROWS = [
    Dense(24),
    Reshape(6, 4, channels="first"),
    Residual([LayerNorm(), Dense(9, "gelu"), Dense(6, weight_norm=True)]),
    PReLU(),
    Flatten(),
]


def trained(layers, n_jobs, dtype, samples=SAMPLES, **options):
    """Losses, weights and outputs of some passes."""
    many = np.tile(X, (30, 1))[:samples].astype(dtype)
    labels = np.tile(LABELS, 30)[:samples]
    model = NetworkClassifier(
        layers, max_iter=3, random_state=0, n_jobs=n_jobs, learning_rate_init=0.01, **options
    ).fit(many, labels)
    results = model.loss_and_gradient(many, labels), model.predict_proba(many)
    (loss, gradient), outputs = results
    curve = np.array([*model.loss_curve_, loss])
    return [curve, *leaves(model.get_weights()), *leaves(gradient), outputs]


@pytest.mark.thinned
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [
    {"batch_size": 64},
    {"batch_size": 500, "solver": SGD(0.9), "clip_norm": 0.5},
    {"batch_size": 33, "accumulate": 3, "ema_decay": 0.9, "solver": "adamw", "standardize": True},
], ids=str)  # fmt: skip
def test_threads_change_no_bit(options, dtype):
    one, *others = (trained(EVERY, n_jobs, dtype, 521, **options) for n_jobs in (1, 2, 3))
    assert all(np.isfinite(part).all() for part in one)
    for other in others:
        assert_same_bits(one, other)


@pytest.mark.thinned
@pytest.mark.parametrize("width", [1, 3, 17])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_change_no_bit_at_any_width(width, dtype):
    for layers in of_width(width).values():
        codes = isinstance(layers[0], Embedding)
        layers = [Embedding((1,), (4,), width), *layers[1:]] if codes else layers
        one, *others = (trained(layers, n_jobs, dtype, 70, batch_size=40) for n_jobs in (1, 2, 3))
        for other in others:
            assert_same_bits(one, other)


@pytest.mark.parametrize("layers", [WITHOUT_BATCHES, ROWS], ids=len)
@pytest.mark.parametrize("solver", [SGD(0.9), Adam(), "adamw"], ids=str)
def test_blocks_of_a_batch_add_up(monkeypatch, solver, layers):
    """The same steps, whatever goes through the buffers at once, but for rounding."""
    options = {"solver": solver, "alpha": 0.1, "batch_size": 50}
    whole = trained(layers, 1, "float64", 133, **options)
    monkeypatch.setattr("fusednn.plan.memory.sizes.BLOCK_LIMIT", 8)
    monkeypatch.setattr("fusednn.plan.memory.sizes.LEAST_BLOCK", 5)
    blocks = [trained(layers, n_jobs, "float64", 133, **options) for n_jobs in (1, 2, 3)]
    for one, other in zip(whole, blocks[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-7 * abs(one).max())
    assert_same_bits(blocks[0], blocks[1])
    assert_same_bits(blocks[0], blocks[2])


def test_the_form_of_a_gradient():
    """As of the weights; running statistics have zeros, and biases that are not there nothing."""
    model, data, y = built(EVERY)
    weights = model.get_weights()
    _, gradient = model.loss_and_gradient(data, y)
    assert [part.shape for part in leaves(gradient)] == [part.shape for part in leaves(weights)]
    assert len(gradient) == len(EVERY)
    scale, shift, mean, variance = gradient[2]
    assert scale.any()
    assert shift.any()
    assert not mean.any()
    assert not variance.any()
    plain, data, y = built([Dense(4, bias=False)])
    assert [len(parts) for parts in plain.loss_and_gradient(data, y)[1]] == [1, 2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_do_not_see_one_another(dtype):
    model, data, _ = built(EVERY, dtype=dtype)
    data = data.astype(dtype)
    together = model.predict_proba(np.tile(data, (70, 1)))
    assert_same_bits([together], [np.tile(model.predict_proba(data), (70, 1))])
    assert_same_bits([together[:1]], [model.predict_proba(data[:1])])

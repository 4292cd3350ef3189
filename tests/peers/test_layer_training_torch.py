"""Networks given as layers against PyTorch: fifty steps of training, and their options."""

from itertools import cycle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.torch_layers import linears, sequence_of, write
from oracles.torch_pairs import BATCH, COLUMNS, DTYPES, NETWORKS, PASSES, SAMPLES, Pair
from sklearn.exceptions import ConvergenceWarning
from torch import nn
from torch.nn import functional as F
from torch.optim import swa_utils

from fusednn import NetworkClassifier
from fusednn.layers import (
    BatchNorm,
    Dense,
    PReLU,
    Residual,
)
from fusednn.optimizers import SGD, Adam, AdamW

pytestmark = pytest.mark.peers
torch.set_num_threads(1)

TRAINED = {"float64": 1e-9, "float32": 1e-4}
"""A share of a tensor's largest, after training."""


BLUNT = 1e-3
"""Adam's epsilon: gradients that are but rounding, of biases before a norm say, make no steps."""
SOLVERS = {
    "sgd": (SGD(0.9), torch.optim.SGD, {"momentum": 0.9}),
    "adam": (Adam(epsilon=BLUNT), torch.optim.Adam, {"eps": BLUNT}),
    "adamw": (
        AdamW(epsilon=BLUNT, weight_decay=0.1),
        torch.optim.AdamW,
        {"eps": BLUNT, "weight_decay": 0.1},
    ),
}
ALPHA = 0.05


def train_both(pair, name, accumulate=1, alpha=ALPHA, before=None, after=None, **ours):
    """Some fifty steps of both, in batches of which the last is smaller."""
    solver, make, options = SOLVERS[name]
    blocks = {"batch_size": BATCH // accumulate, "accumulate": accumulate}
    pair.ours.set_params(solver=solver, alpha=alpha, **blocks, **ours)
    pair.fit(PASSES)
    alpha = 0.0 if name == "adamw" else alpha
    pair.train(
        make, PASSES, alpha=alpha, accumulate=accumulate, before=before, after=after, **options
    )


@DTYPES
@pytest.mark.parametrize(("name", "solver"), list(zip(NETWORKS, cycle(SOLVERS), strict=False)))
def test_fifty_steps(name, solver, dtype):
    pair = Pair(*NETWORKS[name], dtype)
    train_both(pair, solver)
    pair.check(TRAINED[dtype])


MIXED = pytest.mark.parametrize(
    ("name", "solver"),
    [("all", "adamw"), ("residual with norm", "sgd"), ("weight norm, one unit", "adam")],
)


@DTYPES
@MIXED
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("samples", [SAMPLES, 25])
def test_batches(name, solver, accumulate, samples, dtype):
    """The last of 25 samples is alone, and joined to the batch before it where rows meet."""
    pair = Pair(*NETWORKS[name], dtype, samples)
    train_both(pair, solver, accumulate)
    pair.check(TRAINED[dtype])


LIMITS = {"all": 1.5, "residual with norm": 0.9, "weight norm, one unit": 0.12}
"""That some gradients are longer than, and some not."""


@DTYPES
@MIXED
@pytest.mark.parametrize("accumulate", [1, 3])
def test_clipping(name, solver, accumulate, dtype):
    norms, limit = [], LIMITS[name]

    def clip(pair):
        norms.append(nn.utils.clip_grad_norm_(pair.theirs.parameters(), limit).item())

    pair = Pair(*NETWORKS[name], dtype)
    train_both(pair, solver, accumulate, alpha=0.0, before=clip, clip_norm=limit)
    pair.check(TRAINED[dtype])
    assert min(norms) < limit < max(norms)


@DTYPES
@MIXED
@pytest.mark.parametrize("accumulate", [1, 3])
def test_averages(name, solver, accumulate, dtype):
    """They average statistics too, as `use_buffers` does, without a share of the first weights."""
    pair = Pair(*NETWORKS[name], dtype)

    def average(mean, part, steps):
        share = (1 - 0.9) / (1 - 0.9 ** (int(steps) + 1))
        return mean + share * (part - mean)

    averaged = swa_utils.AveragedModel(pair.theirs, avg_fn=average, use_buffers=True)

    def add(pair):
        averaged.update_parameters(pair.theirs)

    train_both(pair, solver, accumulate, after=add, ema_decay=0.9)
    pair.check(TRAINED[dtype], averaged.module)


BOUNDED = {
    "hidden": ([Dense(67, "relu", max_norm=0.8), Dense(3, "tanh", max_norm=0.9)], "classes"),
    "residual": ([Residual([BatchNorm(), Dense(COLUMNS, max_norm=0.5)]), PReLU()], "binary"),
    "few outputs": ([Dense(5, "relu"), Dense(3, "softmax", max_norm=0.3)], "few"),
    "many outputs": ([Dense(5, "relu"), Dense(10, "softmax", max_norm=0.3)], "classes"),
}


def bound(pair):
    """Scales what is too long, of each unit, down to the bound."""
    with torch.no_grad():
        for spec, linear in linears(pair.specs, pair.theirs):
            if spec.max_norm is not None:
                lengths = linear.weight.norm(dim=1, keepdim=True)
                linear.weight *= (spec.max_norm / lengths).clamp(max=1)


@DTYPES
@pytest.mark.parametrize(("name", "solver"), list(zip(BOUNDED, cycle(SOLVERS), strict=False)))
@pytest.mark.parametrize("accumulate", [1, 3])
def test_bounds(name, solver, accumulate, dtype):
    pair = Pair(*BOUNDED[name], dtype)
    train_both(pair, solver, accumulate, after=bound)
    pair.check(TRAINED[dtype])


def test_loss_curve_of_a_small_network():
    """2-4-1 by gradient descent, a hundred passes of one batch, by the defaults of both."""
    random = np.random.RandomState(0)
    X = random.normal(size=(200, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    ours = NetworkClassifier(
        [Dense(4, "relu")], solver=SGD(), learning_rate_init=0.01, batch_size=len(X), tol=1e-300,
        n_iter_no_change=np.inf, max_iter=100, shuffle=False, warm_start=True, random_state=0,
    ).initialize(X, y)  # fmt: skip
    first, second = nn.Linear(2, 4, dtype=torch.float64), nn.Linear(4, 1, dtype=torch.float64)
    theirs = nn.Sequential(first, nn.ReLU(), second)
    pairs = [[part.detach().numpy().T for part in layer.parameters()] for layer in (first, second)]
    ours.set_weights(pairs)
    judge, expected = torch.optim.SGD(theirs.parameters(), lr=0.01), []
    data, targets = torch.from_numpy(X), torch.from_numpy(y)[:, None].double()
    for _ in range(100):
        judge.zero_grad()
        loss = F.binary_cross_entropy_with_logits(theirs(data), targets)
        loss.backward()
        judge.step()
        expected.append(loss.item())
    with pytest.warns(ConvergenceWarning):
        ours.fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "activation", "tolerance"), [("float64", "relu", 1e-9), ("float32", "tanh", 1e-4)]
)
def test_losses_of_a_large_network(dtype, activation, tolerance):
    """784-256-128-10 by Adam over 200 batches of images that are made up.

    In float32 the activation is a smooth one: beside a kink rounding decides about a gradient.
    """
    random = np.random.RandomState(0)
    y = random.randint(10, size=6400)
    X = (random.uniform(size=(10, 784))[y] * random.uniform(size=(6400, 784))).astype(dtype)
    ours = NetworkClassifier(
        [Dense(256, activation), Dense(128, activation)],
        solver=Adam(),
        batch_size=32,
        random_state=0,
    ).initialize(X, y)
    specs = [*ours.layers_, Dense(10)]
    theirs = sequence_of(specs, 784).to(getattr(torch, dtype))
    write(specs, theirs, ours.get_weights())
    judge, expected, found = torch.optim.Adam(theirs.parameters()), [], []
    for start in range(0, 6400, 32):
        rows = slice(start, start + 32)
        judge.zero_grad()
        loss = F.cross_entropy(theirs(torch.from_numpy(X[rows])), torch.from_numpy(y[rows]))
        loss.backward()
        judge.step()
        expected.append(loss.item())
        found.append(ours.partial_fit(X[rows], y[rows]).loss_)
    assert expected[-1] < 0.1 * expected[0]
    np.testing.assert_allclose(found, expected, rtol=tolerance)

"""Networks that end in sequences or images against PyTorch: fifty steps of training."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.parity import fit_quietly
from oracles.torch_layers import read, sequence_of, write
from running.nested_weights import flat, leaves
from torch.nn import functional as F

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import GRU, LSTM, BatchNorm, Conv1D, Conv2D, Dense
from fusednn.losses import Huber
from fusednn.optimizers import SGD, Adam

pytestmark = pytest.mark.peers
torch.set_num_threads(1)
SAMPLES, BATCH, PASSES = 40, 16, 17
BLUNT = 1e-3
"""Adam's epsilon: gradients that are but rounding make no steps."""
TOLERANCE = {"float64": 1e-9, "float32": 2e-4}


def squares(z, t):
    """The gradient is that of the sum over targets."""
    return ((z - t) ** 2).sum(dim=-1) / 2


def huber(z, t):
    return F.huber_loss(z, t, delta=0.5, reduction="none").sum(dim=-1)


def crosses(z, t):
    return F.cross_entropy(z, t.long(), reduction="none")


def logistic(z, t):
    return F.binary_cross_entropy_with_logits(z[:, 0], t, reduction="none")


CASES = {  # layers, axes of X, shape of a sample's targets, classes or a loss, PyTorch's
    "steps' classes": (
        [LSTM(9, return_sequences=True), Dense(5, "tanh")],
        (7, 3),
        (7,),
        3,
        crosses,
    ),
    "steps' values": (
        [GRU(4, return_sequences=True, bidirectional=True), Dense(5, "relu")],
        *((7, 3), (7, 2), "squared_error", squares),
    ),
    "fewer steps": (
        [Conv1D(6, 3, "relu", padding="valid"), Conv1D(17, 3, "tanh", padding="causal")],
        *((7, 3), (5,), 2, logistic),
    ),
    "pixels": (
        [Conv2D(4, 3), BatchNorm(), Conv2D(5, 3, "tanh")],
        (4, 3),
        (4, 3),
        Huber(0.5),
        huber,
    ),
}
WEIGHTS = {
    "equal": lambda random, shape: None,
    "of samples": lambda random, shape: random.uniform(0.5, 2, size=SAMPLES),
    "of rows": lambda random, shape: random.uniform(-1, 2, size=shape).clip(0),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", CASES)
def test_fifty_steps(name, weights, dtype):
    specs, axes, shape, kind, losses = CASES[name]
    random = np.random.RandomState(0)
    X = random.normal(size=(SAMPLES, *axes)).astype(dtype)
    classes = isinstance(kind, int)
    y = random.randint(kind, size=(SAMPLES, *shape)) if classes else random.normal(
        size=(SAMPLES, *shape)
    )  # fmt: skip
    rows = y.shape[:1] + shape[: 1 + (name == "pixels")]
    weight = WEIGHTS[weights](random, rows)
    solver = Adam(epsilon=BLUNT) if name == "steps' classes" else SGD(0.9)
    options = {"batch_size": BATCH, "max_iter": PASSES, "shuffle": False, "solver": solver}
    options |= {"learning_rate_init": 0.05, "tol": 0.0, "dtype": dtype, "n_iter_no_change": np.inf}
    model = (
        NetworkClassifier(specs, warm_start=True, random_state=0, **options)
        if classes
        else NetworkRegressor(specs, warm_start=True, random_state=0, loss=kind, **options)
    )
    model.initialize(X, y)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        all_specs = [*specs, Dense(model.n_outputs_)]
        inputs = X[..., np.newaxis] if name == "pixels" else X
        sequence = sequence_of(all_specs, *inputs.shape[1:])
        with torch.no_grad():
            write(all_specs, sequence, model.get_weights())
        sequence.train()
        fit_quietly(model, X, y, sample_weight=weight)
        train(sequence, inputs, y, np.ones(rows) if weight is None else weight, losses, solver)
    finally:
        torch.set_default_dtype(torch.float32)
    found = flat(leaves(model.get_weights()))
    expected = flat([one.numpy() for one in leaves(read(all_specs, sequence))])
    bound = TOLERANCE[dtype] * max(1, abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def train(sequence, X, y, weight, losses, solver):
    """The same batches; the loss of a batch is the mean over its rows."""
    parameters = list(sequence.parameters())
    step = (
        torch.optim.Adam(parameters, lr=0.05, eps=BLUNT)
        if isinstance(solver, Adam)
        else torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    )
    for _ in range(PASSES):
        for first in range(0, SAMPLES, BATCH):
            some = slice(first, first + BATCH)
            z = sequence(torch.from_numpy(X[some])).flatten(0, -2)
            t, w = y[some], weight[some]
            w = w.reshape(len(w), -1) * np.ones((len(t), len(z) // len(t)))
            t = t.reshape(len(z), -1) if losses in (squares, huber) else t.reshape(-1)
            t, w = (torch.from_numpy(one.astype(X.dtype)) for one in (t, w.ravel()))
            step.zero_grad()
            ((losses(z, t) * w).sum() / w.sum()).backward()
            step.step()

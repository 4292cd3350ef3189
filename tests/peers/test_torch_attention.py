"""Attention against PyTorch's own modules: answers, gradients, training, weights both ways."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.parity import fit_quietly
from oracles.torch_attention import rotated
from oracles.torch_layers import gradient_of, read, sequence_of, write
from running.nested_weights import flat, leaves
from torch import nn

from fusednn import NetworkRegressor, export_torch, import_torch
from fusednn.layers import (
    Conv1D,
    Dense,
    Flatten,
    GlobalAvgPool,
    MultiHeadAttention,
    PositionalEncoding,
    Residual,
    TransformerBlock,
)
from fusednn.optimizers import SGD

pytestmark = pytest.mark.peers
torch.set_num_threads(1)
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE)
LISTS = {  # layers, and steps, which fill whole panels or not
    "encoder": ([Dense(32), PositionalEncoding(), TransformerBlock(4), GlobalAvgPool()], 40),
    "decoder": (
        [
            *(PositionalEncoding("rotary"), Dense(24)),
            TransformerBlock(2, 17, "swiglu", True, kv_heads=1, norm="rms", bias=False),
            *(TransformerBlock(4, 9, "relu", True, norm_first=False), Flatten()),
        ],
        37,
    ),
    "long": ([Dense(6), Residual([MultiHeadAttention(3, True)]), GlobalAvgPool()], 530),
}


@pytest.fixture(autouse=True)
def in_float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def pair(name, dtype):
    """A regressor of no steps, the same in PyTorch, X and y."""
    layers, steps = LISTS[name]
    random = np.random.RandomState(0)
    X, y = random.normal(size=(24, steps, 3)), random.normal(size=24)
    if name == "long":
        X, y = X[:5], y[:5]
    ours = NetworkRegressor(
        layers, dtype=dtype, random_state=0, batch_size=8, shuffle=False, alpha=0.0,
        warm_start=True, tol=1e-300, n_iter_no_change=10**6, learning_rate_init=1e-3,
    ).initialize(X, y)  # fmt: skip
    specs = [*layers, Dense(1)]
    theirs = sequence_of(specs, steps, 3)
    write(specs, theirs, ours.get_weights())
    return ours, theirs, specs, X, y


@DTYPES
@pytest.mark.parametrize("name", LISTS)
def test_values_and_all_gradients(name, dtype):
    ours, theirs, specs, X, y = pair(name, dtype)
    x = torch.from_numpy(X).requires_grad_()
    out = theirs(x)[:, 0]
    tolerance = TOLERANCE[dtype]
    expected = out.detach().numpy()
    np.testing.assert_allclose(ours.predict(X), expected, rtol=tolerance, atol=tolerance)
    (((out - torch.from_numpy(y)) ** 2).mean() / 2).backward()
    _, gradient = ours.loss_and_gradient(X, y)
    found = leaves(gradient)
    wanted = [one.numpy() for one in leaves(read(specs, theirs, gradient_of))]
    # biases are sums over 2650 rows whose terms cancel
    scale = max(abs(one).max() for one in wanted) * (10 if name == "long" else 1)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)
    x.grad = None
    theirs(x).sum().backward()
    dx = x.grad.numpy()
    found = ours.input_gradient(X).reshape(X.shape)
    np.testing.assert_allclose(found, dx, rtol=0, atol=tolerance * abs(dx).max())


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_fifty_steps_of_training(name):
    ours, theirs, specs, X, y = pair(name, "float64")
    fit_quietly(ours.set_params(max_iter=17), X, y)
    judge = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    t, x = torch.from_numpy(y), torch.from_numpy(X)
    for _ in range(17):
        for first in range(0, 24, 8):
            rows = slice(first, first + 8)
            judge.zero_grad()
            (((theirs(x[rows])[:, 0] - t[rows]) ** 2).mean() / 2).backward()
            judge.step()
    found = flat(ours.get_weights())
    wanted = flat([one.numpy() for one in leaves(read(specs, theirs))])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_rotary_positions_are_the_formula():
    """PyTorch's twin, written with complex numbers, against angles one by one."""
    x = np.random.RandomState(0).normal(size=(5, 6))
    found = rotated(torch.from_numpy(x), 100.0).numpy()
    for t in range(5):
        for i in range(3):
            angle = t / 100 ** (2 * i / 6)
            a, b = x[t, i], x[t, i + 3]
            assert found[t, i] == pytest.approx(a * np.cos(angle) - b * np.sin(angle))
            assert found[t, i + 3] == pytest.approx(b * np.cos(angle) + a * np.sin(angle))


@DTYPES
def test_dropout_of_weights_by_its_distribution(dtype):
    """The mean of the gradient over many masks, and its deviation, are those of PyTorch."""
    random = np.random.RandomState(1)
    X, y = random.normal(size=(1, 9, 4)), np.array([3.0])
    layers = [MultiHeadAttention(2, dropout=0.4), GlobalAvgPool()]
    options = {"learning_rate_init": 1.0, "max_iter": 1, "alpha": 0.0}
    ours = NetworkRegressor(layers, dtype=dtype, solver=SGD(), random_state=0, **options)
    ours.initialize(X, y)
    start = ours.get_weights()
    found = []
    for seed in range(300):
        ours.set_params(random_state=seed, warm_start=True)
        ours.set_weights(start)
        fit_quietly(ours, X, y)
        found.append(flat(start) - flat(ours.get_weights()))
    theirs = nn.MultiheadAttention(4, 2, dropout=0.4, batch_first=True).train()
    head = nn.Linear(4, 1)
    ours.set_weights(start)
    state = {
        key: torch.from_numpy(np.asarray(one, float)) for key, one in export_torch(ours).items()
    }
    theirs.load_state_dict({key[2:]: one for key, one in state.items() if key[0] == "0"})
    head.load_state_dict({key.split(".")[1]: one for key, one in state.items() if key[0] != "0"})
    torch.manual_seed(0)
    wanted, x = [], torch.from_numpy(X)
    for _ in range(3000):
        theirs.zero_grad()
        head.zero_grad()
        out = head(theirs(x, x, x, need_weights=False)[0].mean(dim=1))
        ((out[0, 0] - 3.0) ** 2 / 2).backward()
        parts = [theirs.in_proj_weight.grad.T, theirs.in_proj_bias.grad]
        parts += [theirs.out_proj.weight.grad.T, theirs.out_proj.bias.grad]
        parts += [head.weight.grad.T, head.bias.grad]
        wanted.append(np.concatenate([one.numpy().ravel() for one in parts]))
    found, wanted = np.array(found, float), np.array(wanted)
    error = wanted.std(axis=0) / np.sqrt(len(found)) + 1e-6
    assert (abs(found.mean(axis=0) - wanted.mean(axis=0)) < 5 * error).all()
    some = wanted.std(axis=0) > 1e-3
    ratio = found.std(axis=0)[some] / wanted.std(axis=0)[some]
    assert (abs(ratio - 1) < 0.35).all()


class Attention(nn.MultiheadAttention):
    """Attention of a series to itself."""

    def __init__(self, *sizes, causal=False, **options):
        super().__init__(*sizes, batch_first=True, **options)
        self.causal = causal

    def forward(self, x):
        steps = x.shape[1]
        mask = torch.triu(torch.ones(steps, steps, dtype=bool), 1) if self.causal else None
        return super().forward(x, x, x, attn_mask=mask, need_weights=False)[0]


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(dim=1)


class Turn(nn.Module):
    def forward(self, x):
        return x.movedim(1, 2)


def block(width, *sizes, **options):
    return nn.TransformerEncoderLayer(width, *sizes, dropout=0.0, batch_first=True, **options)


OWN = {
    "attention": (
        [Dense(8), MultiHeadAttention(2), MultiHeadAttention(4, True, bias=False), Flatten()],
        lambda: [
            *(nn.Linear(3, 8), Attention(8, 2), Attention(8, 4, causal=True, bias=False)),
            nn.Flatten(),
            nn.Linear(11 * 8, 1),
        ],
    ),
    "norms first": (
        [Dense(8), TransformerBlock(2, 5), TransformerBlock(2), GlobalAvgPool()],
        lambda: [
            nn.Linear(3, 8),
            *(block(8, 2, n, activation="gelu", norm_first=True) for n in (5, 32)),
            *(Mean(), nn.Linear(8, 1)),
        ],
    ),
    "norms last, behind a convolution": (
        [Conv1D(8, 3), TransformerBlock(4, 6, "relu", norm_first=False), Flatten()],
        lambda: [
            *(Turn(), nn.Conv1d(3, 8, 3, padding="same"), Turn(), block(8, 4, 6)),
            *(nn.Flatten(), nn.Linear(11 * 8, 1)),
        ],
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_weights_from_and_to_the_own_modules_of_pytorch(name):
    layers, make = OWN[name]
    torch.manual_seed(0)
    module = nn.Sequential(*make()).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    random = np.random.RandomState(0)
    X, y = random.normal(size=(10, 11, 3)), random.normal(size=10)
    model = NetworkRegressor(layers, dtype="float64").initialize(X, y)
    import_torch(model, module.state_dict())
    expected = module(torch.from_numpy(X))[:, 0].detach().numpy()
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-9, atol=1e-11)
    state = export_torch(model, module.state_dict())
    assert list(state) == list(module.state_dict())
    for key, array in state.items():
        np.testing.assert_allclose(array, module.state_dict()[key].numpy(), rtol=0, atol=1e-15)

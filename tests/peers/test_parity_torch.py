"""PyTorch as judge: gradients by its autograd, trajectories by its optimizers, its maths."""

import warnings

import numpy as np
import pytest
from cases import peer_cases

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.torch_network import TorchNetwork
from running.sessions import train
from torch.nn import functional as F

from fusednn import MLPClassifier
from fusednn.plan.training import Rule

pytestmark = pytest.mark.peers
torch.set_num_threads(1)

STEPS = 50
TINY = 1e-30
"""Adam's epsilon, which PyTorch adds to the corrected root; too small to be seen."""

FUNCTIONS = {
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: -F.logsigmoid(-x),
    "normal_cdf": lambda x: torch.special.erfc(-x / 2**0.5) / 2,
}

OPTIMIZERS = {
    "sgd": (Rule("sgd", (0.0,)), torch.optim.SGD, {}),
    "momentum": (Rule("sgd", (0.9,)), torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (
        Rule("nesterov", (0.9,)), torch.optim.SGD, {"momentum": 0.9, "nesterov": True},
    ),
    "adam": (
        Rule("adam", (0.9, 0.999, TINY)), torch.optim.Adam, {"betas": (0.9, 0.999), "eps": TINY},
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", peer_cases.TOLERANCE)
@pytest.mark.parametrize(("activation", "loss"), peer_cases.NETWORKS)
def test_gradient(activation, loss, dtype):
    def theirs(X, t, coefs, intercepts):
        network = TorchNetwork(activation, loss, coefs, intercepts)
        value = network.objective(X, t, peer_cases.L2)
        value.backward()
        groups = network.coefs, network.intercepts
        return value.item(), *([part.grad.numpy() for part in group] for group in groups)

    peer_cases.check_gradient(activation, loss, dtype, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.4])
def test_trajectory(name, dtype, decay):
    """Fifty steps on all samples; weights decay, intercepts do not."""
    rule, optimizer, options = OPTIMIZERS[name]
    X, t, parameters = peer_cases.problem("softmax", dtype)
    rate = 0.005 if name == "adam" else 0.05
    steps = np.arange(1, STEPS + 1)
    rates = np.full(STEPS, rate)
    if name == "adam":  # both bias corrections are in the rate
        rates *= np.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
    losses, *ours = train(
        X, t, parameters, loss="softmax", rule=rule, l2=decay, passes=STEPS, rate=rates
    )
    network = TorchNetwork("tanh", "softmax", *parameters)
    groups = [
        {"params": network.coefs, "weight_decay": decay / len(X)},
        {"params": network.intercepts},
    ]
    judge = optimizer(groups, lr=rate, **options)
    expected = []
    for _ in range(STEPS):
        judge.zero_grad()
        value = network.objective(X, t)
        value.backward()
        judge.step()
        expected.append(value.item())
    tolerance = 1e-3 if dtype == "float32" else 1e-9
    if not decay:
        np.testing.assert_allclose(losses, expected, rtol=tolerance)
    for one, other in zip(ours, network.arrays(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * abs(other).max())


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_estimator_trajectory(solver):
    """Mini-batches in order, through the estimator; the last one is smaller."""
    X, t, _ = peer_cases.problem("softmax", "float64")
    options = {"momentum": 0.9, "nesterovs_momentum": True, "epsilon": TINY, "alpha": 0.01}
    ours = MLPClassifier(
        (6,), activation="relu", solver=solver, batch_size=12, shuffle=False, warm_start=True,
        learning_rate_init=1e-300, max_iter=1, random_state=0, tol=0, **options,
    )  # fmt: skip

    def fit(**changes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours.set_params(**changes).fit(X, t[:, 0].astype(int))

    fit()  # the initial weights: the rate is too small to move them
    network = TorchNetwork("relu", "softmax", ours.coefs_, ours.intercepts_)
    fit(learning_rate_init=0.005, max_iter=STEPS // 3)
    groups = [{"params": network.coefs}, {"params": network.intercepts}]
    _, optimizer, kwargs = OPTIMIZERS["adam" if solver == "adam" else "nesterov"]
    judge = optimizer(groups, lr=0.005, **kwargs)
    for start in [*range(0, len(X), 12)] * (STEPS // 3):
        rows = slice(start, start + 12)
        groups[0]["weight_decay"] = 0.01 / len(X[rows])
        judge.param_groups[0]["weight_decay"] = 0.01 / len(X[rows])
        judge.zero_grad()
        network.objective(X[rows], t[rows]).backward()
        judge.step()
    for one, other in zip((*ours.coefs_, *ours.intercepts_), network.arrays(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", peer_cases.FUNCTIONS)
def test_function(name, dtype):
    peer_cases.check_function(name, dtype, lambda x: FUNCTIONS[name](torch.from_numpy(x)))

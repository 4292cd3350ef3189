"""PyTorch as judge: gradients by its autograd, trajectories by its optimizers, its maths."""

import warnings

import numpy as np
import peer_cases
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from sessions import train  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from fusednn import MLPClassifier  # noqa: E402
from fusednn.plan.training import Rule  # noqa: E402

pytestmark = pytest.mark.peers
torch.set_num_threads(1)

STEPS = 50
TINY = 1e-30
"""Adam's epsilon, which PyTorch adds to the corrected root; too small to be seen."""

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
}


def logistic_smoothed(z, t):
    """Binary, by the judge's multiclass form: the two classes' logits are 0 and z."""
    logits = torch.stack([torch.zeros_like(z), z], dim=-1).reshape(-1, 2)
    shares = torch.stack([1 - t, t], dim=-1).reshape(-1, 2)
    return F.cross_entropy(logits, shares, label_smoothing=0.1, reduction="sum")


def sigmoid_focal(z, t, gamma=2.0):
    """torchvision.ops.sigmoid_focal_loss with alpha=-1."""
    p = torch.sigmoid(z)
    entropy = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    p_t = p * t + (1 - p) * (1 - t)
    return (entropy * (1 - p_t) ** gamma).sum()


def softmax_focal(z, t, gamma=2.0):
    """Lin et al., "Focal loss for dense object detection", 2017, equation 4."""
    log_p = F.log_softmax(z, dim=1).gather(1, t.long())
    return -((1 - log_p.exp()) ** gamma * log_p).sum()


def log_cosh(z, t):
    return (z - t + F.softplus(-2 * (z - t)) - np.log(2)).sum()


def gaussian(z, t):
    variance = z[:, 1::2].exp()
    return F.gaussian_nll_loss(z[:, ::2], t, variance, eps=1e-6, reduction="sum")


LOSSES = {
    "softmax": lambda z, t: F.cross_entropy(z, t[:, 0].long(), reduction="sum"),
    "logistic": lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="sum"),
    "squared_error": lambda z, t: F.mse_loss(z, t, reduction="sum") / 2,
    "poisson": lambda z, t: (
        F.poisson_nll_loss(z, t, reduction="sum") + (torch.xlogy(t, t) - t).sum()
    ),
    "softmax_smoothed": lambda z, t: F.cross_entropy(
        z, t[:, 0].long(), label_smoothing=0.1, reduction="sum"
    ),
    "logistic_smoothed": logistic_smoothed,
    "softmax_focal": softmax_focal,
    "logistic_focal": sigmoid_focal,
    "gamma": lambda z, t: (z - t.log() + t * torch.exp(-z) - 1).sum(),
    "absolute_error": lambda z, t: F.l1_loss(z, t, reduction="sum"),
    "huber": lambda z, t: F.huber_loss(z, t, reduction="sum", delta=1.0),
    "log_cosh": log_cosh,
    "quantile": lambda z, t: torch.maximum(0.5 * (t - z), -0.5 * (t - z)).sum(),
    "gaussian": gaussian,
}
FUNCTIONS = {
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: -F.logsigmoid(-x),
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


class TorchNetwork:
    """The same network in PyTorch, from our parameters."""

    def __init__(self, activation, loss, coefs, intercepts):
        self.activation, self.loss = ACTIVATIONS[activation], LOSSES[loss]
        self.coefs, self.intercepts = (
            [torch.from_numpy(part.copy()).requires_grad_() for part in group]
            for group in (coefs, intercepts)
        )

    def objective(self, X, t, l2=0.0):
        """Mean loss of the samples and the L2 term."""
        z = torch.from_numpy(X)
        for layer, (w, b) in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            z = z @ w + b
            z = z if layer == len(self.coefs) - 1 else self.activation(z)
        squares = sum((w**2).sum() for w in self.coefs)
        return (self.loss(z, torch.from_numpy(t)) + l2 / 2 * squares) / len(X)

    def arrays(self):
        return [part.detach().numpy() for part in (*self.coefs, *self.intercepts)]


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

"""PyTorch as judge of losses at the logits, with constants of the user's and large logits."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from cases.dense_networks import dense_network
from torch.nn import functional as F

from fusednn import losses
from fusednn.plan.binding.loss import (
    Target,
    loss_scratch,
    lower_losses,
    outputs_per_target,
)
from fusednn.plan.binding.program import Program
from fusednn.training.threads.team import run_all

pytestmark = pytest.mark.peers
torch.set_num_threads(1)
ROWS, COLUMNS = 57, 3


def smoothed_logistic(z, t, share):
    logits = torch.stack([torch.zeros_like(z), z], dim=-1).reshape(-1, 2)
    entropy = F.cross_entropy(
        logits, t.long().reshape(-1), label_smoothing=share, reduction="none"
    )
    return entropy.reshape(z.shape).sum(1)


def sigmoid_focal(z, t, gamma):
    """torchvision.ops.sigmoid_focal_loss with alpha=-1."""
    p = torch.sigmoid(z)
    entropy = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    return (entropy * (1 - (p * t + (1 - p) * (1 - t))) ** gamma).sum(1)


def softmax_focal(z, t, gamma):
    """Lin et al., "Focal loss for dense object detection", 2017, equation 4."""
    log_p = F.log_softmax(z, dim=1).gather(1, t.long())[:, 0]
    return -((1 - log_p.exp()) ** gamma) * log_p


def pinball(z, t, quantiles):
    d = t[:, :, None] - z.reshape(len(z), -1, len(quantiles))
    q = torch.tensor(quantiles, dtype=z.dtype)
    return torch.maximum(q * d, (q - 1) * d).sum((1, 2))


def gaussian(z, t, eps):
    variance = z[:, 1::2].exp()
    return F.gaussian_nll_loss(z[:, ::2], t, variance, eps=eps, reduction="none").sum(1)


def summed(function, **options):
    return lambda z, t: function(z, t, reduction="none", **options).sum(1)


# name: description or a pair of name and constants, targets, the judge
CASES = {
    "absolute error": (losses.AbsoluteError(), "real", summed(F.l1_loss)),
    "huber 0.3": (losses.Huber(0.3), "real", summed(F.huber_loss, delta=0.3)),
    "huber 4": (losses.Huber(4.0), "real", summed(F.huber_loss, delta=4.0)),
    "poisson": (
        losses.Poisson(),
        "positive",
        lambda z, t: (F.poisson_nll_loss(z, t, reduction="none") + torch.xlogy(t, t) - t).sum(1),
    ),
    "one quantile": (losses.Quantile((0.2,)), "real", lambda z, t: pinball(z, t, [0.2])),
    "quantiles": (
        losses.Quantile((0.05, 0.5, 0.9)), "real", lambda z, t: pinball(z, t, [0.05, 0.5, 0.9])
    ),
    "gaussian": (losses.Gaussian(), "real", lambda z, t: gaussian(z, t, 1e-6)),
    "gaussian, a large least variance": (
        losses.Gaussian(0.5), "real", lambda z, t: gaussian(z, t, 0.5)
    ),
    "smoothed softmax": (
        losses.CrossEntropy(0.3).lowered("softmax"),
        "class",
        lambda z, t: F.cross_entropy(z, t[:, 0].long(), label_smoothing=0.3, reduction="none"),
    ),
    "smoothed logistic": (
        losses.CrossEntropy(0.3).lowered("logistic"),
        "binary",
        lambda z, t: smoothed_logistic(z, t, 0.3),
    ),
    "focal softmax": (
        losses.Focal(1.5).lowered("softmax"), "class", lambda z, t: softmax_focal(z, t, 1.5)
    ),
    "focal logistic": (
        losses.Focal(1.5).lowered("logistic"), "binary", lambda z, t: sigmoid_focal(z, t, 1.5)
    ),
}  # fmt: skip


def targets(kind, random):
    if kind == "class":
        return random.randint(COLUMNS, size=(ROWS, 1))
    if kind == "binary":
        return random.randint(2, size=(ROWS, COLUMNS))
    t = 3 * random.normal(size=(ROWS, COLUMNS))
    return abs(t) + 0.1 if kind == "positive" else t


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-9)])
@pytest.mark.parametrize("scale", [0.1, 2.0, 12.0])
@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name, scale, dtype, tolerance):
    loss, kind, judge = CASES[name]
    lowered, constants = loss if isinstance(loss, tuple) else loss.lowered()
    random = np.random.RandomState(3)
    t = targets(kind, random).astype(dtype)
    width = COLUMNS * outputs_per_target(dense_network([1, 1], "relu", lowered, (), constants))
    network = dense_network([1, width], "relu", lowered, (), constants)
    z = random.normal(scale=scale, size=(ROWS, width)).astype(dtype)
    judged = torch.from_numpy(z.copy()).requires_grad_()
    expected = judge(judged, torch.from_numpy(t))
    expected.sum().backward()
    program = Program(z.dtype, 1, loss_scratch(width))
    values = lower_losses(program, network, Target(t, None), z)
    run_all(program)  # z becomes the gradient
    expected, gradient = expected.detach().numpy(), judged.grad.numpy()
    np.testing.assert_allclose(values[0], expected, rtol=0, atol=tolerance * abs(expected).max())
    np.testing.assert_allclose(z, gradient, rtol=0, atol=tolerance * abs(gradient).max())

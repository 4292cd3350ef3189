"""The networks of the tests in PyTorch."""

import numpy as np
import torch
from torch.nn import functional as F

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "softplus": F.softplus,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "hard_swish": F.hardswish,
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

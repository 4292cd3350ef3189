"""The networks of the tests in PyTorch."""

import torch
from torch.nn import functional as F

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
}
LOSSES = {
    "softmax": lambda z, t: F.cross_entropy(z, t[:, 0].long(), reduction="sum"),
    "logistic": lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="sum"),
    "squared_error": lambda z, t: F.mse_loss(z, t, reduction="sum") / 2,
    "poisson": lambda z, t: (
        F.poisson_nll_loss(z, t, reduction="sum") + (torch.xlogy(t, t) - t).sum()
    ),
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

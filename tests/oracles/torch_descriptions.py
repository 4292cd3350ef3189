"""Our descriptions of optimizers and losses as PyTorch has them."""

import torch
from oracles import torch_network
from torch import optim
from torch.nn import functional as F

from fusednn import losses
from fusednn.optimizers import SGD, Adagrad, Adam, AdamW, NAdam, RMSprop

CLASSES = {
    SGD: optim.SGD,
    RMSprop: optim.RMSprop,
    Adagrad: optim.Adagrad,
    Adam: optim.Adam,
    AdamW: optim.AdamW,
    NAdam: optim.NAdam,
}


def twin_of(solver):
    """PyTorch's class and its options, or None where it has none, as of Lion."""
    if type(solver) not in CLASSES:
        return None
    options = {}
    for name in ("momentum", "nesterov", "alpha", "amsgrad", "weight_decay", "momentum_decay"):
        if hasattr(solver, name):
            options[name] = getattr(solver, name)
    if hasattr(solver, "epsilon"):
        options["eps"] = solver.epsilon
    if hasattr(solver, "beta_1"):
        options["betas"] = solver.beta_1, solver.beta_2
    return CLASSES[type(solver)], options


def pinball(z, t, quantiles):
    """Summed over samples, targets and quantiles; t (B, C) and z (B, C * quantiles)."""
    d = t[:, :, None] - z.reshape(len(z), -1, len(quantiles))
    q = torch.tensor(quantiles, dtype=z.dtype)
    return torch.maximum(q * d, (q - 1) * d).sum()


def gaussian(z, t, eps):
    """Without the constant; `eps` is the least variance."""
    return F.gaussian_nll_loss(z[:, ::2], t, z[:, 1::2].exp(), eps=eps, reduction="sum")


LOSS_TWINS = {
    losses.CrossEntropy: lambda loss: (
        lambda z, t: F.cross_entropy(z, t, label_smoothing=loss.label_smoothing, reduction="sum")
    ),
    losses.Focal: lambda loss: lambda z, t: torch_network.softmax_focal(z, t[:, None], loss.gamma),
    losses.SquaredError: lambda _: torch_network.LOSSES["squared_error"],
    losses.AbsoluteError: lambda _: torch_network.LOSSES["absolute_error"],
    losses.Huber: lambda loss: lambda z, t: F.huber_loss(z, t, delta=loss.delta, reduction="sum"),
    losses.LogCosh: lambda _: torch_network.log_cosh,
    losses.Poisson: lambda _: torch_network.LOSSES["poisson"],
    losses.Gamma: lambda _: torch_network.LOSSES["gamma"],
    losses.Quantile: lambda loss: lambda z, t: pinball(z, t, loss.quantiles),
    losses.Gaussian: lambda loss: lambda z, t: gaussian(z, t, loss.eps),
}
"""From a description to a function of logits and targets, summed over the samples."""

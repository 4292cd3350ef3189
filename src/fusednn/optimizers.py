"""Descriptions of optimizers for `solver=` of the estimators: PyTorch's, by its defaults.

    MLPClassifier(solver=AdamW(weight_decay=0.1), learning_rate_init=3e-4)

An optimizer's rate is the estimator's `learning_rate_init`. Here g is the gradient, d = g + l2 w
the same with the L2 term (the estimator's `alpha` over the samples of the batch; biases have
none), and t counts steps from 1. Optimizers with a `weight_decay` of their own take
rate * weight_decay * w from the weights instead, and `alpha` is not used. States begin at zero.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite
from numbers import Real

__all__ = [
    "NAMED",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RMSprop",
]

_BELOW_ONE = "alpha", "beta_1", "beta_2", "momentum"
SMALLEST_EPSILON = 1e-37
"""That a float32 network does not lose."""


@dataclass(frozen=True)
class Optimizer:
    """What all descriptions are; not used directly."""

    def __post_init__(self) -> None:
        if type(self) is Optimizer:
            raise TypeError("Optimizer is the base of the optimizers and none itself.")
        for field in fields(self):
            _check(f"{field.name} of {type(self).__name__}", field.name, getattr(self, field.name))

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        """The name of its step in the kernels' table, and the constants that the step reads."""
        constants = [getattr(self, field.name) for field in fields(self)]
        return type(self).__name__.lower(), tuple(map(float, constants))


def _check(what: str, name: str, value) -> None:
    if name in ("nesterov", "amsgrad"):
        if value not in (True, False):
            raise ValueError(f"{what} must be True or False, got {value!r}.")
        return
    if not isinstance(value, Real) or not isfinite(value):
        raise ValueError(f"{what} must be a finite number, got {value!r}.")
    number = float(value)
    if name in _BELOW_ONE and not 0 <= number < 1:
        raise ValueError(f"{what} must be in [0, 1), got {value!r}.")
    if name == "epsilon" and number < SMALLEST_EPSILON:
        raise ValueError(f"{what} must be at least {SMALLEST_EPSILON}, got {value!r}.")
    if number < 0:
        raise ValueError(f"{what} must not be negative, got {value!r}.")


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, with Polyak's or Nesterov's momentum.

        v = momentum v + d
        w = w - rate v                          or, with `nesterov`,
        w = w - rate (d + momentum v)

    The rate is outside the velocity v; in scikit-learn's form, `solver="sgd"`, it is inside, which
    differs where the rate changes from step to step.

    Parameters
    ----------
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False
        Needs a momentum.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning", ICML 2013; as `torch.optim.SGD` writes it.
    """

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov of SGD needs a momentum above 0.")

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        return "polyak_nesterov" if self.nesterov else "polyak", (self.momentum,)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squares.

        v = alpha v + (1 - alpha) d^2
        w = w - rate d / (sqrt(v) + epsilon)

    Parameters
    ----------
    alpha : float, default=0.99
        Decay of the mean, in [0, 1).
    epsilon : float, default=1e-8

    References
    ----------
    Tieleman and Hinton, lecture 6e of "Neural networks for machine learning", 2012; without
    momentum and centring, as `torch.optim.RMSprop` is by default.
    """

    alpha: float = 0.99
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squares.

        v = v + d^2
        w = w - rate d / (sqrt(v) + epsilon)

    Parameters
    ----------
    epsilon : float, default=1e-10

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011; as `torch.optim.Adagrad` is by default.
    """

    epsilon: float = 1e-10


@dataclass(frozen=True)
class Adam(Optimizer):
    """Running means of the gradient and of its square, corrected for their bias to zero.

        m = beta_1 m + (1 - beta_1) d
        v = beta_2 v + (1 - beta_2) d^2         with `amsgrad` its largest value is taken below
        w = w - rate m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    `solver="adam"` is scikit-learn's form, which adds epsilon to sqrt(v).

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the means, in [0, 1).
    epsilon : float, default=1e-8
    amsgrad : bool, default=False

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", arXiv:1412.6980, algorithm 1.
    Reddi, Kale and Kumar, "On the convergence of Adam and beyond", ICLR 2018 (`amsgrad`); with
    the bias corrections of `torch.optim.Adam`.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    amsgrad: bool = False

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        constants = self.beta_1, self.beta_2, self.epsilon
        return "amsgrad" if self.amsgrad else "adam", constants


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled decay of the weights.

        w = w - rate weight_decay w
        then as `Adam`, with g in the place of d

    The estimator's `alpha` is not used, and its loss has no L2 term.

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the means, in [0, 1).
    epsilon : float, default=1e-8
    weight_decay : float, default=0.01
        Of weights; biases do not decay.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2;
    as `torch.optim.AdamW` writes it.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        return "adamw", (self.beta_1, self.beta_2, self.epsilon)


@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam with Nesterov's momentum.

        mu_t = beta_1 (1 - 0.96^(t momentum_decay) / 2)
        m, v as `Adam`
        w = w - rate ((1 - mu_t) d / (1 - mu_1 ... mu_t) + mu_t+1 m / (1 - mu_1 ... mu_t+1))
                / (sqrt(v / (1 - beta_2^t)) + epsilon)

    PyTorch's default rate is 0.002.

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the means, in [0, 1).
    epsilon : float, default=1e-8
    momentum_decay : float, default=0.004
        How soon the momentum mu grows to beta_1.

    References
    ----------
    Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop; as `torch.optim.NAdam`
    writes it.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 0.004

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        return "nadam", (self.beta_1, self.beta_2, self.epsilon)


@dataclass(frozen=True)
class Lion(Optimizer):
    """Steps of one size: the sign of a momentum.

        w = w - rate weight_decay w - rate sign(beta_1 m + (1 - beta_1) g)
        m = beta_2 m + (1 - beta_2) g

    The sign of 0 is 0. The paper recommends rates 3 to 10 times smaller than AdamW's, and
    `weight_decay` as many times larger. The estimator's `alpha` is not used, and its loss has no
    L2 term.

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.99
        Weights of the momentum in the step and in the next momentum, in [0, 1).
    weight_decay : float, default=0.0
        Of weights; biases do not decay.

    References
    ----------
    Chen et al., "Symbolic discovery of optimization algorithms", arXiv:2302.06675, algorithm 2.
    """

    beta_1: float = 0.9
    beta_2: float = 0.99
    weight_decay: float = 0.0

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        return "lion", (self.beta_1, self.beta_2)


NAMED: dict[str, Optimizer] = {
    "rmsprop": RMSprop(),
    "adagrad": Adagrad(),
    "amsgrad": Adam(amsgrad=True),
    "adamw": AdamW(),
    "nadam": NAdam(),
    "lion": Lion(),
}
"""Names that `solver=` takes for them, besides scikit-learn's."""

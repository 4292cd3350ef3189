"""Optimizers: values of the estimators' parameter `solver`, with PyTorch's formulas and defaults.

The learning rate is the estimator's `learning_rate_init`, times the factor of its schedule.

In the formulas w is a weight and g its gradient. d = g + l2 w is the gradient with the L2 term:
l2 is the estimator's `alpha` divided by the number of samples in the batch, and 0 for biases.
Optimizers with a `weight_decay` subtract rate * weight_decay * w from the weights instead, and
ignore `alpha`. Steps are counted from t = 1. All state (m, v) is zero at first.

Examples
--------
>>> from fusednn import MLPClassifier
>>> from fusednn.optimizers import AdamW
>>> model = MLPClassifier(solver=AdamW(weight_decay=0.1), learning_rate_init=3e-4)
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
"""Smaller ones would be 0 or inexact in a float32 network."""


@dataclass(frozen=True)
class Optimizer:
    """Base class of the optimizers; not for direct use.

    Optimizers are immutable, hashable and compare by value. They refuse invalid constants.

    Examples
    --------
    >>> from fusednn.optimizers import SGD
    >>> SGD(momentum=0.9)
    SGD(momentum=0.9, nesterov=False)
    >>> SGD(momentum=0.9) == SGD(0.9)
    True
    >>> SGD(momentum=1.5)
    Traceback (most recent call last):
    ValueError: momentum of SGD must be in [0, 1), got 1.5.
    """

    def __post_init__(self) -> None:
        if type(self) is Optimizer:
            raise TypeError("Optimizer is a base class: use one of its subclasses.")
        for field in fields(self):
            _check(f"{field.name} of {type(self).__name__}", field.name, getattr(self, field.name))

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        """Returns the key of the step in `kernels.optimizers.OPTIMIZERS`, and its constants."""
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

    The rate multiplies the velocity v. scikit-learn's `solver="sgd"` puts the rate into the
    velocity, which differs when the rate changes.

    Parameters
    ----------
    momentum : float, default=0.0
        In [0, 1).
    nesterov : bool, default=False
        Whether to use Nesterov's form; requires a positive momentum.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning", ICML 2013; the formulas are those of `torch.optim.SGD`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, optimizers
    >>> X, y = load_iris(return_X_y=True)
    >>> sgd = optimizers.SGD(momentum=0.9, nesterov=True)
    >>> model = MLPClassifier([16], solver=sgd, learning_rate_init=0.1, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
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
    """Divides each gradient by the root of a running mean of its squares.

        v = alpha v + (1 - alpha) d^2
        w = w - rate d / (sqrt(v) + epsilon)

    Parameters
    ----------
    alpha : float, default=0.99
        Decay of the mean, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root, at least 1e-37.

    References
    ----------
    Tieleman and Hinton, lecture 6e of "Neural networks for machine learning", 2012; the formulas
    are those of `torch.optim.RMSprop` without momentum and centring.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, optimizers
    >>> X, y = load_iris(return_X_y=True)
    >>> solver = optimizers.RMSprop(alpha=0.9)
    >>> model = MLPClassifier([16], solver=solver, learning_rate_init=0.05, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
    """

    alpha: float = 0.99
    epsilon: float = 1e-8


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Divides each gradient by the root of the sum of all its squares so far.

        v = v + d^2
        w = w - rate d / (sqrt(v) + epsilon)

    Parameters
    ----------
    epsilon : float, default=1e-10
        Added to the root, at least 1e-37.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011; the formulas are those of `torch.optim.Adagrad`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, optimizers
    >>> X, y = load_iris(return_X_y=True)
    >>> solver = optimizers.Adagrad()
    >>> model = MLPClassifier([16], solver=solver, learning_rate_init=0.1, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
    """

    epsilon: float = 1e-10


@dataclass(frozen=True)
class Adam(Optimizer):
    """Divides the running mean of the gradient by the root of the running mean of its squares.

        m = beta_1 m + (1 - beta_1) d
        v = beta_2 v + (1 - beta_2) d^2
        w = w - rate m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    With `amsgrad` the last line uses the largest v so far. scikit-learn's form,
    `MLPClassifier(solver="adam")`, adds epsilon to sqrt(v), before the bias correction.

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the means, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root, at least 1e-37.
    amsgrad : bool, default=False
        Whether to divide by the largest mean of squares so far.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", arXiv:1412.6980, algorithm 1.
    Reddi, Kale and Kumar, "On the convergence of Adam and beyond", ICLR 2018 (`amsgrad`); with
    the bias corrections of `torch.optim.Adam`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, optimizers
    >>> X, y = load_iris(return_X_y=True)
    >>> solver = optimizers.Adam(beta_2=0.99, amsgrad=True)
    >>> model = MLPClassifier([16], solver=solver, learning_rate_init=0.02, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
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
    """Adam with decoupled weight decay.

        w = w - rate weight_decay w
        then the steps of `Adam`, with g in place of d

    Ignores the estimator's `alpha`; the loss has no L2 term.

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the means, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root, at least 1e-37.
    weight_decay : float, default=0.01
        Decay of the weights, at least 0; biases do not decay.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2;
    the formulas are those of `torch.optim.AdamW`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, optimizers
    >>> X, y = load_iris(return_X_y=True)
    >>> solver = optimizers.AdamW(weight_decay=0.1)
    >>> model = MLPClassifier([16], solver=solver, learning_rate_init=0.02, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
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
        m and v of `Adam`
        w = w - rate ((1 - mu_t) d / (1 - mu_1 ... mu_t) + mu_t+1 m / (1 - mu_1 ... mu_t+1))
                / (sqrt(v / (1 - beta_2^t)) + epsilon)

    PyTorch's default rate is 0.002.

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the means, in [0, 1).
    epsilon : float, default=1e-8
        Added to the root, at least 1e-37.
    momentum_decay : float, default=0.004
        Speed at which the momentum mu grows from about beta_1 / 2 to beta_1, at least 0.

    References
    ----------
    Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop; the formulas are those
    of `torch.optim.NAdam`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, optimizers
    >>> X, y = load_iris(return_X_y=True)
    >>> solver = optimizers.NAdam()
    >>> model = MLPClassifier([16], solver=solver, learning_rate_init=0.02, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 0.004

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        return "nadam", (self.beta_1, self.beta_2, self.epsilon)


@dataclass(frozen=True)
class Lion(Optimizer):
    """Moves each weight by the rate, in the direction of the sign of a momentum.

        w = w - rate weight_decay w - rate sign(beta_1 m + (1 - beta_1) g)
        m = beta_2 m + (1 - beta_2) g

    The sign of 0 is 0. The paper recommends a rate 3 to 10 times smaller than AdamW's, and a
    `weight_decay` larger by the same factor. Ignores the estimator's `alpha`; the loss has no L2
    term.

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.99
        Weights of the old momentum in the step and in the new momentum, in [0, 1).
    weight_decay : float, default=0.0
        Decay of the weights, at least 0; biases do not decay.

    References
    ----------
    Chen et al., "Symbolic discovery of optimization algorithms", arXiv:2302.06675, algorithm 2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, optimizers
    >>> X, y = load_iris(return_X_y=True)
    >>> solver = optimizers.Lion(weight_decay=0.1)
    >>> model = MLPClassifier([16], solver=solver, learning_rate_init=0.01, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
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
"""The names that `solver=` takes besides scikit-learn's, and their descriptions."""

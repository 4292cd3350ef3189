"""Optimizers that divide by the size of past gradients: RMSprop, Adagrad, Adam and its kin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .optimizer import Optimizer

if TYPE_CHECKING:
    from fusednn.schedules import Schedule


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
    decay_schedule : Schedule or None, default=None
        A schedule of `fusednn.schedules`, but `ReduceOnPlateau`, whose factors multiply
        `weight_decay`, besides the rate. RealMLP's is `FlatCosine()`.

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
    decay_schedule: Schedule | None = None

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

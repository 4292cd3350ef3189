"""Optimizers that step along the gradient or its sign: SGD and Lion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .optimizer import Optimizer

if TYPE_CHECKING:
    from fusednn.schedules import Schedule


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
    decay_schedule : Schedule or None, default=None
        As in `AdamW`.

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
    decay_schedule: Schedule | None = None

    def kernel(self) -> tuple[str, tuple[float, ...]]:
        return "lion", (self.beta_1, self.beta_2)

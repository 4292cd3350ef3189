"""Schedules that lower the rate by a factor: every so many steps, each step, or on a plateau."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .powers import powers
from .schedule import Schedule


@dataclass(frozen=True)
class Step(Schedule):
    """Multiplies the rate by `factor` after every `every` steps.

    Parameters
    ----------
    every : int
        At least 1.
    factor : float
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import Step
    >>> Step(every=2, factor=0.5).factors(np.arange(6.0), total=6).tolist()
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    every: int
    factor: float

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        return powers(self.factor, steps // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Multiplies the rate by `factor` after every step.

    Parameters
    ----------
    factor : float
        In [0, 1]; close to 1, since a fit has many steps.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn.schedules import Exponential
    >>> Exponential(0.5).factors(np.arange(4.0), total=4).tolist()
    [1.0, 0.5, 0.25, 0.125]
    """

    factor: float

    def factors(self, steps: np.ndarray, total: int) -> np.ndarray:
        return powers(self.factor, steps)


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Multiplies the rate by `factor` when the training loss stops improving.

    An epoch improves the loss if its training loss is below 0.9999 times the best loss before it.
    After more than `patience` epochs in a row without improvement the schedule reduces the rate
    and counts again from 0.

    Training stops after `n_iter_no_change` epochs without improvement. Choose a larger number than
    `patience`, so that the rate falls before training stops.

    Parameters
    ----------
    factor : float, default=0.1
        In [0, 1].
    patience : int, default=10
        Epochs without improvement that do not reduce the rate, at least 0.

    References
    ----------
    `torch.optim.lr_scheduler.ReduceLROnPlateau`, with its default threshold.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier
    >>> from fusednn.schedules import ReduceOnPlateau
    >>> X, y = load_iris(return_X_y=True)
    >>> rate = ReduceOnPlateau(factor=0.5, patience=5)
    >>> model = MLPClassifier(
    ...     [16], learning_rate=rate, learning_rate_init=0.1, standardize=True, max_iter=1000,
    ...     n_iter_no_change=20, random_state=0
    ... )
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    """

    factor: float = 0.1
    patience: int = 10


def check_of_steps(what: str, value: object) -> None:
    """Raises ValueError unless a value is None or a schedule whose factors follow from the steps.

    Parameters
    ----------
    what : str
        What the value is, for the message.
    value : object
    """
    if value is None:
        return
    if isinstance(value, ReduceOnPlateau) or not isinstance(value, Schedule):
        raise ValueError(f"{what} must be None or a schedule of steps, got {value!r}.")

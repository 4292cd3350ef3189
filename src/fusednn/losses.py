"""Losses that the networks minimise, as values of their parameter `loss`.

A description each: plain, hashable, checked when made. `MLPRegressor` takes those of real
targets, `MLPClassifier` those of classes; the names that both take too stand for the
descriptions with their defaults. Of several outputs the losses are summed, but `SquaredError`
is their mean, as in scikit-learn.

>>> from fusednn import MLPRegressor, losses
>>> model = MLPRegressor(loss=losses.Huber(delta=2.0))
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Real

__all__ = [
    "AbsoluteError",
    "CrossEntropy",
    "Focal",
    "Gamma",
    "Gaussian",
    "Huber",
    "LogCosh",
    "Poisson",
    "Quantile",
    "SquaredError",
]


def _check(loss, name, allowed, words) -> None:
    """Refuses a parameter that is not a number as `allowed` wants it, as scikit-learn does."""
    value = getattr(loss, name)
    if not isinstance(value, Real) or not allowed(value):
        raise ValueError(
            f"The {name!r} parameter of {type(loss).__name__} must be a float in the range"
            f" {words}. Got {value!r} instead."
        )


class RegressionLoss(ABC):
    """A loss of real targets."""

    @abstractmethod
    def lowered(self) -> tuple[str, tuple[float, ...]]:
        """Its name in the table of the kernels, and its constants."""


class ClassificationLoss(ABC):
    """A loss of classes, after the output activation that the labels decide."""

    @abstractmethod
    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        """The same, for the link "softmax" or "logistic"."""


@dataclass(frozen=True)
class SquaredError(RegressionLoss):
    """(z - y)^2 / 2, the mean over outputs."""

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "squared_error", ()


@dataclass(frozen=True)
class Poisson(RegressionLoss):
    """Half the Poisson deviance, with a log link; y >= 0."""

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "poisson", ()


@dataclass(frozen=True)
class Gamma(RegressionLoss):
    """Half the gamma deviance, with a log link; y > 0."""

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "gamma", ()


@dataclass(frozen=True)
class AbsoluteError(RegressionLoss):
    """|z - y|: the network learns the median."""

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "absolute_error", ()


@dataclass(frozen=True)
class Huber(RegressionLoss):
    """(z - y)^2 / 2 up to |z - y| = delta, and a straight line beyond.

    Parameters
    ----------
    delta : float, default=1.0
        In the units of y.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        _check(self, "delta", lambda delta: 0 < delta < math.inf, "(0.0, inf)")

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "huber", (float(self.delta),)


@dataclass(frozen=True)
class LogCosh(RegressionLoss):
    """log(cosh(z - y)): as a squared error near y, as an absolute one far from it."""

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "log_cosh", ()


@dataclass(frozen=True)
class Quantile(RegressionLoss):
    """Quantiles, learned at once by an output each: the pinball loss, summed over them.

    Parameters
    ----------
    quantiles : sequence of float, default=(0.5,)
        Each between 0 and 1. Nothing keeps the learned ones in their order.
    """

    quantiles: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        given = self.quantiles
        found = tuple(given) if hasattr(given, "__iter__") else ()
        if not found or not all(isinstance(q, Real) and 0 < q < 1 for q in found):
            raise ValueError(
                "The 'quantiles' parameter of Quantile must be a sequence of floats in the range"
                f" (0.0, 1.0). Got {given!r} instead."
            )
        object.__setattr__(self, "quantiles", tuple(map(float, found)))

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "quantile", (float(len(self.quantiles)), *self.quantiles)


@dataclass(frozen=True)
class Gaussian(RegressionLoss):
    """Negative log-likelihood of a normal distribution whose mean and variance are learned.

    Each target has two outputs, the mean and the logarithm of the variance. At the logarithm the
    gradient is (1 - (z - y)^2 / variance) / 2, free of the units of y; through a softplus it would
    grow as the variance shrinks. log(2 pi) / 2 is left out.

    Parameters
    ----------
    eps : float, default=1e-6
        Least variance, in the squared units of y; what the network says below it is taken as it.
    """

    eps: float = 1e-6

    def __post_init__(self) -> None:
        _check(self, "eps", lambda eps: 1e-30 <= eps < math.inf, "[1e-30, inf)")

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "gaussian", (math.log(self.eps),)


@dataclass(frozen=True)
class CrossEntropy(ClassificationLoss):
    """The negative log-likelihood of the labels.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of each sample that is dealt out evenly to all classes; of several labels per
        sample, to each label and its absence. With any the reported loss is not bounded, where
        scikit-learn's clips probabilities.
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "label_smoothing", lambda share: 0 <= share <= 1, "[0.0, 1.0]")

    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        share = float(self.label_smoothing)
        return (f"{link}_smoothed", (share,)) if share else (link, ())


@dataclass(frozen=True)
class Focal(ClassificationLoss):
    """(1 - p)^gamma times the cross-entropy, p the probability of the label (Lin et al. 2017).

    There is no alpha: `class_weight` does its work. Probabilities are less extreme than those of
    the cross-entropy.

    Parameters
    ----------
    gamma : float, default=2.0
        0 is the cross-entropy, the more the less do easy samples count.
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        _check(self, "gamma", lambda gamma: 0 <= gamma < math.inf, "[0.0, inf)")

    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        return f"{link}_focal", (float(self.gamma),)


REGRESSION = {
    "squared_error": SquaredError(),
    "poisson": Poisson(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(),
    "log_cosh": LogCosh(),
    "quantile": Quantile(),
    "gamma": Gamma(),
    "gaussian": Gaussian(),
}
CLASSIFICATION = {"log_loss": CrossEntropy(), "focal": Focal()}

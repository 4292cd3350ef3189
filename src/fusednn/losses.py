"""Losses: values of the estimators' parameter `loss`.

Each class describes a loss. Descriptions are immutable and hashable, and check their constants
when they are made. Regressors take the subclasses of `RegressionLoss`, classifiers those of
`ClassificationLoss`. Both also take names (keys of `REGRESSION` and `CLASSIFICATION`), which stand
for descriptions with default constants.

Here z is an output of the network and y its target. The loss of a sample is the sum over its
outputs, except for `SquaredError`, where it is the mean, as in scikit-learn.

Examples
--------
>>> from fusednn import MLPRegressor, losses
>>> model = MLPRegressor(loss=losses.Huber(delta=2.0))
>>> losses.Huber(delta=-1)
Traceback (most recent call last):
ValueError: The 'delta' parameter of Huber must be a float in the range (0.0, inf). Got -1 instead.
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
    """Raises ValueError, with scikit-learn's message, unless `allowed` accepts the parameter."""
    value = getattr(loss, name)
    if not isinstance(value, Real) or not allowed(value):
        raise ValueError(
            f"The {name!r} parameter of {type(loss).__name__} must be a float in the range"
            f" {words}. Got {value!r} instead."
        )


class RegressionLoss(ABC):
    """Base class of the losses of real targets."""

    @abstractmethod
    def lowered(self) -> tuple[str, tuple[float, ...]]:
        """Returns the loss's name in `fusednn.kernels.LOSSES`, and its constants."""


class ClassificationLoss(ABC):
    """Base class of the losses of classes.

    The labels determine the output activation (the link), softmax or logistic.
    """

    @abstractmethod
    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        """Returns the loss's name in `fusednn.kernels.LOSSES`, and its constants.

        Parameters
        ----------
        link : {"softmax", "logistic"}
            The output activation.
        """


@dataclass(frozen=True)
class SquaredError(RegressionLoss):
    """(z - y)^2 / 2: the network learns the mean. Several outputs: the mean of their losses.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPRegressor, losses
    >>> X, y = np.zeros((5, 1)), np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    >>> model = MLPRegressor(losses.SquaredError(), [], solver="lbfgs").fit(X, y)
    >>> model.predict([[0.0]]).round(1).tolist()
    [22.0]
    """

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "squared_error", ()


@dataclass(frozen=True)
class Poisson(RegressionLoss):
    """Half the Poisson deviance, for counts y >= 0; predictions are exp(z).

    The loss is exp(z) - y z, plus a term that depends on y alone, as in scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPRegressor, losses
    >>> X, y = np.zeros((5, 1)), np.array([0, 0, 1, 1, 3])
    >>> model = MLPRegressor(losses.Poisson(), [], solver="lbfgs").fit(X, y)
    >>> model.predict([[0.0]]).round(1).tolist()
    [1.0]
    """

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "poisson", ()


@dataclass(frozen=True)
class Gamma(RegressionLoss):
    """Half the gamma deviance, for y > 0 of constant relative error; predictions are exp(z).

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPRegressor, losses
    >>> X, y = np.zeros((4, 1)), np.array([1.0, 2.0, 3.0, 10.0])
    >>> model = MLPRegressor(losses.Gamma(), [], solver="lbfgs").fit(X, y)
    >>> model.predict([[0.0]]).round(1).tolist()
    [4.0]
    """

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "gamma", ()


@dataclass(frozen=True)
class AbsoluteError(RegressionLoss):
    """|z - y|: the network learns the median.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPRegressor, losses
    >>> X, y = np.zeros((5, 1)), np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    >>> loss = losses.AbsoluteError()
    >>> model = MLPRegressor(loss, [], learning_rate_init=0.01, max_iter=2000, random_state=0)
    >>> model.fit(X, y).predict([[0.0]]).round().tolist()
    [3.0]
    """

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "absolute_error", ()


@dataclass(frozen=True)
class Huber(RegressionLoss):
    """(z - y)^2 / 2 where |z - y| <= delta, else delta (|z - y| - delta / 2).

    Parameters
    ----------
    delta : float, default=1.0
        The largest error that is squared, in the units of y; positive.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.

    Examples
    --------
    An outlier of 100 has little influence:

    >>> import numpy as np
    >>> from fusednn import MLPRegressor, losses
    >>> X, y = np.zeros((5, 1)), np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    >>> model = MLPRegressor(losses.Huber(delta=2.0), [], solver="lbfgs").fit(X, y)
    >>> model.predict([[0.0]]).round(1).tolist()
    [3.0]
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        _check(self, "delta", lambda delta: 0 < delta < math.inf, "(0.0, inf)")

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "huber", (float(self.delta),)


@dataclass(frozen=True)
class LogCosh(RegressionLoss):
    """log(cosh(z - y)): like (z - y)^2 / 2 for small errors, like |z - y| for large ones.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPRegressor, losses
    >>> X, y = np.zeros((5, 1)), np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    >>> model = MLPRegressor(losses.LogCosh(), [], solver="lbfgs").fit(X, y)
    >>> model.predict([[0.0]]).round(1).tolist()
    [3.0]
    """

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "log_cosh", ()


@dataclass(frozen=True)
class Quantile(RegressionLoss):
    """The pinball loss, summed over quantiles: the network learns all of them at once.

    With the error e = y - z the loss of the quantile q is max(q e, (q - 1) e). Each target has an
    output for each quantile, and `predict` returns (n_samples, n_quantiles), or
    (n_samples, n_targets, n_quantiles).

    Parameters
    ----------
    quantiles : sequence of float, default=(0.5,)
        Each in (0, 1); kept as a tuple. Learned quantiles of a sample may cross.

    References
    ----------
    Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPRegressor, losses
    >>> X, y = np.zeros((101, 1)), np.linspace(0, 10, 101)
    >>> loss = losses.Quantile([0.1, 0.5, 0.9])
    >>> model = MLPRegressor(loss, [], learning_rate_init=0.02, max_iter=1000, random_state=0)
    >>> model.fit(X, y).predict([[0.0]]).round().tolist()
    [[1.0, 5.0, 9.0]]
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
    """Negative log-likelihood of a normal distribution: the network learns mean and variance.

    Each target has two outputs, the mean z and the logarithm of the variance. The loss is
    (log(variance) + (z - y)^2 / variance) / 2; the constant log(2 pi) / 2 is left out.
    `predict(X, return_std=True)` returns means and standard deviations.

    The gradient by the logarithm, (1 - (z - y)^2 / variance) / 2, does not depend on the units of
    y. With softplus instead of the exponential it would grow as the variance shrinks.

    Parameters
    ----------
    eps : float, default=1e-6
        The smallest variance, in squared units of y, at least 1e-30. Smaller outputs count as eps.

    References
    ----------
    Nix and Weigend, "Estimating the mean and variance of the target probability distribution",
    ICNN 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPRegressor, losses
    >>> X, y = np.zeros((4, 1)), np.array([1.0, 1.0, 5.0, 5.0])
    >>> model = MLPRegressor(losses.Gaussian(), [], solver="lbfgs", random_state=0).fit(X, y)
    >>> mean, std = model.predict([[0.0]], return_std=True)
    >>> mean.round(1).tolist(), std.round(1).tolist()
    ([3.0], [2.0])
    """

    eps: float = 1e-6

    def __post_init__(self) -> None:
        _check(self, "eps", lambda eps: 1e-30 <= eps < math.inf, "[1e-30, inf)")

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "gaussian", (math.log(self.eps),)


@dataclass(frozen=True)
class CrossEntropy(ClassificationLoss):
    """The negative log-likelihood of the labels, optionally with label smoothing.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The share of each sample, in [0, 1], that is distributed evenly over all classes. For
        multilabel targets: evenly over the presence and absence of each label. Without smoothing
        the reported loss is bounded, since it clips probabilities as scikit-learn does; with
        smoothing it is not.

    References
    ----------
    Szegedy et al., "Rethinking the inception architecture for computer vision", CVPR 2016,
    section 7 (label smoothing).

    Examples
    --------
    Three of four samples have the label 0. Smoothing moves probabilities towards 1/2:

    >>> import numpy as np
    >>> from fusednn import MLPClassifier, losses
    >>> X, y = np.zeros((4, 1)), [0, 0, 0, 1]
    >>> for share in (0.0, 0.2):
    ...     loss = losses.CrossEntropy(label_smoothing=share)
    ...     model = MLPClassifier([], solver="lbfgs", loss=loss).fit(X, y)
    ...     print(model.predict_proba([[0.0]]).round(2).tolist())
    [[0.75, 0.25]]
    [[0.7, 0.3]]
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _check(self, "label_smoothing", lambda share: 0 <= share <= 1, "[0.0, 1.0]")

    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        share = float(self.label_smoothing)
        return (f"{link}_smoothed", (share,)) if share else (link, ())


@dataclass(frozen=True)
class Focal(ClassificationLoss):
    """The focal loss: (1 - p)^gamma times the cross-entropy, with the label's probability p.

    The probabilities are less extreme than those of the cross-entropy. Use `class_weight` in place
    of the paper's alpha.

    Parameters
    ----------
    gamma : float, default=2.0
        At least 0, which is the cross-entropy. The larger gamma, the less easy samples count.

    References
    ----------
    Lin, Goyal, Girshick, He and Dollar, "Focal loss for dense object detection", ICCV 2017,
    equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import MLPClassifier, losses
    >>> X, y = np.zeros((4, 1)), [0, 0, 0, 1]
    >>> model = MLPClassifier([], solver="lbfgs", loss=losses.Focal(gamma=2.0)).fit(X, y)
    >>> model.predict_proba([[0.0]]).round(2).tolist()
    [[0.6, 0.4]]
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        _check(self, "gamma", lambda gamma: 0 <= gamma < math.inf, "[0.0, inf)")

    def lowered(self, link: str) -> tuple[str, tuple[float, ...]]:
        return f"{link}_focal", (float(self.gamma),)


# the names that `loss=` takes, with their descriptions
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

"""Losses of real targets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from .loss import RegressionLoss, check


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
        check(self, "delta", lambda delta: 0 < delta < math.inf, "(0.0, inf)")

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
        check(self, "eps", lambda eps: 1e-30 <= eps < math.inf, "[1e-30, inf)")

    def lowered(self) -> tuple[str, tuple[float, ...]]:
        return "gaussian", (math.log(self.eps),)

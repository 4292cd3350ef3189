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

from .classification import CrossEntropy, Focal
from .loss import ClassificationLoss as ClassificationLoss
from .loss import RegressionLoss as RegressionLoss
from .regression import (
    AbsoluteError,
    Gamma,
    Gaussian,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
    SquaredError,
)

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

"""Losses from logits, the output functions that belong to them, and the one table of both.

A loss gets a block of R rows transposed: `z` is (C, R), so that every loop runs over rows and
vectorises without a reduction, and a row's result does not depend on its neighbours. The loss
overwrites `z` with its gradient and `value` (R, float64) with the rows' losses. `t` holds the
targets (T, R), where the C / T outputs of a target column are adjacent; for classes it is (1, R),
the number of the class. `work` is scratch for 3 R elements. `constants` are the loss's own, in
the type of the elements. In losses with `bounded` each -log(p) is bounded to [low, high], which
equals scikit-learn's clipping of the probability to [eps, 1 - eps]; their gradients are not
bounded.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import class_losses, value_losses
from ._jit import kernel
from .class_losses import binary_cross_entropy, logistic_link, softmax_cross_entropy, softmax_link
from .value_losses import exp_link, poisson_deviance, squared_error

SOFTMAX, LOGISTIC, SQUARED_ERROR, POISSON = range(4)


@kernel
def evaluate(value, z, t, work, C, R, constants, code):
    """Runs the loss with this code; its constants are [low, high]."""
    if code == SOFTMAX:
        softmax_cross_entropy(value, z, t, work, C, R, constants)
    elif code == LOGISTIC:
        binary_cross_entropy(value, z, t, work, C, R, constants)
    elif code == SQUARED_ERROR:
        squared_error(value, z, t, work, C, R, constants)
    elif code == POISSON:
        poisson_deviance(value, z, t, work, C, R, constants)


def bounds(dtype: np.dtype | type) -> tuple[float, float]:
    """[low, high] of a loss of probabilities, as scikit-learn clips them to [eps, 1 - eps]."""
    epsilon = float(np.finfo(dtype).eps)
    return -np.log1p(-epsilon), -np.log(epsilon)


class Loss(NamedTuple):
    """What a plan needs to know of one loss.

    The array kernels offer those with a code too. Values are sums over outputs, except
    `per_output`.
    """

    code: int | None
    function: Callable
    link: Callable | None = None
    per_output: bool = False  # `value` is a mean over outputs, the gradient is of their sum
    bounded: bool = False  # its constants are [low, high]
    constants: tuple[float, ...] = ()  # the defaults
    outputs_per_target: int | None = 1  # None: the first constant says how many
    targets: str = "real"  # or "positive", "not negative", "binary", "probability", "class"

    @property
    def class_targets(self) -> bool:
        """Whether the targets are one class number per row, instead of a value per column."""
        return self.targets == "class"

    def outputs_of_target(self, constants: tuple[float, ...] = ()) -> int:
        """How many adjacent outputs belong to a target column."""
        if self.outputs_per_target is not None:
            return self.outputs_per_target
        return int((constants or self.constants)[0])


LOSSES = {
    "softmax": Loss(SOFTMAX, softmax_cross_entropy, softmax_link, targets="class", bounded=True),
    "logistic": Loss(
        LOGISTIC, binary_cross_entropy, logistic_link, bounded=True, targets="probability"
    ),
    "squared_error": Loss(SQUARED_ERROR, squared_error, per_output=True),
    "poisson": Loss(POISSON, poisson_deviance, exp_link, targets="not negative"),
    "softmax_smoothed": Loss(
        None,
        class_losses.smoothed_softmax_cross_entropy,
        softmax_link,
        targets="class",
        constants=(0.1,),
    ),
    "logistic_smoothed": Loss(
        None,
        class_losses.smoothed_binary_cross_entropy,
        logistic_link,
        constants=(0.1,),
        targets="probability",
    ),
    "softmax_focal": Loss(
        None,
        class_losses.focal_softmax_cross_entropy,
        softmax_link,
        targets="class",
        constants=(2.0,),
    ),
    "logistic_focal": Loss(
        None,
        class_losses.focal_binary_cross_entropy,
        logistic_link,
        constants=(2.0,),
        targets="binary",
    ),
    "gamma": Loss(None, value_losses.gamma_deviance, exp_link, targets="positive"),
    "absolute_error": Loss(None, value_losses.absolute_error),
    "huber": Loss(None, value_losses.huber, constants=(1.0,)),
    "log_cosh": Loss(None, value_losses.log_cosh),
    "quantile": Loss(None, value_losses.quantile, constants=(1.0, 0.5), outputs_per_target=None),
    "gaussian": Loss(
        None, value_losses.gaussian, constants=(math.log(1e-6),), outputs_per_target=2
    ),
}


def row_of(loss: str | Loss) -> Loss:
    """The row of the table with this name; a row is returned unchanged."""
    return loss if isinstance(loss, Loss) else LOSSES[loss]

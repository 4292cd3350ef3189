"""Optimizers: values of the estimators' parameter `solver`, with PyTorch's formulas and defaults.

The learning rate is the estimator's `learning_rate_init`, times the factor of its schedule.

In the formulas w is a weight and g its gradient. d = g + l2 w is the gradient with the L2 term:
l2 is the estimator's `alpha` divided by the number of samples in the batch, and 0 for biases.
Optimizers with a `weight_decay` subtract rate * weight_decay * w from the weights instead, and
ignore `alpha`; with a `decay_schedule` times its factor. Steps are counted from t = 1. All state
(m, v) is zero at first.

Examples
--------
>>> from fusednn import MLPClassifier
>>> from fusednn.optimizers import AdamW
>>> model = MLPClassifier(solver=AdamW(weight_decay=0.1), learning_rate_init=3e-4)
"""

from .adaptive import Adagrad, Adam, AdamW, NAdam, RMSprop
from .momentum import SGD, Lion
from .optimizer import SMALLEST_EPSILON as SMALLEST_EPSILON
from .optimizer import Optimizer

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

NAMED: dict[str, Optimizer] = {
    "rmsprop": RMSprop(),
    "adagrad": Adagrad(),
    "amsgrad": Adam(amsgrad=True),
    "adamw": AdamW(),
    "nadam": NAdam(),
    "lion": Lion(),
}
"""The names that `solver=` takes besides scikit-learn's, and their descriptions."""

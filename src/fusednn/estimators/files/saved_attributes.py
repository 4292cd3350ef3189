"""Tables of what files hold besides the network: attributes, and the state of the optimizer.

Saving and loading both use these tables.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from fusednn import layers as specs
from fusednn.estimators.network.perceptron_weights import NORMS
from fusednn.optimizers import Optimizer
from fusednn.schedules import Schedule
from fusednn.text.tokenizer import Tokenizer

CLASSES = (
    *("MLPClassifier", "MLPRegressor", "NetworkClassifier", "NetworkRegressor"),
    *("Autoencoder", "VariationalAutoencoder", "GAN"),
    "LanguageModel",
)


def class_name(cls) -> str:
    """The name in `CLASSES` of a class or its base class."""
    return next(base.__name__ for base in cls.__mro__ if base.__name__ in CLASSES)


def as_list(classes) -> list:
    """The classes of each column, as a list also for a single column."""
    return classes if isinstance(classes, list) else [classes]


def _is_count(value) -> bool:
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    return is_whole and 0 <= int(value) < 1 << 62


def _is_real(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_real_or_none(value) -> bool:
    return value is None or _is_real(value)


def _is_curve(value) -> bool:
    return value is None or (type(value) is list and all(map(_is_real, value)))


def _is_names(value) -> bool:
    return type(value) is list and all(type(name) is str for name in value)


def _is_layers(value) -> bool:
    return type(value) is tuple and all(isinstance(layer, specs.Layer) for layer in value)


def _is_floats(dimensions: int) -> Callable[[Any], bool]:
    return lambda value: (
        type(value) is np.ndarray and value.dtype.kind == "f" and value.ndim == dimensions
    )


ATTRIBUTES: dict[str, Callable[[Any], bool]] = {
    "n_features_in_": _is_count,
    "input_shape_": lambda value: (
        type(value) is tuple and 1 < len(value) < 4 and all(map(_is_count, value))
    ),
    "output_shape_": lambda value: (
        type(value) is tuple and 0 < len(value) < 3 and all(map(_is_count, value))
    ),
    "feature_names_in_": lambda value: type(value) is np.ndarray and value.dtype == object,
    "n_outputs_": _is_count,
    "n_layers_": _is_count,
    "out_activation_": lambda value: type(value) is str,
    "n_iter_": _is_count,
    "t_": _is_count,
    "loss_": _is_real,
    "loss_curve_": _is_curve,
    "best_loss_": _is_real_or_none,
    "validation_scores_": _is_curve,
    "validation_loss_curve_": _is_curve,
    "best_validation_score_": _is_real_or_none,
    "gradient_norms_": _is_floats(2),
    "activation_stats_": _is_floats(3),
    "diagnosed_layers_": _is_names,
    "diagnosed_weights_": _is_names,
    "layers_": _is_layers,
    **dict.fromkeys(("encoder_layers_", "decoder_layers_"), _is_layers),
    **dict.fromkeys(("generator_layers_", "discriminator_layers_"), _is_layers),
    "history_": lambda value: (
        type(value) is dict and all(type(one) is list and _is_curve(one) for one in value.values())
    ),
    "_class_list": lambda value: type(value) is list and len(value) > 0,
    "_judgements": _is_count,
    "feature_means_": _is_floats(1),
    "feature_factors_": _is_floats(1),
    "_norm": lambda value: value is None or (type(value) is str and value in NORMS),
    "_no_improvement_count": _is_count,
    "_score_kind": lambda value: type(value) is tuple and len(value) == 2,
    "_troubles": _is_names,
    "tokenizer_": lambda value: value is None or isinstance(value, Tokenizer),
    "end_code_": lambda value: value is None or _is_count(value),
    "_seed": _is_count,
}
"""The fitted attributes that are written as values, each with the check of a value from a file."""

NEEDED = "n_features_in_", "n_outputs_", "out_activation_", "n_iter_", "t_"
ELSEWHERE = {
    *("classes_", "_labels", "_optimizer"),  # in separate parts of the file
    *("coefs_", "intercepts_", "norms_", "_arrays"),  # the network's tensors
    *("_built_layers", "_pair", "_watcher"),  # rebuilt by loading
}

OPTIMIZER: dict[str, Callable[[Any], bool]] = {
    "solver": lambda value: (
        isinstance(value, Optimizer) or (type(value) is str and value in ("sgd", "adam"))
    ),
    "schedule": lambda value: type(value) is str or isinstance(value, Schedule),
    "learning_rate_init": _is_real,
    "learning_rate": _is_real,
    "power_t": _is_real,
    "t": _is_count,
    "passes": _is_count,
    "total": _is_count,
    "_factor": _is_real,
    "_best": _is_real,
    "_idle": _is_count,
    "_product_before": lambda value: (
        type(value) is tuple and len(value) == 2 and _is_count(value[0]) and _is_real(value[1])
    ),
}
"""The state of an optimizer besides its rule and its arrays, each with its check."""

"""What the parameters and methods of the estimators take, for type checkers.

Imported by no code that runs. `constraints.py` checks the same when an estimator is fitted;
`tests/typing/test_annotations.py` compares the names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusednn.losses import ClassificationLoss, RegressionLoss
from fusednn.optimizers import Optimizer
from fusednn.schedules import Schedule
from fusednn.serving.types import MatrixLike

Targets: TypeAlias = MatrixLike | Sequence[Any]
"""Sequences may hold None where `missing_targets` is "ignore", which `ArrayLike` excludes."""

Weights: TypeAlias = ArrayLike | None
"""A weight for each sample, or for each step or pixel that has a target."""

Activation: TypeAlias = Literal[
    "identity",
    "logistic",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
    "gelu",
    "gelu_tanh",
    "silu",
    "mish",
    "hard_swish",
]

Solver: TypeAlias = (
    Literal["lbfgs", "sgd", "adam", "rmsprop", "adagrad", "amsgrad", "adamw", "nadam", "lion"]
    | Optimizer
)

StochasticSolver: TypeAlias = (
    Literal["sgd", "adam", "rmsprop", "adagrad", "amsgrad", "adamw", "nadam", "lion"] | Optimizer
)

Patience: TypeAlias = float | Literal["cycle"]
"""Epochs without improvement, or until the end of a cycle."""

Rates: TypeAlias = Schedule | Callable[[int], float]
"""Learning rates: a schedule, or the factor of each pass."""

Init: TypeAlias = Literal[
    "scikit-learn",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
    "zeros",
]

BatchSize: TypeAlias = Literal["auto"] | int

HiddenLayerSizes: TypeAlias = int | Sequence[int] | NDArray[np.integer[Any]]

Dropout: TypeAlias = float | Sequence[float] | NDArray[np.floating[Any]]

Dtype: TypeAlias = Literal["auto", "float32", "float64"]

Normalization: TypeAlias = Literal["batch", "layer", "rms"] | None

MissingTargets: TypeAlias = Literal["error", "ignore"]

RandomState: TypeAlias = int | np.random.RandomState | None

Scoring: TypeAlias = str | Callable[..., float] | None

ClassWeight: TypeAlias = Literal["balanced"] | dict[Any, Any] | list[dict[Any, Any]] | None

ClassifierLoss: TypeAlias = Literal["log_loss", "focal"] | ClassificationLoss

RegressorLoss: TypeAlias = (
    Literal[
        "squared_error",
        "poisson",
        "absolute_error",
        "huber",
        "log_cosh",
        "quantile",
        "gamma",
        "gaussian",
    ]
    | RegressionLoss
    | Callable[[float, float], tuple[float, float]]
)

Tokens: TypeAlias = str | ArrayLike | Sequence[str] | Sequence[ArrayLike]
"""One text or sequence of codes, or several."""

Prompt: TypeAlias = str | ArrayLike
"""A text or a sequence of codes."""

TabularLike: TypeAlias = Any
"""A frame of pandas or polars, an array, a list of dicts or a list of rows."""

"""A network for an encoded table: made, trained with a bar, and left in the table's own units."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fusednn.command.terminal.errors import UserError
from fusednn.command.terminal.progress import ProgressBar
from fusednn.command.terminal.watch import EpochBar, interruptible
from fusednn.tables.tabular import Tabular

PATIENCE = 10
MOST_EPOCHS = 200
TIMED_EPOCHS = 1_000_000
"""Where time is the limit."""


class Samples(NamedTuple):
    """Encoded rows and their targets."""

    X: np.ndarray
    y: np.ndarray


class Work(NamedTuple):
    """What to train on, and notes on it for people."""

    tabular: Tabular
    samples: Samples
    held_out: Samples | None
    notes: list[str]


def new_estimator(tabular: Tabular, parameters: Mapping[str, Any]):
    """
    An estimator that standardizes, and stops by held-out rows.

    Parameters
    ----------
    tabular : Tabular
    parameters : mapping
        Of the estimator.

    Returns
    -------
    MLPClassifier or MLPRegressor
    """
    from fusednn import MLPClassifier, MLPRegressor

    kind = MLPClassifier if tabular.target.classify else MLPRegressor
    return kind(
        standardize=True,
        scoring="loss",
        n_iter_no_change=PATIENCE,
        warm_start=True,  # from what `train` sets up, or from a file
        warm_start_optimizer=True,
        **parameters,
    )


def load_estimator(path: Path, classify: bool):
    """
    A trained estimator, to go on with.

    Raises
    ------
    UserError
        If the file is none of `fusednn fit`.
    """
    from fusednn import MLPClassifier, MLPRegressor

    try:
        return (MLPClassifier if classify else MLPRegressor).load(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"{error}") from None


def limits(epochs: int | None, seconds: float | None) -> dict[str, Any]:
    """The parameters that end training at the latest."""
    most = epochs or (MOST_EPOCHS if seconds is None else TIMED_EPOCHS)
    return {"max_iter": most, "max_time": seconds}


def train(model, tabular: Tabular, samples: Samples, held_out: Samples | None) -> None:
    """
    Fit an estimator, new or trained before; afterwards it puts out the target itself.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
    tabular : Tabular
    samples : Samples
    held_out : Samples or None
        Decides when to stop, and which weights are kept.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C.
    UserError
        If the data are refused.
    """
    mean, deviation = tabular.scale
    with np.errstate(over="ignore"):
        y, *y_val = (
            part.y if tabular.target.classify else (part.y - mean) / deviation
            for part in (samples, held_out)
            if part is not None
        )
    most = np.sqrt(np.finfo(samples.X.dtype).max)  # losses are squares
    if not (tabular.target.classify or all((abs(part) < most).all() for part in (y, *y_val))):
        raise UserError(
            f"column {tabular.target.name!r} has numbers too large for a target whose deviation"
            f" is {deviation:g}"
        )
    own_set = {} if held_out is None else {"X_val": held_out.X, "y_val": y_val[0]}
    by_time = model.max_iter == TIMED_EPOCHS
    bar = ProgressBar("training", 100 if by_time else model.max_iter, sys.stderr)
    with interruptible():
        if hasattr(model, "coefs_"):
            _scale_outputs(model, -mean / deviation, 1 / deviation)
        else:
            model._initialized(samples.X, y)
            flags = tabular.encoding.flags  # 1 or 0: a rare one would become huge
            model.feature_means_[flags], model.feature_factors_[flags] = 0, 1
        # scores and losses of other rows do not count
        model.validation_scores_ = model.best_loss_ = None
        model._no_improvement_count = 0
        model._watcher = EpochBar(bar, model.max_time if by_time else None)
        try:
            model.fit(samples.X, y, **own_set)
        finally:
            bar.finish()
            del model._watcher
    _scale_outputs(model, mean, deviation)
    if not all(np.isfinite(part).all() for part in (*model.coefs_, *model.intercepts_)):
        raise UserError(f"the target is too large for {model.coefs_[0].dtype}: fit with float64")


def _scale_outputs(model, mean: float, deviation: float) -> None:
    """Has the network put out what it puts out now, times the deviation, plus the mean."""
    if (mean, deviation) == (0.0, 1.0):
        return
    last, biases = model.coefs_[-1], model.intercepts_[-1]
    with np.errstate(over="ignore"):
        model.coefs_[-1] = (last.astype(float) * deviation).astype(last.dtype)
        model.intercepts_[-1] = (biases.astype(float) * deviation + mean).astype(biases.dtype)

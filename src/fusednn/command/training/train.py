"""Creates a network for an encoded table, trains it, and scales its outputs to the target."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fusednn.command.terminal.errors import UserError
from fusednn.command.terminal.watch import EpochBar, interruptible
from fusednn.tables.tabular import Tabular
from fusednn.training.progress_bar import ProgressBar

PATIENCE = 10
MOST_EPOCHS = 200
TIMED_EPOCHS = 1_000_000
"""No limit in practice: `--max-time` ends training."""


class Samples(NamedTuple):
    """Encoded rows and their targets."""

    X: np.ndarray
    y: np.ndarray


class Work(NamedTuple):
    """Training and held-out samples, their encoding, and notes to print."""

    tabular: Tabular
    samples: Samples
    held_out: Samples | None
    notes: list[str]


def new_estimator(tabular: Tabular, parameters: Mapping[str, Any]):
    """
    Create an estimator that standardises its inputs and scores held-out rows by their loss.

    Parameters
    ----------
    tabular : Tabular
    parameters : mapping
        Further parameters of the estimator.

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
        warm_start=True,  # starts from the weights that `train` prepared or a file held
        warm_start_optimizer=True,
        **parameters,
    )


def load_estimator(path: Path, classify: bool):
    """
    Load a trained estimator, to train it further.

    Raises
    ------
    UserError
        If the file cannot be read, or `fusednn fit` did not write it.
    """
    from fusednn import MLPClassifier, MLPRegressor

    try:
        return (MLPClassifier if classify else MLPRegressor).load(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"{error}") from None


def limits(epochs: int | None, seconds: float | None) -> dict[str, Any]:
    """The parameters that limit the length of training."""
    most = epochs or (MOST_EPOCHS if seconds is None else TIMED_EPOCHS)
    return {"max_iter": most, "max_time": seconds}


def train(model, tabular: Tabular, samples: Samples, held_out: Samples | None) -> None:
    """
    Fit a new or a trained estimator; afterwards its outputs are in the target's units.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
    tabular : Tabular
    samples : Samples
    held_out : Samples or None
        Decide when training stops, and which weights are kept.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C.
    UserError
        If the estimator refuses the data, or the target's numbers are too large.
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
            flags = tabular.encoding.flags  # a rare 1 would become huge if standardised
            model.feature_means_[flags], model.feature_factors_[flags] = 0, 1
        # earlier scores and losses are of other rows
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
        raise UserError(
            f"the target is too large for {model.coefs_[0].dtype}: give --dtype float64"
        )


def _scale_outputs(model, mean: float, deviation: float) -> None:
    """Multiplies the network's outputs by `deviation` and adds `mean`."""
    if (mean, deviation) == (0.0, 1.0):
        return
    last, biases = model.coefs_[-1], model.intercepts_[-1]
    with np.errstate(over="ignore"):
        model.coefs_[-1] = (last.astype(float) * deviation).astype(last.dtype)
        model.intercepts_[-1] = (biases.astype(float) * deviation + mean).astype(biases.dtype)

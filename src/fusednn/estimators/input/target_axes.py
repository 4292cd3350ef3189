"""Targets with axes: a network whose samples end as rows has a target for each of them.

Such a list ends in a sequence (T, C) or an image (H, W, C), and y is (n, T) or (n, H, W), of
regressors also (n, T, K). Checked targets have one axis for all rows of a sample, (n, rows) or
(n, rows, K); what knows of single targets gets all rows of all samples, (n * rows,).
"""

from __future__ import annotations

from math import prod

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier

from fusednn.estimators.network.built_layers import Position
from fusednn.estimators.network.list_ends import SOFTMAX, divided, output_units
from fusednn.graph.time_axis import StepsError, free_series, ops_of_steps, series_of
from fusednn.plan.lengths import has_padding, lengths_of
from fusednn.serving.model import output_axes
from fusednn.serving.sequences import are_sequences, checked_lengths

from .axes import axes_of_array
from .steps import axes_of


def axes_at_end(estimator, X, reset: bool) -> tuple[int, ...]:
    """The axes of a sample's rows at the end of an estimator's list; none for one row.

    Parameters
    ----------
    estimator : estimator
    X : array-like or sparse matrix
        As the user gave it.
    reset : bool
        Whether a new network is fitted; otherwise the estimator has one.
    """
    if not reset:
        axes = getattr(estimator, "output_shape_", ())
        return axes and _axes_of_steps(estimator, X, axes)
    try:
        ops = estimator._ops_before_output(axes_of_array(X))
    except ValueError:  # the fit says what is wrong with X or the list
        return ()
    return output_axes(ops) if ops else ()


def _axes_of_steps(estimator, X, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes at the end for X, which may be series of other steps than the fit's."""
    ops = estimator._built_layers.ops
    series = free_series(ops)
    try:
        found = axes_of_array(X)
    except ValueError:
        return axes
    if series is None:
        return axes
    if series.are_tokens:
        steps = found[0]
    else:
        steps = series.steps_of(found) or found[0] // series.features
    if are_sequences(X):
        steps = max(steps, series.steps)
    try:
        return output_axes(ops_of_steps(ops, steps)) if steps else axes
    except StepsError:  # the check of X says what is wrong
        return axes


def lengths_of_targets(y) -> list[int] | None:
    """The steps of each of a list of targets of unequal lengths; None of another y."""
    return [len(one) for one in y] if are_sequences(y) else None


def in_steps_of(estimator, X, y: np.ndarray, ends: list[int] | None, reset: bool) -> np.ndarray:
    """Targets (n, rows) of which those behind the steps of padded X are any valid ones.

    Parameters
    ----------
    estimator : estimator
    X : ndarray of shape (n_samples, n_features)
        Checked.
    y : ndarray of shape (n_samples, rows) or (n_samples, rows, K)
    ends : list of int or None
        The steps of the targets that were given for each sample.
    reset : bool
        Whether a new network is fitted.

    Raises
    ------
    ValueError
        If these are not the steps of the outputs.
    """
    if reset:
        ops = estimator._ops_before_output(axes_of(estimator))
    else:
        ops = estimator._built_layers.ops
    if ends is None and not has_padding(X, ops[0]):
        return y
    steps = steps_at_end(ops, X)
    if steps is None:  # a later check names the layer
        return y
    check_ends("y", ends, steps)
    is_real = np.arange(y.shape[1]) < steps[:, np.newaxis]
    return np.where(is_real.reshape(*is_real.shape, *(1,) * (y.ndim - 2)), y, y[0, 0])


def steps_at_end(ops, X: np.ndarray) -> np.ndarray | None:
    """The steps of each sample of checked X at the end of the ops; None if a layer has too few."""
    series = series_of(ops)
    assert series is not None
    if series.are_tokens:
        lengths = lengths_of(X, ops[0])
    else:
        lengths = checked_lengths(X, series.features, series.channels_first)
    try:
        known = {one: output_axes(ops_of_steps(ops, one))[0] for one in set(lengths.tolist())}
    except StepsError:
        return None
    return np.array([known[one] for one in lengths.tolist()])


def check_ends(name: str, ends: list[int] | None, steps: np.ndarray) -> None:
    """Refuses an argument that lists other steps for a sample than the network has."""
    if ends is not None and (wrong := np.flatnonzero(steps != ends)).size:
        number = wrong[0]
        raise ValueError(
            f"{name}[{number}] has {ends[number]} steps, but for X[{number}] the network has"
            f" {steps[number]}."
        )


def _stacked_targets(y, steps: int) -> np.ndarray:
    """Targets of unequal lengths in one array; the first one stands behind the others' ends."""
    samples = [np.asarray(one) for one in y]
    for number, one in enumerate(samples):
        if one.shape[1:] != samples[0].shape[1:]:
            raise ValueError(
                f"y[{number}] has the shape {one.shape}, but y[0] {samples[0].shape}: all steps"
                " must have the same targets."
            )
    whole = np.concatenate(samples)
    shape = len(samples), max(steps, *map(len, samples)), *whole.shape[1:]
    found = np.full(shape, whole[0], whole.dtype)
    for row, one in zip(found, samples, strict=True):
        row[: len(one)] = one
    return found


def with_axes(estimator, y, axes: tuple[int, ...]):
    """Converts targets to (n, rows) or (n, rows, K).

    Raises
    ------
    ValueError
        If y does not have these axes behind its first; the message has both shapes.
    """
    if issparse(y):
        raise ValueError(f"y must be an array of shape {_expected(estimator, axes)}, not sparse.")
    y = _stacked_targets(y, axes[0]) if are_sequences(y) else np.asarray(y)
    rest = y.shape[1 + len(axes) :]
    if y.shape[1 : 1 + len(axes)] == axes and len(rest) <= (not is_classifier(estimator)):
        return y.reshape(len(y), prod(axes), *rest)
    wanted = f"y must be of shape {_expected(estimator, axes)}, got {y.shape}"
    layers = estimator._specs()
    layers, _ = divided(layers, output_units(layers) or 1, SOFTMAX)
    if y.ndim < 1 + len(axes):
        where = "behind it" if layers else "in layers"
        wanted += f"; for one target of each sample put Flatten() or a global pool {where}"
    if not layers:
        raise ValueError(f"X has samples of axes {axes}, so {wanted}.")
    place = Position(f"layers[{len(layers) - 1}]", layers[-1])
    raise place.refuse(f"its samples end with axes {axes}, so {wanted}")


def check_single(estimator, X, y, reset: bool) -> None:
    """Refuses targets with axes for a network whose samples end as one row.

    Parameters
    ----------
    estimator : estimator
    X, y : array-like
        As the user gave them.
    reset : bool
        Whether a new network is fitted.

    Raises
    ------
    ValueError
        If y is such, or if `layers` do not fit X.
    """
    if are_sequences(y):
        got = "a list of arrays"
    else:
        try:
            shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
        except ValueError:  # scikit-learn's checks raise the error
            return
        if len(shape) < 3:
            return
        got = str(shape)
    if reset:
        estimator._ops_before_output(axes_of_array(X))
    layers = estimator._specs() if reset else list(estimator.layers_)
    layers, _ = divided(layers, output_units(layers) or 1, SOFTMAX)
    wanted = f"y must be of shape (n_samples,) or (n_samples, n_targets), got {got}"
    if not layers:
        raise ValueError(f"layers is empty and X has rows, so {wanted}.")
    place = Position(f"layers[{len(layers) - 1}]", layers[-1])
    raise place.refuse(f"its samples end as one row each, so {wanted}")


def labels_of_steps(y):
    """The labels of all steps of all samples, of targets with axes as the user gave them."""
    if are_sequences(y):
        return np.concatenate([np.ravel(one) for one in y])
    return np.reshape(y, -1)


def _expected(estimator, axes: tuple[int, ...]) -> str:
    lead = ", ".join(["n_samples", *map(str, axes)])
    return f"({lead})" if is_classifier(estimator) else f"({lead}) or ({lead}, n_targets)"


def rows_of(estimator, y):
    """All rows of all samples of checked targets; y itself where a sample has one row."""
    return y.reshape(-1, *y.shape[2:]) if hasattr(estimator, "output_shape_") else y


def by_sample(estimator, rows, samples: int):
    """Targets of all rows (samples * rows, columns) as (samples, rows, columns)."""
    if not hasattr(estimator, "output_shape_"):
        return rows
    return rows.reshape(samples, -1, *rows.shape[1:])


def by_axes(estimator, y):
    """Checked targets with the axes that users give them."""
    if not hasattr(estimator, "output_shape_"):
        return y
    return y.reshape(len(y), *estimator.output_shape_, *y.shape[2:])


def in_rows(function, outputs):
    """Applies a function of (rows, columns) to outputs (n, *axes, columns), and keeps the axes."""
    if outputs.ndim == 2:
        return function(outputs)
    found = function(outputs.reshape(-1, outputs.shape[-1]))
    return found.reshape(*outputs.shape[:-1], *found.shape[1:])

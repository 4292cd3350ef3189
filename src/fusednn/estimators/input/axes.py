"""Data with axes: images (n, H, W, C), and series (n, T, C), become a row for each sample."""

from __future__ import annotations

from math import prod

import numpy as np

from fusednn.estimators.network.first_layer import has_tokens
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.time_axis import free_series

from .sequences import are_sequences, padded, refuse_mixed
from .steps import axes_of, check_columns, check_series, least_steps, padding_of


def as_rows(estimator, X, reset: bool):
    """Flattens the samples of X, and checks their axes.

    Parameters
    ----------
    estimator : estimator
        With `reset`, gets `input_shape_`. Otherwise X must have these axes, or those that the
        network gives samples first; of series the steps may differ where no layer fixes them.
    X : array-like or sparse matrix
        An array with any number of axes; or a list of series of unequal lengths.
    reset : bool
        Whether a new network is fitted.

    Returns
    -------
    array-like or sparse matrix
        X itself if it has at most two axes, otherwise an array of shape (n_samples, n_features):
        a view if X is C-contiguous. Integers become float32, but uint8 stays.

    Raises
    ------
    ValueError
        If the axes of the samples are not those of the fit.
    """
    refuse_mixed(X)
    if are_sequences(X):
        steps, padding = least_steps(estimator, X, reset), padding_of(estimator, reset)
        series = None if reset else free_series(estimator._built_layers.ops)
        X = padded(X, estimator.dtype, steps, padding, series)
        if reset:
            check_series(estimator, X)
    elif isinstance(X, list | tuple) and has_tokens(
        estimator._specs() if reset else estimator.layers_
    ):
        X = np.asarray(X)  # scikit-learn would make floats of integers
    shape = np.shape(X) if isinstance(X, np.ndarray) else _shape_of(X)
    if len(shape) < 3:
        if reset:
            estimator.__dict__.pop("input_shape_", None)
        elif len(shape) == 2:
            check_columns(estimator, shape[1])
        return X
    axes, name = tuple(shape[1:]), type(estimator).__name__
    if reset:
        if len(axes) > 3:
            raise ValueError(
                f"X has samples with axes {axes}, but {name} expects at most three: (H, W, C)."
            )
        estimator.input_shape_ = axes
    elif axes not in (known := _known_axes(estimator)) and not _differs_in_steps(estimator, axes):
        kind = " or ".join(f"axes {one}" if len(one) > 1 else f"{one[0]} columns" for one in known)
        series = free_series(estimator._built_layers.ops)
        if series is not None and not series.are_tokens:
            kind = f"axes {series.free_text}"
        raise ValueError(
            f"X has samples with axes {axes}, but {name} is expecting samples with {kind}."
        )
    X = np.asarray(X)
    if X.dtype.kind in "iub" and X.dtype != np.uint8 and estimator.dtype == "auto":
        X = X.astype(np.float32)
    return X.reshape(len(X), prod(axes))


def _differs_in_steps(estimator, axes: tuple[int, ...]) -> bool:
    """Whether samples with these axes are series of other steps than those of the fit."""
    series = free_series(estimator._built_layers.ops)
    return series is not None and series.steps_of(axes) > 0


def axes_of_array(X) -> tuple[int, ...]:
    """The axes of a sample of an array-like, or its number of columns.

    Raises
    ------
    ValueError
        If it has no samples, or these have too many axes.
    """
    if are_sequences(X):
        return (max(map(len, X)), *np.shape(next(iter(X)))[1:])
    shape = _shape_of(X)
    if not shape and isinstance(X, list | tuple) and len(X):
        shape = (len(X), *np.shape(X[0]))
    if not 2 <= len(shape) <= 4:
        raise ValueError(f"no samples with up to three axes: {shape}")
    return tuple(shape[1:])


def _known_axes(estimator) -> list[tuple[int, ...]]:
    """All axes that samples for a fitted estimator may have, those of the fit first."""
    first = estimator._built_layers.ops[0]
    given = first.axes_read if isinstance(first, Reshape) else ()
    return list(dict.fromkeys([axes_of(estimator), *given]))


def _shape_of(X) -> tuple[int, ...]:
    """The shape of an array-like, without a conversion of lists of rows."""
    if not isinstance(X, list | tuple):
        return getattr(X, "shape", ())
    first = X[0] if X else None
    inner = first[0] if isinstance(first, list | tuple) and first else None
    shape = getattr(first, "shape", None)  # of an array, a frame or a tensor
    nested = _has_length(inner) if shape is None else len(shape) > 1
    return np.asarray(X).shape if nested else ()


def _has_length(value) -> bool:
    return isinstance(value, list | tuple | np.ndarray)

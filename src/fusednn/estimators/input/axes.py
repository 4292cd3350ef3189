"""Data with axes: images (n, H, W, C), and series (n, T, C), become a row for each sample."""

from __future__ import annotations

from math import prod

import numpy as np

from fusednn.graph.layers.reshape import Reshape


def as_rows(estimator, X, reset: bool):
    """Flattens the samples of X, and checks their axes.

    Parameters
    ----------
    estimator : estimator
        With `reset`, gets `input_shape_`. Otherwise X must have these axes, or those that the
        network gives samples first.
    X : array-like or sparse matrix
        An array with any number of axes.
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
    shape = np.shape(X) if isinstance(X, np.ndarray) else _shape_of(X)
    if len(shape) < 3:
        if reset:
            estimator.__dict__.pop("input_shape_", None)
        return X
    axes, name = tuple(shape[1:]), type(estimator).__name__
    if reset:
        if len(axes) > 3:
            raise ValueError(
                f"X has samples with axes {axes}, but {name} expects at most three: (H, W, C)."
            )
        estimator.input_shape_ = axes
    elif axes not in (known := _known_axes(estimator)):
        kind = " or ".join(f"axes {one}" if len(one) > 1 else f"{one[0]} columns" for one in known)
        raise ValueError(
            f"X has samples with axes {axes}, but {name} is expecting samples with {kind}."
        )
    X = np.asarray(X)
    if X.dtype.kind in "iub" and X.dtype != np.uint8 and estimator.dtype == "auto":
        X = X.astype(np.float32)
    return X.reshape(len(X), prod(axes))


def axes_of(estimator) -> tuple[int, ...]:
    """The axes of the samples that an estimator was fitted to."""
    return getattr(estimator, "input_shape_", (estimator.n_features_in_,))


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
    nested = np.ndim(first) > 1 if isinstance(first, np.ndarray) else _has_length(inner)
    return np.asarray(X).shape if nested else ()


def _has_length(value) -> bool:
    return isinstance(value, list | tuple | np.ndarray)

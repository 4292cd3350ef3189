"""Lists of series of unequal lengths: one array, in which NaN is padding, and back."""

from __future__ import annotations

from math import prod

import numpy as np

from fusednn.serving.sequences import Series, are_sequences, refuse_mixed, stacked

__all__ = ["are_sequences", "in_form_of", "padded", "refuse_mixed"]


def padded(
    X,
    dtype: str,
    steps: int = 0,
    padding: int | None = None,
    series: Series | None = None,
) -> np.ndarray:
    """`stacked` with the estimator's `dtype`: "auto" keeps float32, and makes it of integers."""
    whole = np.float64 if dtype == "float64" else np.float32
    return stacked(X, steps, whole, padding, series)


def in_form_of(X, values: np.ndarray):
    """Values for each number of X: rows in the axes of X, or in a list of its arrays.

    Parameters
    ----------
    X
        As the user gave it.
    values : ndarray of shape (n_samples, n_features)
    """
    if not are_sequences(X):
        shape = np.shape(X)
        return values.reshape(shape) if len(shape) > 2 else values
    shapes = [np.shape(sample) for sample in X]
    return [row[: prod(shape)].reshape(shape) for row, shape in zip(values, shapes, strict=True)]

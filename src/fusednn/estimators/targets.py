"""Targets as users give them."""

from __future__ import annotations

from sklearn.utils import column_or_1d


def flattened(y):
    """A column as a vector, with scikit-learn's warning; anything else as it is."""
    if y.ndim == 2 and y.shape[1] == 1:
        return column_or_1d(y, warn=True)
    return y

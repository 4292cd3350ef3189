"""Whether a validation set has the scale of the training data, which a Pipeline may miss."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from fusednn.graph.layers.embedding import Embedding
from fusednn.training.warn import warn_user

MOST_ROWS, MOST_VALUES = 256, 1 << 18
"""What is looked at of each of the two, evenly spaced: far below the work of a pass."""

BEYOND = 0.6
"""A share of the width of X's column; a time that goes on as long as in X gets to 0.5."""

LEAST_ROWS = 5
"""Fewer say little about a column."""


def warn_of_other_scale(network, X, X_val) -> None:
    """Warns of columns of X_val that lie far outside those of X.

    They do where more than half of their values lie `BEYOND` the least and the largest of X.
    Constant columns of X and codes of an embedding have no scale.
    """
    rows, rows_val = _some(X), _some(X_val)
    if min(rows.shape[0], rows_val.shape[0]) < LEAST_ROWS:
        return
    low, high = (_dense_row(part(axis=0)) for part in (rows.min, rows.max))
    with np.errstate(over="ignore"):
        width = high - low
        margin = BEYOND * width
        far = 2 * _count_beyond(rows_val, low - margin, high + margin) > rows_val.shape[0]
    far &= width > 0
    first = network.ops[0]
    if isinstance(first, Embedding):
        far[list(first.columns)] = False
    if far.any():
        warn_user(
            f"{far.sum()} of the {len(far)} columns of X_val lie far outside those of X: scale"
            ' X_val as X is scaled (Pipeline(..., transform_input=["X_val"])).'
        )


def _some(X):
    """Some rows of a dense array or a sparse matrix."""
    most = min(MOST_ROWS, max(LEAST_ROWS, MOST_VALUES // X.shape[1]))
    return X[:: -(-X.shape[0] // most)]


def _dense_row(row):
    return row.toarray().ravel() if sparse.issparse(row) else row


def _count_beyond(rows, low, high):
    """How many values of each column lie outside [low, high]."""
    if not sparse.issparse(rows):
        return ((rows < low) | (rows > high)).sum(axis=0)
    stored = rows.tocoo()
    stored.sum_duplicates()
    columns = stored.col
    beyond = (stored.data < low[columns]) | (stored.data > high[columns])
    counts = np.bincount(columns[beyond], minlength=len(low))
    zeros = rows.shape[0] - np.bincount(columns, minlength=len(low))
    return counts + np.where((low > 0) | (high < 0), zeros, 0)

"""Warns if X_val is not scaled like X, which happens when a Pipeline transforms X only."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.time_axis import series_of
from fusednn.serving.sequences import steps_of
from fusednn.training.warn import warn_user

MOST_ROWS, MOST_VALUES = 256, 1 << 18
"""The most rows and values of X and X_val that are compared; far less work than a pass."""

BEYOND = 0.6
"""The distance from X's range, as a share of its width, from which a value is far outside.

If X_val continues a time column for as long as X, half of its values lie beyond a share of 0.5.
"""

LEAST_ROWS = 5
"""Fewer rows say too little about a column."""


def warn_of_other_scale(network, X, X_val) -> None:
    """Warns if columns of X_val lie far outside the range of the same columns of X.

    A column does if more than half of its values lie below the smallest or above the largest value
    of X by more than `BEYOND` times the width of X's range. Constant columns of X and codes are
    not compared. All steps of series are compared, feature by feature.
    """
    first = network.ops[0]
    if isinstance(first, TokenEmbedding):
        return
    rows, rows_val = _some(X), _some(X_val)
    series = series_of(network.ops)
    if series is not None and not sparse.issparse(X):
        rows, rows_val = (steps_of(part, series) for part in (rows, rows_val))
    if min(rows.shape[0], rows_val.shape[0]) < LEAST_ROWS:
        return
    low, high = (_dense_row(part(axis=0)) for part in (rows.min, rows.max))
    with np.errstate(over="ignore"):
        width = high - low
        margin = BEYOND * width
        far = 2 * _count_beyond(rows_val, low - margin, high + margin) > rows_val.shape[0]
    far &= width > 0
    if isinstance(first, Embedding):
        far[list(first.columns)] = False
    if far.any():
        kind = "columns" if series is None else "features"
        warn_user(
            f"{far.sum()} of the {len(far)} {kind} of X_val lie far outside those of X: scale"
            ' X_val as X is scaled (Pipeline(..., transform_input=["X_val"])).'
        )


def _some(X):
    """Evenly spaced rows of a dense array or a sparse matrix."""
    most = min(MOST_ROWS, max(LEAST_ROWS, MOST_VALUES // X.shape[1]))
    return X[:: -(-X.shape[0] // most)]


def _dense_row(row):
    return row.toarray().ravel() if sparse.issparse(row) else row


def _count_beyond(rows, low, high):
    """Counts the values of each column outside [low, high]."""
    if not sparse.issparse(rows):
        return ((rows < low) | (rows > high)).sum(axis=0)
    stored = rows.tocoo()
    stored.sum_duplicates()
    columns = stored.col
    beyond = (stored.data < low[columns]) | (stored.data > high[columns])
    counts = np.bincount(columns[beyond], minlength=len(low))
    zeros = rows.shape[0] - np.bincount(columns, minlength=len(low))
    return counts + np.where((low > 0) | (high < 0), zeros, 0)

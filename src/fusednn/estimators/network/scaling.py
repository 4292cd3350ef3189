"""Learns the scaling of `standardize` from the data, with scikit-learn's `StandardScaler`."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.time_axis import series_of
from fusednn.serving.sequences import steps_of

from .built_layers import BuiltLayers

PART = 1 << 15
"""Bytes that are summed at once."""


def by_channel(X, built: BuiltLayers | None):
    """The samples as rows that `standardize` scales alike: one for each pixel or step of a series.

    Steps of padding are left out.
    """
    first = built.pieces[0].op if built else None
    if not isinstance(first, Reshape) or sparse.issparse(X):
        return X
    if built and (series := series_of(built.ops)) is not None:
        return steps_of(X, series)
    X = X.reshape(len(X), *first.shape)
    if first.channels_first:
        X = np.moveaxis(X, 1, -1)
    return X.reshape(-1, X.shape[-1])


def scaling_of(X, built: BuiltLayers | None = None):
    """Returns `mean_and_factor` of the channels of X; windows that overlap are read in parts."""
    if sparse.issparse(X) or X.strides[0] >= X.shape[1] * X.itemsize or X.flags.forc:
        return mean_and_factor(by_channel(X, built))
    scaler, step = StandardScaler(), max(1, PART // X.shape[1])
    for first in range(0, len(X), step):
        scaler.partial_fit(by_channel(X[first : first + step], built).astype(float, order="C"))
    return scaler.mean_, 1 / scaler.scale_


def mean_and_factor(X):
    """Returns each column's mean and 1 / standard deviation (1 if it is 0), in float64."""
    if sparse.issparse(X):
        raise ValueError("standardize=True needs dense X: centering would make it dense.")
    if X.dtype == np.uint8:
        return _of_bytes(X)
    # C order: NumPy sums an array in Fortran order, such as a frame's, with other rounding
    scaler = StandardScaler().fit(X.astype(float, order="C", copy=False))
    return scaler.mean_, 1 / scaler.scale_


def _of_bytes(X):
    """The same of uint8, exact but for a last rounding, without a copy of X in floats."""
    n, sums, squares = len(X), *np.zeros((2, X.shape[1]), np.int64)
    step = max(1, PART // X.shape[1])
    for first in range(0, n, step):
        part = X[first : first + step].astype(np.int64)
        sums += part.sum(axis=0)
        squares += (part * part).sum(axis=0)
    pairs = zip(sums.tolist(), squares.tolist(), strict=True)  # Python's integers have any size
    variances = np.array([(n * square - total**2) / n**2 for total, square in pairs])
    return sums / n, 1 / np.sqrt(np.where(variances == 0, 1.0, variances))

"""Learns the scaling of `standardize` from the data, with scikit-learn's `StandardScaler`."""

from __future__ import annotations

from scipy import sparse
from sklearn.preprocessing import StandardScaler


def mean_and_factor(X):
    """Returns each column's mean and 1 / standard deviation (1 if it is 0), in float64."""
    if sparse.issparse(X):
        raise ValueError("standardize=True needs dense X: centering would make it dense.")
    # C order: NumPy sums an array in Fortran order, such as a frame's, with other rounding
    scaler = StandardScaler().fit(X.astype(float, order="C", copy=False))
    return scaler.mean_, 1 / scaler.scale_

"""Scaling of the data's columns, learned before training: scikit-learn's `StandardScaler`."""

from __future__ import annotations

from scipy import sparse
from sklearn.preprocessing import StandardScaler


def mean_and_factor(X):
    """The mean of each column, and 1 over its standard deviation, 1 where that is 0."""
    if sparse.issparse(X):
        raise ValueError("standardize=True needs dense X: centering would make it dense.")
    # by rows: sums over an array by columns round in another order, and a frame is one
    scaler = StandardScaler().fit(X.astype(float, order="C", copy=False))
    return scaler.mean_, 1 / scaler.scale_

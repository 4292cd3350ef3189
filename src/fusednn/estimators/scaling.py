"""Scaling of the data's columns, learned before training: scikit-learn's `StandardScaler`."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import StandardScaler


def mean_and_factor(X):
    """Of each column its mean, and 1 over its standard deviation, 1 where that is 0."""
    scaler = StandardScaler().fit(np.asarray(X, float))
    return scaler.mean_, 1 / scaler.scale_

"""Windows over series: samples for forecasts, without a copy.

Examples
--------
>>> import numpy as np
>>> from fusednn import NetworkRegressor, series
>>> waves = np.sin(np.arange(400.0))
>>> X, y = series.windows(waves, length=30, horizon=5)
>>> model = NetworkRegressor([], solver="lbfgs").fit(X[:300], y[:300])
>>> model.score(X[300:], y[300:]) > 0.99
True
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

__all__ = ["windows"]


def windows(series: Any, length: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts a series into all windows, each with the steps that follow it.

    Sample i has the steps [i, i + length), and its target the next `horizon` ones. Both arrays are
    views of the series that must not be written to. Fits and predictions read them where they lie,
    if the series has the network's type: make it float32 before for a float32 network. A
    network whose samples end as one row takes `y` with columns alone, so reshape that of several
    features: `y.reshape(len(y), -1)`.

    Parameters
    ----------
    series : array-like of shape (n_steps,) or (n_steps, n_features)
        Steps in the order of time.
    length : int
        Steps of a sample, from 1.
    horizon : int
        Steps of a target, from 1.

    Returns
    -------
    X : ndarray of shape (n_samples, length) or (n_samples, length, n_features)
        In the series's type; n_samples is n_steps - length - horizon + 1.
    y : ndarray of shape (n_samples, horizon) or (n_samples, horizon, n_features)

    Raises
    ------
    TypeError
        If `length` or `horizon` is not an integer.
    ValueError
        If the series has another number of axes, or too few steps for a sample.

    Examples
    --------
    >>> from fusednn.series import windows
    >>> X, y = windows([1, 2, 3, 4, 5, 6], length=3, horizon=2)
    >>> X.tolist()
    [[1, 2, 3], [2, 3, 4]]
    >>> y.tolist()
    [[4, 5], [5, 6]]
    """
    for name, value in (("length", length), ("horizon", horizon)):
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name} must be an integer, got {value!r}.")
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    steps = np.asarray(series)
    if steps.ndim not in (1, 2):
        raise ValueError(
            f"series must have the shape (n_steps,) or (n_steps, n_features), got {steps.shape}."
        )
    if len(steps) < length + horizon:
        raise ValueError(
            f"series has {len(steps)} steps, but a sample of length {length} and its target of"
            f" horizon {horizon} need {length + horizon}."
        )
    steps = np.ascontiguousarray(steps)
    return _cut(steps[:-horizon], length), _cut(steps[length:], horizon)


def _cut(steps: np.ndarray, length: int) -> np.ndarray:
    """All windows of so many steps, (n, length, *features)."""
    return np.moveaxis(sliding_window_view(steps, length, axis=0), -1, 1)

"""Sharpens the probabilities of networks that label smoothing has made too even."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from .metrics import LEAST

LEAST_SHARPENED = 100
"""Held-out rows below which probabilities stay as they are."""
MOST = 8.0


def power_of(outputs: np.ndarray, places: np.ndarray, weights: np.ndarray | None) -> float:
    """
    Find the power of probabilities that minimises their log-loss; its inverse is a temperature.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_classes)
        Probabilities for rows that networks have not seen.
    places : ndarray of int of shape (n_rows,)
        Their classes.
    weights : ndarray of shape (n_rows,) or None

    Returns
    -------
    float
        From 1/8 to 8.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    rows = np.arange(len(places))

    def loss(exponent: float) -> float:
        likely = sharpened(outputs, np.exp(exponent))[rows, places]
        return float(-np.average(np.log(np.maximum(likely, LEAST)), weights=weights))

    limit = np.log(MOST)
    found = minimize_scalar(
        loss, bounds=(-limit, limit), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(found.x))


def sharpened(outputs: np.ndarray, power: float) -> np.ndarray:
    """Probabilities to a power, divided by their sums."""
    found = (outputs / outputs.max(axis=1, keepdims=True)) ** power
    return found / found.sum(axis=1, keepdims=True)


def sharpen(network: Any, power: float) -> None:
    """Multiply the weights and biases of a network's output layer, and so its logits."""
    *layers, output = network.get_weights()
    network.set_weights([*layers, [part * np.float32(power) for part in output]])

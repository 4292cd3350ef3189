"""Probabilities of other weights of classes than those that networks are trained with."""

from __future__ import annotations

from typing import Any

import numpy as np

LEAST = 1e-12
"""The share of the largest factor that a class of factor 0 gets."""


def shifted(outputs: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """
    Multiply probabilities by factors of their classes, and divide by the sums.

    What minimises a log-loss whose rows are weighed by their classes is this of what minimises the
    plain one. Weights in training find it less well: a few heavy rows make gradients as noisy as
    batches of a few rows do.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_classes)
    factors : ndarray of shape (n_classes,)
        At least one is above 0.

    References
    ----------
    Saerens, Latinne, Decaestecker, "Adjusting the outputs of a classifier to new a priori
    probabilities", Neural Computation 14, 2002.
    """
    found = outputs * _relative(factors)
    return found / found.sum(axis=1, keepdims=True)


def shift(network: Any, factors: np.ndarray) -> None:
    """Do the same to a network, by the biases of its output layer."""
    logs = np.log(_relative(factors)).astype(np.float32)
    *layers, (weights, biases) = network.get_weights()
    if len(biases) < len(logs):  # one logistic output
        logs = logs[1:] - logs[:1]
    network.set_weights([*layers, [weights, biases + logs]])


def _relative(factors: np.ndarray) -> np.ndarray:
    return np.maximum(factors / factors.max(), LEAST)

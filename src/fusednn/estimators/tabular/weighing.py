"""Weights of families, chosen by their outputs for held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

STEPS = 25
PRICE = 1e-4
"""What a candidate must save, as a share of the best one's loss: each costs predictions time."""


def greedy_weights(
    outputs: Sequence[np.ndarray], loss: Callable[[np.ndarray], float], steps: int = STEPS
) -> np.ndarray:
    """
    Choose weights by greedy selection with replacement.

    Each step adds the candidate with which the mean of all that were chosen has the least loss,
    the first one of equals. The weights are those of the best step. To the loss, a ten-thousandth
    of the best candidate's is added for each that has a weight.

    Parameters
    ----------
    outputs : sequence of ndarray
        Those of each candidate, all of one shape.
    loss : callable
        From outputs to what is to be minimised.
    steps : int, default=25

    Returns
    -------
    ndarray of float64 of shape (n_candidates,)
        They sum to 1.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from libraries of models", ICML
    2004.
    """
    chosen = np.zeros(len(outputs))
    if len(outputs) == 1:
        return chosen + 1
    total = np.zeros_like(outputs[0])
    best, least = chosen, np.inf
    alone = np.array([loss(own) for own in outputs])
    price = PRICE * abs(alone.min())
    for step in range(1, steps + 1):
        mixed = alone if step == 1 else np.array([loss((total + own) / step) for own in outputs])
        losses = mixed + price * (np.count_nonzero(chosen) + (chosen == 0))
        place = int(np.argmin(losses))
        total = total + outputs[place]
        chosen[place] += 1
        if losses[place] < least:
            best, least = chosen / step, losses[place]
    return best

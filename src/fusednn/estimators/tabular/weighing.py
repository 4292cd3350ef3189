"""Weights of families, chosen by their outputs for held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

STEPS = 25


def greedy_weights(
    outputs: Sequence[np.ndarray], loss: Callable[[np.ndarray], float], steps: int = STEPS
) -> np.ndarray:
    """
    Choose weights by greedy selection with replacement.

    Each step adds the candidate with which the mean of all that were chosen has the least loss,
    the first one of equals. The weights are those of the best step.

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
    for step in range(1, steps + 1):
        losses = [loss((total + own) / step) for own in outputs]
        place = int(np.argmin(losses))
        total = total + outputs[place]
        chosen[place] += 1
        if losses[place] < least:
            best, least = chosen / step, losses[place]
    return best

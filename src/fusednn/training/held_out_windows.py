"""Held-out codes: the loss of the network that is being trained on their windows."""

from __future__ import annotations

import numpy as np

from fusednn.graph.network import Network
from fusednn.plan.binding.next_tokens import NextTokens
from fusednn.plan.training import Target

from .session import Session

MOST_BYTES = 1 << 24
"""About the most bytes of the logits of windows that are judged at once."""


class HeldOutWindows:
    """Takes the place of a `Validation`: the score is the negated mean loss of a token.

    Parameters
    ----------
    tokens : NextTokens
        Judged in windows that follow one another; the last codes, too few for one, are left out.
    network : Network
    decides : bool
        Whether training stops by the score and restores the best weights.
    """

    with_loss = True
    score = None

    def __init__(self, tokens: NextTokens, network: Network, decides: bool):
        self.decides, self._tokens = decides, tokens
        self._windows = (len(tokens.codes) - 1) // tokens.steps
        bytes_of_window = tokens.steps * network.outputs * np.dtype(tokens.dtype).itemsize
        count = max(1, min(self._windows, MOST_BYTES // bytes_of_window))
        self._X = np.zeros((count, tokens.steps), tokens.codes.dtype)
        self._target = Target(np.zeros((count, tokens.steps, 1), tokens.dtype), None)

    def judge(self, session: Session) -> tuple[float, float]:
        """The mean loss of a token, and its negative."""
        codes, steps = self._tokens.codes, self._tokens.steps
        total = 0.0
        for first in range(0, self._windows, len(self._X)):
            count = min(len(self._X), self._windows - first)
            at, end = first * steps, (first + count) * steps
            self._X[:count] = codes[at:end].reshape(count, steps)
            self._target.values[:count, :, 0] = codes[at + 1 : end + 1].reshape(count, steps)
            session.write(self._X, self._target.values)
            losses = session.evaluations.losses(self._target, None, self._X)
            total += float(losses[: count * steps].sum())
        loss = total / (self._windows * steps)
        return loss, -loss

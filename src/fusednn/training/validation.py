"""Held-out samples: the network's outputs for them during training, its loss and its score."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fusednn.plan.training import Target

from .session import Session


class Validation(NamedTuple):
    """The samples that the network is evaluated on after each pass.

    Parameters
    ----------
    samples : ndarray of int64 or None
        The samples held out of the training data.
    X : array or sparse matrix or None
        Separate data instead of them.
    target : Target
        The targets of the held-out samples only, in their order.
    score : callable or None
        From the session and the outputs to a number, larger is better; None: the negated loss.
    with_loss : bool
        Whether the loss is wanted too.
    decides : bool
        Whether training stops by the score and restores the best weights.
    """

    samples: np.ndarray | None
    X: object
    target: Target
    score: Callable[[Session, np.ndarray], float] | None
    with_loss: bool
    decides: bool

    def judge(self, session: Session) -> tuple[float | None, float]:
        """The weighted mean loss without the L2 term, or None where not wanted; and the score."""
        loss = None
        if self.with_loss:
            losses = session.evaluations.losses(self.target, self.samples, self.X)
            loss = self.target.mean(losses)
        if self.score is None:
            assert loss is not None
            return loss, -loss
        outputs = session.evaluations.outputs(self.samples, self.X)
        return loss, self.score(session, outputs) if np.isfinite(outputs).all() else np.nan

"""Held-out samples: the outputs of the network being trained for them, its loss and its score."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fusednn.kernels import loss_gradient
from fusednn.kernels.losses import LOSSES, bounds
from fusednn.plan.inference import LOGITS
from fusednn.plan.training import Target

from .session import Session


class Validation(NamedTuple):
    """What the network is judged on after each pass.

    Parameters
    ----------
    samples : ndarray of int64 or None
        Held out of the training data.
    X : array or sparse matrix or None
        Data of their own, instead.
    target : Target
        Of the held-out samples only, in their order.
    score : callable or None
        From the session and the outputs to a number, larger is better; None is the loss,
        negated.
    with_loss : bool
        Whether the loss is wanted too.
    decides : bool
        Whether training stops by the score, and the best weights come back.
    """

    samples: np.ndarray | None
    X: object
    target: Target
    score: Callable[[Session, np.ndarray], float] | None
    with_loss: bool
    decides: bool

    def judge(self, session: Session) -> tuple[float | None, float]:
        """The loss, or None where it is not wanted, and the score."""
        loss = None
        if self.with_loss:
            loss = mean_loss(session, self.target, session.outputs(self.samples, self.X, LOGITS))
        if self.score is None:
            assert loss is not None
            return loss, -loss
        outputs = session.outputs(self.samples, self.X)
        return loss, self.score(session, outputs) if np.isfinite(outputs).all() else np.nan


def mean_loss(session: Session, target: Target, logits: np.ndarray) -> float:
    """The weighted mean of the rows' losses, without the L2 term."""
    loss = LOSSES[session.network.loss]
    total = np.zeros(len(logits))
    for group, (first, outputs) in enumerate(session.network.output_groups()):
        at = slice(group, group + 1) if loss.class_targets else slice(first, first + outputs)
        t = np.ascontiguousarray(target.values[:, at])
        z = np.ascontiguousarray(logits[:, first : first + outputs])
        values, dz = np.empty(len(z)), np.empty_like(z)
        work = np.empty(outputs + t.shape[1] + 3, z.dtype)
        loss_gradient(dz, values, z, t, work, *bounds(z.dtype), loss.code)
        total += values
    return float(np.average(total, weights=target.weights))

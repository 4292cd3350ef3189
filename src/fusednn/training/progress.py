"""What a fit has reached, who watches it, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from .warn import warn_user


class NonFiniteError(ValueError):
    """The parameters stopped being finite.

    `kept` says whether the progress has the parameters of the best validation score, which needs
    a score that decides and was a number. Otherwise it has the last finite parameters.
    """

    kept = False


@dataclass
class Progress:
    """What a fit has reached; the fields are scikit-learn's fitted attributes of those names."""

    n_iter: int = 0
    t: int = 0
    loss: float = np.inf
    loss_curve: list[float] = field(default_factory=list)
    best_loss: float | None = np.inf
    validation_scores: list[float] | None = None
    validation_loss_curve: list[float] | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0
    parameters: list[np.ndarray] | None = None

    def advance(self, losses: list[float], samples: int) -> None:
        """Notes the losses of passes over so many samples."""
        self.n_iter += len(losses)
        self.t += samples * len(losses)
        self.loss_curve += losses
        self.loss = losses[-1] if losses else self.loss


class Watcher(Protocol):
    """Is called at each pass, or at each iteration of L-BFGS."""

    def begin(self) -> None:
        """Is called before a pass."""

    def end(self, progress: Progress, parameters) -> bool:
        """Is called after a pass; returns true to stop. `parameters()` makes new arrays."""


class Stopping(NamedTuple):
    """When a fit ends.

    Parameters
    ----------
    max_iter : int
        Passes.
    tol : float
    n_iter_no_change : float
    single_pass : bool
        End after one pass without a warning: `partial_fit`.
    max_time : float or None
        Seconds.
    warns : bool
        Whether to warn that the last pass ended the fit.
    cycles : tuple of int or None
        The passes after which cycles of the learning rate end, if the fit may stop there.
    keeps_last : bool
        Whether the last of the epochs with the best validation score is kept, else the first.
    """

    max_iter: int
    tol: float
    n_iter_no_change: float
    single_pass: bool = False
    max_time: float | None = None
    warns: bool = True
    cycles: tuple[int, ...] | None = None
    keeps_last: bool = False

    @property
    def out_of_time(self) -> str:
        """The limit of `max_time`, for a warning."""
        return f"Stochastic Optimizer: Maximum time ({self.max_time} s)"

    def reason(self, by_score: bool) -> str:
        """Why a fit ends that improves no more."""
        what = "Validation score" if by_score else "Training loss"
        if self.cycles is not None:
            return f"{what} did not improve more than tol={self.tol:f} in a cycle."
        return (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change:d} consecutive epochs."
        )


def warn_unconverged(limit: str) -> None:
    """Warns that a limit ended the training."""
    from sklearn.exceptions import ConvergenceWarning

    warn_user(
        f"{limit} reached and the optimization hasn't converged yet.",
        ConvergenceWarning,
    )

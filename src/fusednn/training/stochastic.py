"""The loop of the stochastic solvers: passes, shuffles, stopping, as scikit-learn orders them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from .optimizer_state import OptimizerState
from .session import Session, TimeUp
from .validation import Validation
from .warn import warn_user


class NonFiniteError(ValueError):
    """The parameters stopped being finite.

    The progress has those of the best validation score, if one decides and was a number, which
    is what `kept` says; else the last finite ones.
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
        """Takes down the losses of passes over so many samples."""
        self.n_iter += len(losses)
        self.t += samples * len(losses)
        self.loss_curve += losses
        self.loss = losses[-1] if losses else self.loss


class Watcher(Protocol):
    """Who is told of the passes, or of the iterations of L-BFGS."""

    def begin(self) -> None:
        """A pass begins."""

    def end(self, progress: Progress, parameters) -> bool:
        """A pass has ended; true to stop. `parameters()` are the present ones, as new arrays."""


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
    """

    max_iter: int
    tol: float
    n_iter_no_change: float
    single_pass: bool = False
    max_time: float | None = None


def fit_stochastic(
    session: Session,
    optimizer: OptimizerState,
    progress: Progress,
    stopping: Stopping,
    *,
    random_state: np.random.RandomState,
    shuffle: bool,
    validation: Validation | None,
    verbose,
    watcher: Watcher | None = None,
) -> None:
    """Trains until a stopping rule holds, Ctrl-C, or the last pass.

    All random draws are made here, in scikit-learn's order. `progress` is brought up to date,
    its `parameters` last, and shown to the watcher after every pass.

    Raises
    ------
    NonFiniteError
        If the parameters stop being finite.
    """
    flat, samples = session.plan.parameters, session.orders.shape[1]
    progress.n_iter = 0
    by_score = validation is not None and validation.decides
    served = session.plan.served  # what the score is of
    best = served.copy() if by_score else None
    undo = _Undo(session, optimizer)
    optimizer.total = stopping.max_iter * session.batches
    start = time.perf_counter()
    session.deadline = None if stopping.max_time is None else start + stopping.max_time
    watched = verbose or watcher or validation or session.deadline or stopping.single_pass
    watched = watched or optimizer.waits_for_losses
    out_of_time = f"Stochastic Optimizer: Maximum time ({stopping.max_time} s)"
    try:
        while progress.n_iter < stopping.max_iter:
            if watcher is not None:
                watcher.begin()
            passes = 1 if watched else min(session.ahead, _undecided(progress, stopping))
            if shuffle:
                session.shuffle(random_state, passes)
            undo.begin(passes)
            seen = [progress.t + samples * (number + 1) for number in range(passes)]
            rates = optimizer.rates(session.batches, seen)
            losses = list(session.run_passes(rates))
            if not np.isfinite(flat).all():
                raise NonFiniteError
            undo.end()
            optimizer.note_loss(losses[-1])
            progress.advance(losses, samples)
            if verbose:
                print(f"Iteration {progress.n_iter}, loss = {progress.loss:.8f}")
            improved = _judge_validation(progress, stopping.tol, validation, session, verbose)
            if improved:
                best = served.copy()
            if not by_score:
                _judge_losses(progress, losses, stopping.tol)
            if verbose > 1:
                seconds = time.perf_counter() - start
                rate = rates[-1] if rates.ndim == 1 else optimizer.learning_rate
                print(f"Learning rate: {rate:g}, seconds: {seconds:.2f}")
            stop = watcher is not None and watcher.end(progress, session.parameters)
            if progress.no_improvement_count > stopping.n_iter_no_change:
                if optimizer.stalled(_reason(stopping, by_score), verbose):
                    break
                progress.no_improvement_count = 0
            if stop or stopping.single_pass:
                break
            if progress.n_iter == stopping.max_iter:
                warn_unconverged(f"Stochastic Optimizer: Maximum iterations ({stopping.max_iter})")
            elif session.is_late():
                warn_unconverged(out_of_time)
                break
    except NonFiniteError as diverged:
        progress.advance(undo.to_finite_passes(rates, seen), samples)
        diverged.kept = by_score and progress.best_validation_score != -np.inf
        best = best if diverged.kept else None
        raise
    except TimeUp as late:
        undo.to_batch(late.args[0])
        warn_unconverged(out_of_time)
    except KeyboardInterrupt:
        undo.to_what_was_told()
        warn_user("Training interrupted by user.")
    except Exception:  # of a scorer or a watcher: nothing of this fit is kept
        best = None
        raise
    finally:
        if best is not None:
            served[:] = best
            if progress.best_validation_score == -np.inf and progress.n_iter:
                warn_user("No validation score was a number: the first weights are kept.")
        del best, undo  # as large as what the next line makes
        progress.parameters = session.parameters()


class _Undo:
    """The way back from passes that run: parameters, and their averages, end finite."""

    def __init__(self, session: Session, optimizer: OptimizerState):
        self._session, self._optimizer = session, optimizer
        self._flats = session.plan.parameters, session.plan.averages
        self._copies = [flat.copy() for flat in self._flats]
        self._before: Any = None  # the state before passes that run together

    def begin(self, passes: int) -> None:
        """So many passes are to run."""
        for flat, copy in zip(self._flats, self._copies, strict=True):
            copy[:] = flat
        self._before = self._session.state() if passes > 1 else None
        self._mark = self._optimizer.mark()

    def end(self) -> None:
        """They have run."""
        self._before = None

    def to_batch(self, batches: int) -> None:
        """All but the first batches have not run."""
        self._optimizer.go_back(self._mark, batches)
        self._to_finite()

    def to_what_was_told(self) -> None:
        """Passes that run together have not run: none has been told of."""
        if self._before is not None:
            self._session.restore(self._before)
            self._optimizer.go_back(self._mark)
        self._to_finite()

    def to_finite_passes(self, rates: np.ndarray, seen: list[int]) -> list[float]:
        """As many of the passes as leave finite parameters are run again; their losses."""
        self._optimizer.go_back(self._mark)
        for passes in range(len(seen) - 1, 0, -1):
            self._session.restore(self._before)
            losses = list(self._session.run_passes(rates[: passes * self._session.batches]))
            if np.isfinite(self._flats[0]).all():
                self._optimizer.rates(self._session.batches, seen[:passes])
                return losses
        if self._before is not None:
            self._session.restore(self._before)
        self._to_finite()
        return []

    def _to_finite(self) -> None:
        if np.isfinite(self._flats[0]).all():
            return
        for flat, copy in zip(self._flats, self._copies, strict=True):
            flat[:] = copy


def _undecided(progress: Progress, stopping: Stopping) -> int:
    """How many passes will run whatever their losses are."""
    left = stopping.max_iter - progress.n_iter
    until = np.floor(stopping.n_iter_no_change) + 1 - progress.no_improvement_count
    return int(max(1, min(left, until)))


def _judge_losses(progress: Progress, losses: list[float], tol: float) -> None:
    best, idle = progress.best_loss, progress.no_improvement_count
    assert best is not None
    for loss in losses:
        idle = 0 if loss <= best - tol else idle + 1  # what is no number improves nothing
        best = min(best, loss)
    progress.best_loss, progress.no_improvement_count = best, idle


def _judge_validation(progress: Progress, tol: float, validation, session, verbose) -> bool:
    """Judges the held-out samples, if any; true if the best score so far decides."""
    if validation is None:
        return False
    assert progress.validation_scores is not None
    loss, score = validation.judge(session)
    if loss is not None:
        assert progress.validation_loss_curve is not None
        progress.validation_loss_curve.append(loss)
        if verbose > 1:
            print(f"Validation loss: {loss:f}")
    progress.validation_scores.append(score)
    if verbose:
        print(f"Validation score: {score:f}")
    assert progress.best_validation_score is not None
    improved = score > progress.best_validation_score
    if validation.decides:
        if score >= progress.best_validation_score + tol:
            progress.no_improvement_count = 0
        else:  # also where it is no number
            progress.no_improvement_count += 1
    if improved:
        progress.best_validation_score = score
    return improved and validation.decides


def _reason(stopping: Stopping, by_score: bool) -> str:
    what = "Validation score" if by_score else "Training loss"
    return (
        f"{what} did not improve more than tol={stopping.tol:f} for "
        f"{stopping.n_iter_no_change:d} consecutive epochs."
    )


def warn_unconverged(limit: str) -> None:
    """Warns that a limit ended the training."""
    from sklearn.exceptions import ConvergenceWarning

    warn_user(
        f"{limit} reached and the optimization hasn't converged yet.",
        ConvergenceWarning,
    )

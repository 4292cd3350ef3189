"""The loop of the stochastic solvers: passes, shuffles, stopping, in scikit-learn's order."""

from __future__ import annotations

import time

import numpy as np

from .cycles import Cycles
from .drawn_windows import DrawnWindows
from .held_out_windows import HeldOutWindows
from .optimizer_state import OptimizerState
from .progress import NonFiniteError, Progress, Stopping, Watcher, warn_unconverged
from .session import Session, TimeUp
from .undo import Undo
from .validation import Validation
from .warn import warn_user


def fit_stochastic(
    session: Session,
    optimizer: OptimizerState,
    progress: Progress,
    stopping: Stopping,
    *,
    random_state: np.random.RandomState | DrawnWindows,
    shuffle: bool,
    validation: Validation | HeldOutWindows | None,
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
    fit = _Fit(
        *(session, optimizer, progress, stopping, random_state, shuffle, validation),
        *(verbose, watcher),
    )
    failed = False
    try:
        while True:
            fit.run_passes()
            fit.judge()
            if fit.is_over():
                break
    except NonFiniteError as diverged:
        diverged.kept = fit.diverged()
        raise
    except TimeUp as late:
        fit.undo.to_batch(late.args[0])
        warn_unconverged(stopping.out_of_time)
    except KeyboardInterrupt:
        fit.undo.to_last_shown()
        warn_user("Training interrupted by user.")
    except Exception:  # a scorer, a watcher or a device raised it: the fit fails
        failed = True
        raise
    finally:
        if not failed:
            fit.end()
            progress.parameters = session.parameters()


class _Fit:
    """One fit: pass, judge, end.

    Attributes
    ----------
    best : list of ndarray, or None
        The parameters of the best validation score so far, where it decides: `session.copies`.
    undo : Undo
    """

    def __init__(
        self, session: Session, optimizer: OptimizerState, progress: Progress, stopping: Stopping,
        random_state: np.random.RandomState | DrawnWindows, shuffle: bool,
        validation: Validation | HeldOutWindows | None, verbose, watcher: Watcher | None,
    ):  # fmt: skip
        self._session, self._optimizer, self._progress = session, optimizer, progress
        self._stopping, self._random_state, self._shuffle = stopping, random_state, shuffle
        self._validation, self._verbose, self._watcher = validation, verbose, watcher
        self._samples = session.orders.shape[1]
        self._by_score = validation is not None and validation.decides
        self._served = session.plan.served  # the parameters that the score judges
        self.best = session.copies([self._served]) if self._by_score else None
        self.undo = Undo(session, optimizer)
        progress.n_iter = 0
        optimizer.total = stopping.max_iter * session.batches
        self._start = time.perf_counter()
        limit = stopping.max_time
        session.deadline = None if limit is None else self._start + limit
        watched = verbose or watcher or validation or session.deadline or stopping.single_pass
        self._ahead = 1 if watched or optimizer.waits_for_losses else session.ahead
        self._cycles: Cycles | None = None
        if stopping.cycles is not None:
            self._cycles = Cycles(stopping.cycles, progress, self._by_score)

    def run_passes(self) -> None:
        """Runs the next pass, or several short ones that cannot be the last."""
        if self._watcher is not None:
            self._watcher.begin()
        session, progress = self._session, self._progress
        passes = min(self._ahead, _undecided(progress, self._stopping))
        if self._cycles is not None:
            passes = int(min(passes, self._cycles.undecided(progress.n_iter)))
        if self._shuffle:
            session.shuffle(self._random_state, passes)
        self.undo.begin(passes)
        self._seen = [progress.t + self._samples * (number + 1) for number in range(passes)]
        self._rates = self._optimizer.rates(session.batches, self._seen)
        self._losses = list(session.run_passes(self._rates))
        if not session.is_finite():
            raise NonFiniteError
        self.undo.end()
        self._optimizer.note_loss(self._losses[-1])
        progress.advance(self._losses, self._samples)

    def judge(self) -> None:
        """Judges the passes by their losses or the held-out samples, and prints."""
        progress, verbose = self._progress, self._verbose
        if verbose:
            print(f"Iteration {progress.n_iter}, loss = {progress.loss:.8f}")
        tol, session = self._stopping.tol, self._session
        keeps_last = self._stopping.keeps_last
        if _judge_validation(progress, tol, self._validation, session, verbose, keeps_last):
            assert self.best is not None
            session.overwrite(self.best, [self._served])
        if not self._by_score:
            _judge_losses(progress, self._losses, tol)
        if verbose > 1:
            seconds = time.perf_counter() - self._start
            rates = self._rates
            rate = rates[-1] if rates.ndim == 1 else self._optimizer.learning_rate
            print(f"Learning rate: {rate:g}, seconds: {seconds:.2f}")

    def is_over(self) -> bool:
        """Shows the watcher the pass; whether a stopping rule holds."""
        progress, stopping, watcher = self._progress, self._stopping, self._watcher
        stop = watcher is not None and watcher.end(progress, self._session.parameters)
        if progress.no_improvement_count > stopping.n_iter_no_change:
            if self._optimizer.stalled(stopping.reason(self._by_score), self._verbose):
                return True
            progress.no_improvement_count = 0
        if self._cycles is not None and self._cycles.stops(progress, stopping.tol):
            return self._optimizer.stalled(stopping.reason(self._by_score), self._verbose)
        if stop or stopping.single_pass:
            return True
        if progress.n_iter == stopping.max_iter:
            if stopping.warns:
                warn_unconverged(f"Stochastic Optimizer: Maximum iterations ({stopping.max_iter})")
            return True
        if self._session.is_late():
            warn_unconverged(stopping.out_of_time)
            return True
        return False

    def diverged(self) -> bool:
        """Goes back to finite parameters; whether those of the best score are kept."""
        progress = self._progress
        progress.advance(self.undo.to_finite_passes(self._rates, self._seen), self._samples)
        kept = self._by_score and progress.best_validation_score != -np.inf
        self.best = self.best if kept else None
        return kept

    def end(self) -> None:
        """Takes over the best parameters, and drops the copies: each is as large as those.

        A fit that ends within its first pass has no score, and keeps what it has learned.
        """
        judged = self._progress.n_iter or self._progress.best_validation_score != -np.inf
        if self.best is not None and judged:
            self._session.overwrite([self._served], self.best)
            if self._progress.best_validation_score == -np.inf:
                warn_user("No validation score was a number: the first weights are kept.")
        del self.best, self.undo


def _undecided(progress: Progress, stopping: Stopping) -> int:
    """How many passes run whatever their losses are."""
    left = stopping.max_iter - progress.n_iter
    until = np.floor(stopping.n_iter_no_change) + 1 - progress.no_improvement_count
    return int(max(1, min(left, until)))


def _judge_losses(progress: Progress, losses: list[float], tol: float) -> None:
    best, idle = progress.best_loss, progress.no_improvement_count
    assert best is not None
    for loss in losses:
        idle = 0 if loss <= best - tol else idle + 1  # NaN improves nothing
        best = min(best, loss)
    progress.best_loss, progress.no_improvement_count = best, idle


def _judge_validation(
    progress: Progress, tol: float, validation, session, verbose, keeps_last: bool
) -> bool:
    """Judges the held-out samples, if any; true if their score decides and is the best so far.

    With `keeps_last` a score that equals the best one is the best too.
    """
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
    best = progress.best_validation_score
    improved = score > best or (keeps_last and score == best > -np.inf)
    if validation.decides:
        if score >= progress.best_validation_score + tol:
            progress.no_improvement_count = 0
        else:  # also where it is no number
            progress.no_improvement_count += 1
    if improved:
        progress.best_validation_score = score
    return improved and validation.decides

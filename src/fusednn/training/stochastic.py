"""The loop of the stochastic solvers: passes, shuffles, stopping, as scikit-learn orders them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .optimizer_state import OptimizerState
from .session import Session


class NonFiniteError(ValueError):
    """The parameters stopped being finite; the last finite ones are in the progress."""


@dataclass
class Progress:
    """What a fit has reached; the fields are scikit-learn's fitted attributes of those names."""

    n_iter: int = 0
    t: int = 0
    loss: float = np.inf
    loss_curve: list[float] = field(default_factory=list)
    best_loss: float | None = np.inf
    validation_scores: list[float] | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0
    parameters: tuple[list[np.ndarray], list[np.ndarray]] | None = None


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
    """

    max_iter: int
    tol: float
    n_iter_no_change: float
    single_pass: bool = False


class Validation(NamedTuple):
    """Held-out samples of the training data, and how to score the outputs for them."""

    samples: np.ndarray
    score: Callable[[np.ndarray], float]


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
    on_pass: Callable[[Progress], None] | None = None,
) -> None:
    """Trains until a stopping rule holds, Ctrl-C, or the last pass.

    All random draws are made here, in scikit-learn's order. `progress` is brought up to date,
    its `parameters` last, and given to `on_pass` after every pass.

    Raises
    ------
    NonFiniteError
        If the parameters stop being finite, and there is no validation set.
    """
    flat = session.plan.parameters
    progress.n_iter = 0
    best = flat.copy() if validation else None
    finite = flat.copy()
    try:
        while progress.n_iter < stopping.max_iter:
            if shuffle:
                random_state.shuffle(session.order)
            finite[:] = flat
            taken = optimizer.t
            loss = session.run_pass(optimizer.rates(session.batches))
            # a validation set sorts out what diverged: the best weights come back at the end
            if validation is None and not np.isfinite(flat).all():
                flat[:] = finite
                optimizer.t = taken
                raise NonFiniteError
            progress.n_iter += 1
            progress.loss = loss
            progress.t += len(session.order)
            progress.loss_curve.append(loss)
            if verbose:
                print(f"Iteration {progress.n_iter}, loss = {loss:.8f}")
            if validation is None:
                _judge_loss(progress, stopping.tol)
            elif _judge_score(progress, stopping.tol, validation, session, verbose):
                best = flat.copy()
            optimizer.pass_ends(progress.t)
            if on_pass is not None:
                on_pass(progress)
            if progress.no_improvement_count > stopping.n_iter_no_change:
                if optimizer.stalled(_reason(stopping, validation), verbose):
                    break
                progress.no_improvement_count = 0
            if stopping.single_pass:
                break
            if progress.n_iter == stopping.max_iter:
                _warn_unconverged(stopping.max_iter)
    except KeyboardInterrupt:
        if not np.isfinite(flat).all():
            flat[:] = finite
        warnings.warn("Training interrupted by user.", stacklevel=6)
    finally:
        if best is not None:
            flat[:] = best
        del best, finite  # as large as what the next line makes
        progress.parameters = session.parameters()


def _judge_loss(progress: Progress, tol: float) -> None:
    assert progress.best_loss is not None
    if progress.loss > progress.best_loss - tol:
        progress.no_improvement_count += 1
    else:
        progress.no_improvement_count = 0
    progress.best_loss = min(progress.best_loss, progress.loss)


def _judge_score(progress: Progress, tol: float, validation, session, verbose) -> bool:
    """Scores the validation samples; true if the score is the best so far."""
    assert progress.validation_scores is not None
    assert progress.best_validation_score is not None
    outputs = session.outputs(validation.samples)
    score = validation.score(outputs) if np.isfinite(outputs).all() else np.nan
    progress.validation_scores.append(score)
    if verbose:
        print(f"Validation score: {score:f}")
    if score < progress.best_validation_score + tol:
        progress.no_improvement_count += 1
    else:
        progress.no_improvement_count = 0
    if score > progress.best_validation_score:
        progress.best_validation_score = score
        return True
    return False


def _reason(stopping: Stopping, validation) -> str:
    what = "Training loss" if validation is None else "Validation score"
    return (
        f"{what} did not improve more than tol={stopping.tol:f} for "
        f"{stopping.n_iter_no_change:d} consecutive epochs."
    )


def _warn_unconverged(max_iter: int) -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.warn(
        f"Stochastic Optimizer: Maximum iterations ({max_iter}) "
        "reached and the optimization hasn't converged yet.",
        ConvergenceWarning,
        stacklevel=7,
    )

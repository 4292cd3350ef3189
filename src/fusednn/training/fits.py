"""Prepares and runs fits below the estimators."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result

from fusednn.plan.training import Rule

from .batch_checks import check_batches
from .cycles import passes_at_ends
from .drawn_windows import DrawnWindows
from .fit_values import AUTO_ROWS, FitOptions, Outcome, Training
from .lbfgs import fit_lbfgs
from .optimizer_state import OptimizerState
from .placing import placed
from .plan_cache import keep_session, take_session
from .progress import NonFiniteError, Progress, Stopping, Watcher
from .session import Session
from .stochastic import fit_stochastic
from .warn import warn_user

DIVERGED = (
    "The weights stopped being finite after pass {}: training ends, and the weights of the best"
    " validation score, {:g}, are kept. Lower learning_rate_init or scale the data."
)


Train = Callable[[Watcher | None], Outcome]
"""A prepared training: it runs with a watcher of its passes, if any."""


def prepare_lbfgs(options: FitOptions, training: Training) -> Train:
    """Prepares a training by L-BFGS."""
    training = training.without_padding()
    batch = len(training.order)
    make = partial(training.session, Rule(None), batch, options.alpha, options.n_jobs)
    session = placed(make, options.device, training.network, batch)
    return partial(_fit_lbfgs, options, training.arrays, session)


def _fit_lbfgs(options: FitOptions, arrays, session: Session, watcher) -> Outcome:
    with session:
        solution = fit_lbfgs(
            session,
            arrays,
            tol=options.tol,
            max_iter=options.max_iter,
            max_fun=options.max_fun,
            verbose=options.verbose,
            max_time=options.max_time,
            watcher=watcher,
        )
    if not all(np.isfinite(array).all() for array in solution.parameters):
        return Outcome(finite=False)
    n_iter = solution.n_iter
    if solution.result is not None:
        n_iter = _check_optimize_result("lbfgs", solution.result, options.max_iter)
    return Outcome(True, Progress(n_iter, loss=solution.loss, parameters=solution.parameters))


def optimizer_of(
    options: FitOptions, before: OptimizerState | None, incremental: bool
) -> OptimizerState:
    """The optimizer to train with: a copy of the one before if it is continued, or a new one."""
    if before is not None and (incremental or before.solver == options.solver):
        return copy.copy(before)  # the estimator's own stays as it is if the fit fails
    return OptimizerState(
        options.solver,
        options.rule,
        options.learning_rate_init,
        options.learning_rate,
        options.power_t,
    )


def prepare_stochastic(
    options: FitOptions,
    training: Training,
    optimizer: OptimizerState,
    progress: Progress,
    random_state: np.random.RandomState | DrawnWindows,
) -> Train:
    """Prepares a training by passes."""
    training = training.without_padding()
    block = _batch_rows(options.batch_size, len(training.order))
    batch = min(block * options.accumulate, len(training.order))
    check_batches(options, training, block)
    rule = _update_of(options, optimizer.rule, block if batch > block else 0)
    kind = take_session if training.incremental else partial(Session, several=True)
    make = partial(training.session, rule, batch, options.alpha, options.n_jobs, make=kind)
    session = placed(make, options.device, training.network, batch)
    _load(session, training.arrays, optimizer)
    seed = random_state.randint(2**31) if session.plan.is_random else 0
    goes_on = isinstance(random_state, DrawnWindows)
    session.begin(seed, optimizer.t, goes_on, options.max_iter)
    cycles, patience = None, options.n_iter_no_change
    if isinstance(patience, str):  # "cycle"
        total = options.max_iter * session.batches
        cycles = passes_at_ends(options.learning_rate, total, optimizer.t, session.batches)
        patience = np.inf
    stopping = Stopping(
        options.max_iter,
        options.tol,
        patience,
        training.incremental,
        options.max_time,
        warns=not goes_on,  # texts are seldom learned by heart
        cycles=cycles,
        keeps_last=options.best_epoch == "last",
    )
    fit = partial(
        fit_stochastic,
        *(session, optimizer, progress, stopping),
        random_state=random_state,
        shuffle=options.shuffle,
        validation=training.validation,
        verbose=options.verbose,
    )
    return partial(_fit_stochastic, session, optimizer, progress, fit)


def _update_of(options: FitOptions, rule: Rule, block: int) -> Rule:
    """An optimizer's rule with what the options add; gradients of `block` rows are added up."""
    return rule._replace(
        clip_norm=np.inf if options.clip_norm is None else float(options.clip_norm),
        clip_value=np.inf if options.clip_value is None else float(options.clip_value),
        block=block,
        average=float(options.ema_decay or 0.0),
        l1=float(options.l1),
        mixup=float(options.mixup),
        augmentation=options.augmentation,
        window=options.window or 0,
    )


def _load(session: Session, arrays, optimizer: OptimizerState) -> None:
    """Loads parameters and moments, and the weights before averaging if they belong to these."""
    session.load(arrays, optimizer.moments)
    if session.plan.averages.size and optimizer.raw is not None:
        raw, known = optimizer.raw
        if known == digest_of(arrays):  # else the user has set other weights
            session.load_trained(raw)


def _fit_stochastic(session: Session, optimizer, progress: Progress, fit, watcher) -> Outcome:
    finite = True
    try:
        with session:
            fit(watcher=watcher)
    except NonFiniteError as diverged:  # the moments stay those before the fit
        finite = diverged.kept
        if finite:
            message = DIVERGED.format(progress.n_iter, progress.best_validation_score)
            warn_user(message, ConvergenceWarning)
    else:
        return Outcome(
            True, progress, optimizer, commit=partial(_commit, session, optimizer, progress)
        )
    return Outcome(finite, progress, optimizer)


def _commit(session: Session, optimizer: OptimizerState, progress: Progress) -> None:
    """Saves what the optimizer needs to continue, and the session."""
    optimizer.moments = session.moments()
    optimizer.raw = None
    if session.plan.averages.size:
        optimizer.raw = session.trained(), digest_of(progress.parameters)
    keep_session(session)


def digest_of(arrays) -> bytes:
    """A digest of parameters, matrices first, then vectors; it is saved in files."""
    digest = hashlib.blake2b(digest_size=16)
    for array in sorted(arrays, key=lambda array: array.ndim != 2):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _batch_rows(batch_size, samples: int) -> int:
    if batch_size in AUTO_ROWS:
        return min(AUTO_ROWS[batch_size], samples)
    if batch_size > samples:
        warn_user(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
        )
    return int(np.clip(batch_size, 1, samples))

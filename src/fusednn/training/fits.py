"""A fit below the estimators: its options, its network and data, its preparation and outcome."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result

from fusednn.graph.augmentation import Augmentation
from fusednn.graph.network import Network
from fusednn.optimizers import AdamW, Lion, Optimizer
from fusednn.plan.lengths import has_padding, without_padding
from fusednn.plan.training import Rule, Target

from .lbfgs import fit_lbfgs
from .optimizer_state import OptimizerState
from .plan_cache import keep_session, take_session
from .progress import NonFiniteError, Progress, Stopping, Watcher
from .session import Session
from .stochastic import fit_stochastic
from .validation import Validation
from .warn import warn_user

DIVERGED = (
    "The weights stopped being finite after pass {}: training ends, and the weights of the best"
    " validation score, {:g}, are kept. Lower learning_rate_init or scale the data."
)


class FitOptions(NamedTuple):
    """The parameters of an estimator that concern training, under their names.

    `solver` is a description or scikit-learn's name, `rule` its update, and `augmentation` what
    `augment` asks for.
    """

    solver: str | Optimizer
    rule: Rule
    accumulate: int
    alpha: float
    batch_size: int | str
    clip_norm: float | None
    clip_value: float | None
    ema_decay: float | None
    l1: float
    learning_rate: Any
    learning_rate_init: float
    max_fun: int
    max_iter: int
    max_time: float | None
    mixup: float
    n_iter_no_change: float
    n_jobs: int | None
    shuffle: bool
    tol: float
    verbose: bool | int
    power_t: float
    window: int | None
    augmentation: Augmentation | None

    @property
    def penalty(self) -> float:
        """Factor of the L2 term: `alpha`, unless the solver has a decay of its own."""
        return 0.0 if isinstance(self.solver, AdamW | Lion) else self.alpha


class Training(NamedTuple):
    """A network and what it is trained on, checked and encoded.

    Parameters
    ----------
    network : Network
    arrays : list of ndarray
        Its parameters.
    X : array or sparse matrix
    target : Target
    order : ndarray of int64
        The samples to train on.
    validation : Validation or None
    incremental : bool
        Whether it is a `partial_fit`.
    """

    network: Network
    arrays: list[np.ndarray]
    X: Any
    target: Target
    order: np.ndarray
    validation: Validation | None = None
    incremental: bool = False

    def without_padding(self) -> Training:
        """The same, without targets behind the steps of padded series."""
        if self.target.values.ndim < 3:
            return self
        X, network, validation = self.X, self.network, self.validation
        if validation is not None:
            held_out = X[validation.samples] if validation.X is None else validation.X
            target = without_padding(validation.target, held_out, network)
            validation = validation._replace(target=target)
        target = without_padding(self.target, X, network)
        return self._replace(target=target, validation=validation)

    def session(self, rule: Rule, batch: int, l2: float, n_jobs, make=Session) -> Session:
        """A session for it; the parameters are not loaded."""
        rule = rule._replace(ragged=has_padding(self.X, self.network.ops[0]))
        return make(
            *(self.network, self.X, self.target, rule),
            batch=batch,
            order=self.order,
            l2=l2,
            n_jobs=n_jobs,
        )


class Outcome(NamedTuple):
    """The outcome of a training.

    Parameters
    ----------
    finite : bool
        Whether all parameters are finite.
    progress : Progress or None
        It has the parameters; None if the estimator keeps those that it had.
    optimizer : OptimizerState or None
        None after L-BFGS.
    seen : dict or None
        What a diagnosis has recorded, by the names of fitted attributes.
    troubles : tuple of str
        The messages of the diagnosis's warnings.
    commit : callable or None
        The estimator calls it once it has the new parameters: only then do the new moments
        replace those that the fit began with.
    """

    finite: bool
    progress: Progress | None = None
    optimizer: OptimizerState | None = None
    seen: dict[str, Any] | None = None
    troubles: tuple[str, ...] = ()
    commit: Callable[[], None] | None = None


Train = Callable[[Watcher | None], Outcome]
"""A prepared training: it runs with a watcher of its passes, if any."""


def prepare_lbfgs(options: FitOptions, training: Training) -> Train:
    """Prepares a training by L-BFGS."""
    training = training.without_padding()
    session = training.session(Rule(None), len(training.order), options.alpha, options.n_jobs)
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
    random_state: np.random.RandomState,
) -> Train:
    """Prepares a training by passes."""
    training = training.without_padding()
    block = _batch_rows(options.batch_size, len(training.order))
    batch = min(block * options.accumulate, len(training.order))
    _check_batches(options, training, block)
    rule = _update_of(options, optimizer.rule, block if batch > block else 0)
    make = take_session if training.incremental else partial(Session, several=True)
    session = training.session(rule, batch, options.alpha, options.n_jobs, make)
    _load(session, training.arrays, optimizer)
    session.begin(random_state.randint(2**31) if session.plan.is_random else 0, optimizer.t)
    stopping = Stopping(
        options.max_iter,
        options.tol,
        options.n_iter_no_change,
        training.incremental,
        options.max_time,
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


def _check_batches(options: FitOptions, training: Training, block: int) -> None:
    """Refuses data and batches that a network or an option cannot be trained on."""
    if options.mixup and sparse.issparse(training.X):
        raise ValueError("mixup needs dense X.")
    if options.augmentation and sparse.issparse(training.X):
        raise ValueError("augment needs dense X.")
    if options.augmentation:
        _check_steps(options.augmentation, training)
    if options.window and has_padding(training.X, training.network.ops[0]):
        raise ValueError("window needs series of equal length: some of X have padding.")
    if not training.network.needs_batches():
        return
    samples = len(training.order)
    if samples < 2:
        raise ValueError(
            f"BatchNorm cannot be trained on {samples} sample: it needs the variance of at"
            " least 2."
        )
    if block < 2:
        raise ValueError(
            f"BatchNorm needs batches of at least 2 samples, got batch_size={options.batch_size}."
        )


def _check_steps(augmentation: Augmentation, training: Training) -> None:
    """Refuses series of unequal lengths, or of others than those of the first fit."""
    needed = augmentation.height * augmentation.width * augmentation.channels
    if has_padding(training.X, training.network.ops[0]) or training.network.inputs != needed:
        raise ValueError(
            "augment takes series of equal length, that of the first fit: X has series of other"
            " lengths."
        )


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
        if known == _digest_of(arrays):  # else the user has set other weights
            session.plan.load_trained(raw)


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
        optimizer.raw = session.trained(), _digest_of(progress.parameters)
    keep_session(session)


def _digest_of(arrays) -> bytes:
    """A digest of parameters, matrices first, then vectors; it is saved in files."""
    digest = hashlib.blake2b(digest_size=16)
    for array in sorted(arrays, key=lambda array: array.ndim != 2):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _batch_rows(batch_size, samples: int) -> int:
    if batch_size == "auto":
        return min(200, samples)
    if batch_size > samples:
        warn_user(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
        )
    return int(np.clip(batch_size, 1, samples))

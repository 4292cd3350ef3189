"""The way from checked data to a trained network: the stochastic solvers and L-BFGS."""

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

from fusednn.optimizers import NAMED, AdamW, Lion, Optimizer
from fusednn.plan.network import Network
from fusednn.plan.training import Rule, Target
from fusednn.training.kept import keep_session, take_session
from fusednn.training.lbfgs import fit_lbfgs
from fusednn.training.optimizer_state import OptimizerState
from fusednn.training.session import Session
from fusednn.training.stochastic import NonFiniteError, Progress, Stopping, Watcher, fit_stochastic
from fusednn.training.validation import Validation
from fusednn.training.warn import warn_user

from .progress import attributes_of
from .sample_weights import check_total

SOLVERS = ("lbfgs", "sgd", "adam", *NAMED)
DIVERGED = (
    "The weights stopped being finite after pass {}: training ends, and the weights of the best"
    " validation score, {:g}, are kept. Lower learning_rate_init or scale the data."
)


class FitOptions(NamedTuple):
    """What an estimator's parameters say about training, under their names.

    `solver` is the description that the parameter stands for, and `rule` its update.
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
    power_t: float = 0.5  # not all estimators have it

    @classmethod
    def of(cls, estimator) -> FitOptions:
        """Those of an estimator."""
        solver = estimator._described_solver()
        rule = estimator._rule_of(solver) if is_stochastic(solver) else Rule(None)
        names = [name for name in cls._fields[2:] if hasattr(estimator, name)]
        return cls(solver, rule, **{name: getattr(estimator, name) for name in names})

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
        `partial_fit`.
    """

    network: Network
    arrays: list[np.ndarray]
    X: Any
    target: Target
    order: np.ndarray
    validation: Validation | None = None
    incremental: bool = False

    def session(self, rule: Rule, batch: int, l2: float, n_jobs, make=Session) -> Session:
        """A session of it; the parameters are not loaded."""
        return make(
            *(self.network, self.X, self.target, rule),
            batch=batch,
            order=self.order,
            l2=l2,
            n_jobs=n_jobs,
        )


class Outcome(NamedTuple):
    """What a training leaves.

    Parameters
    ----------
    finite : bool
        Whether all parameters are.
    arrays : list of ndarray or None
        The parameters; None where they stay what they were.
    attributes : dict
        Fitted attributes, by name.
    troubles : tuple of str
        What a diagnosis warns of.
    """

    finite: bool
    arrays: list[np.ndarray] | None
    attributes: dict[str, Any]
    troubles: tuple[str, ...] = ()


Train = Callable[[Watcher | None], Outcome]
"""A training that is prepared; it is told of the passes."""


def is_stochastic(solver) -> bool:
    """Whether a value of `solver` trains by passes; anything else is L-BFGS, or wrong."""
    return isinstance(solver, Optimizer) or solver in SOLVERS[1:]


def name_of(solver) -> str:
    """A solver in a word."""
    return type(solver).__name__ if isinstance(solver, Optimizer) else solver


def prepare_lbfgs(options: FitOptions, training: Training) -> Train:
    """The training by L-BFGS."""
    network = training.network
    given = {
        "dropout or noise": network.is_random(),
        "BatchNorm": network.needs_batches(),
        "max_norm": network.bounds_weights(),
        "ema_decay": options.ema_decay is not None,
        "accumulate": options.accumulate > 1,
        "mixup": options.mixup > 0,
        "rate_factor": any(form.factors[0] != 1 for form in network.forms(np.float32)),
        "l1": options.l1 > 0,
        "clip_norm": options.clip_norm is not None,
        "clip_value": options.clip_value is not None,
    }
    for name in [name for name, used in given.items() if used]:
        raise ValueError(f"{name} is for solvers other than 'lbfgs'.")
    check_total(training.target.weights)
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
        return Outcome(False, None, {})
    n_iter = solution.n_iter
    if solution.result is not None:
        n_iter = _check_optimize_result("lbfgs", solution.result, options.max_iter)
    return Outcome(True, solution.parameters, {"loss_": solution.loss, "n_iter_": n_iter})


def optimizer_of(
    options: FitOptions, before: OptimizerState | None, incremental: bool
) -> OptimizerState:
    """The optimizer to train with: a copy of the one before, if that goes on, or a new one."""
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
    """The training by passes."""
    samples, joins = len(training.order), training.network.needs_batches()
    make = take_session if training.incremental else partial(Session, several=True)
    block = _batch_rows(options.batch_size, samples)
    batch = min(block * options.accumulate, samples)
    rule = optimizer.rule._replace(
        clip_norm=np.inf if options.clip_norm is None else float(options.clip_norm),
        clip_value=np.inf if options.clip_value is None else float(options.clip_value),
        block=block if batch > block else 0,
        average=float(options.ema_decay or 0.0),
        l1=float(options.l1),
        mixup=float(options.mixup),
    )
    if options.mixup and sparse.issparse(training.X):
        raise ValueError("mixup needs dense X.")
    if joins and samples < 2:
        raise ValueError(
            f"BatchNorm cannot be trained on {samples} sample: it needs the variance of at"
            " least 2."
        )
    if joins and block < 2:
        raise ValueError(
            f"BatchNorm needs batches of at least 2 samples, got batch_size={options.batch_size}."
        )
    session = training.session(rule, batch, options.alpha, options.n_jobs, make)
    session.load(training.arrays, optimizer.moments)
    if rule.average and optimizer.raw is not None:
        raw, known = optimizer.raw
        if known == _digest_of(training.arrays):  # else someone has set other weights
            session.plan.load_trained(raw)
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


def _fit_stochastic(session: Session, optimizer, progress: Progress, fit, watcher) -> Outcome:
    finite = True
    try:
        with session:
            fit(watcher=watcher)
    except NonFiniteError as diverged:  # finite weights, and the moments before the fit
        finite = diverged.kept
        if finite:
            message = DIVERGED.format(progress.n_iter, progress.best_validation_score)
            warn_user(message, ConvergenceWarning)
    else:
        optimizer.moments = session.moments()
        optimizer.raw = None
        if session.plan.averages.size:
            optimizer.raw = session.trained(), _digest_of(progress.parameters)
        keep_session(session)
    return Outcome(
        finite, progress.parameters, {"_optimizer": optimizer, **attributes_of(progress)}
    )


def _digest_of(arrays) -> bytes:
    """What other parameters would not have; files have it: of matrices first, then of vectors."""
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

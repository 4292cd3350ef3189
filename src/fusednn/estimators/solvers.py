"""The way from checked data to a trained network: the stochastic solvers and L-BFGS."""

from __future__ import annotations

import copy
import hashlib
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result

from fusednn.optimizers import NAMED, AdamW, Lion, Optimizer
from fusednn.plan.training import Rule, Target
from fusednn.training.kept import keep_session, take_session
from fusednn.training.lbfgs import fit_lbfgs
from fusednn.training.optimizer_state import OptimizerState
from fusednn.training.session import Session
from fusednn.training.stochastic import NonFiniteError, Progress, Stopping, fit_stochastic
from fusednn.training.warn import warn_user

from .held_out import OwnSet, split, validation_of
from .sample_weights import check_total

SOLVERS = ("lbfgs", "sgd", "adam", *NAMED)
NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and"
    " need to be preprocessed."
)
DIVERGED = (
    "The weights stopped being finite after pass {}: training ends, and the weights of the best"
    " validation score, {:g}, are kept. Lower learning_rate_init or scale the data."
)


class Training(NamedTuple):
    """What a fit trains on, checked and encoded.

    Parameters
    ----------
    X : array or sparse matrix
    y : ndarray
        As the user counts the targets.
    target : Target
    score_weight : ndarray or None
        The user's sample weights, without class weights.
    own_set : OwnSet or None
        The user's validation set.
    incremental : bool
        `partial_fit`.
    goes_on : bool
        Whether the network was there before.
    """

    X: object
    y: np.ndarray
    target: Target
    score_weight: np.ndarray | None
    own_set: OwnSet | None
    incremental: bool
    goes_on: bool


def is_stochastic(solver) -> bool:
    """Whether a value of `solver` trains by passes; anything else is L-BFGS, or wrong."""
    return isinstance(solver, Optimizer) or solver in SOLVERS[1:]


def name_of(solver) -> str:
    """A solver in a word."""
    return type(solver).__name__ if isinstance(solver, Optimizer) else solver


def penalty_of(mlp) -> float:
    """Factor of the L2 term: `alpha`, unless the solver has a decay of its own."""
    return 0.0 if isinstance(mlp._described_solver(), AdamW | Lion) else mlp.alpha


def prepare_lbfgs(mlp, training):
    """The training by L-BFGS, to be called with a watcher or None; true if all is finite."""
    if training.own_set is not None:
        raise ValueError("X_val and y_val are for solvers other than 'lbfgs'.")
    given = {
        "dropout or noise": mlp._network().is_random(),
        "BatchNorm": mlp._network().needs_batches(),
        "max_norm": mlp._network().bounds_weights(),
        "ema_decay": mlp.ema_decay is not None,
        "accumulate": mlp.accumulate > 1,
        "mixup": mlp.mixup > 0,
        "rate_factor": any(form.factors[0] != 1 for form in mlp._network().forms(np.float32)),
        "l1": mlp.l1 > 0,
        "clip_norm": mlp.clip_norm is not None,
        "clip_value": mlp.clip_value is not None,
    }
    for name in [name for name, used in given.items() if used]:
        raise ValueError(f"{name} is for solvers other than 'lbfgs'.")
    samples = np.arange(training.X.shape[0])
    check_total(training.target.weights)
    session = Session(
        *(mlp._network(), training.X, training.target, Rule(None)),
        batch=len(samples),
        order=samples,
        l2=mlp.alpha,
        n_jobs=mlp.n_jobs,
    )
    return _looked_at(mlp, training, samples, partial(_fit_lbfgs, mlp, session))


def _fit_lbfgs(mlp, session, watcher):
    with session:
        solution = fit_lbfgs(
            session,
            mlp._parameters(),
            tol=mlp.tol,
            max_iter=mlp.max_iter,
            max_fun=mlp.max_fun,
            verbose=mlp.verbose,
            max_time=mlp.max_time,
            watcher=watcher,
        )
    if not all(np.isfinite(array).all() for array in solution.parameters):
        return False
    mlp._set_parameters(solution.parameters)
    mlp.loss_, mlp.n_iter_ = solution.loss, solution.n_iter
    if solution.result is not None:
        mlp.n_iter_ = _check_optimize_result("lbfgs", solution.result, mlp.max_iter)
    return True


def prepare_stochastic(mlp, training, random_state):
    """The training by passes, to be called with a watcher or None; true if all is finite."""
    incremental = training.incremental
    if mlp.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    keeps = incremental or (mlp.warm_start and mlp.warm_start_optimizer and training.goes_on)
    optimizer = getattr(mlp, "_optimizer", None) if keeps else None
    solver = mlp._described_solver()
    if optimizer is None or (optimizer.solver != solver and not incremental):
        optimizer = OptimizerState(
            solver,
            mlp._rule_of(solver),
            mlp.learning_rate_init,
            mlp.learning_rate,
            getattr(mlp, "power_t", 0.5),
        )
    optimizer = copy.copy(optimizer)  # the estimator's own stays as it is if the fit fails
    order = np.arange(training.X.shape[0], dtype=np.int64)
    held_out = None
    if mlp.early_stopping and training.own_set is None:
        order, held_out = split(mlp, order, training.target, random_state)
    check_total(training.target.weights, order)
    validation = validation_of(mlp, training, held_out)
    kind = mlp.scoring, training.own_set is not None
    progress = _progress_of(mlp, validation, kind)
    make = take_session if incremental else partial(Session, several=True)
    block = _batch_rows(mlp.batch_size, len(order))
    batch = min(block * mlp.accumulate, len(order))
    rule = optimizer.rule._replace(
        clip_norm=np.inf if mlp.clip_norm is None else float(mlp.clip_norm),
        clip_value=np.inf if mlp.clip_value is None else float(mlp.clip_value),
        block=block if batch > block else 0,
        average=float(mlp.ema_decay or 0.0),
        l1=float(mlp.l1),
        mixup=float(mlp.mixup),
    )
    if mlp.mixup and sparse.issparse(training.X):
        raise ValueError("mixup needs dense X.")
    if mlp._network().needs_batches() and len(order) < 2:
        raise ValueError(
            f"BatchNorm cannot be trained on {len(order)} sample: it needs the variance of at"
            " least 2."
        )
    if mlp._network().needs_batches() and block < 2:
        raise ValueError(
            f"BatchNorm needs batches of at least 2 samples, got batch_size={mlp.batch_size}."
        )
    session = make(
        *(mlp._network(), training.X, training.target, rule),
        batch=batch,
        order=order,
        l2=mlp.alpha,
        n_jobs=mlp.n_jobs,
    )
    session.load(mlp._parameters(), optimizer.moments)
    if rule.average and optimizer.raw is not None:
        raw, known = optimizer.raw
        if known == _digest_of(mlp._parameters()):  # else someone has set other weights
            session.plan.load_trained(raw)
    session.begin(random_state.randint(2**31) if session.plan.is_random else 0, optimizer.t)
    stopping = Stopping(mlp.max_iter, mlp.tol, mlp.n_iter_no_change, incremental, mlp.max_time)
    fit = partial(
        fit_stochastic,
        session,
        optimizer,
        progress,
        stopping,
        random_state=random_state,
        shuffle=mlp.shuffle,
        validation=validation,
        verbose=mlp.verbose,
    )
    train = partial(_fit_stochastic, mlp, session, optimizer, progress, fit)
    return _looked_at(mlp, training, order, train)


def _looked_at(mlp, training, order, train):
    """The training, with a diagnosis after each pass if the user wants one."""
    if not mlp.diagnose:
        return train
    from .diagnosis import diagnosed  # only where it is wanted

    return diagnosed(mlp, training, order, train)


def _fit_stochastic(mlp, session, optimizer, progress, fit, watcher):
    try:
        with session:
            fit(watcher=watcher)
    except NonFiniteError as diverged:  # finite weights, and the moments before the fit
        _take_over(mlp, progress, optimizer)
        if diverged.kept:
            message = DIVERGED.format(progress.n_iter, progress.best_validation_score)
            warn_user(message, ConvergenceWarning)
        return diverged.kept
    _take_over(mlp, progress, optimizer)
    optimizer.moments = session.moments()
    optimizer.raw = None
    if session.plan.averages.size:
        optimizer.raw = session.trained(), _digest_of(mlp._parameters())
    keep_session(session)
    return True


def _digest_of(arrays):
    """What other parameters would not have; files have it: of matrices first, then of vectors."""
    digest = hashlib.blake2b(digest_size=16)
    for array in sorted(arrays, key=lambda array: array.ndim != 2):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _progress_of(mlp, validation, kind):
    """The progress that training goes on from; scores of another kind do not count."""
    progress = Progress(
        t=mlp.t_,
        loss=getattr(mlp, "loss_", np.inf),
        loss_curve=mlp.loss_curve_,
        best_loss=mlp.best_loss_,
        # missing where a user set the weights of an estimator that was never fitted
        validation_scores=getattr(mlp, "validation_scores_", None),
        validation_loss_curve=getattr(mlp, "validation_loss_curve_", None),
        best_validation_score=getattr(mlp, "best_validation_score_", None),
        no_improvement_count=mlp._no_improvement_count,
    )
    decides = validation is not None and validation.decides
    other = progress.validation_scores is None or getattr(mlp, "_score_kind", kind) != kind
    mlp._score_kind = kind
    if validation is not None and other:
        progress.validation_scores, progress.best_validation_score = [], -np.inf
    if validation is not None and validation.with_loss and progress.validation_loss_curve is None:
        progress.validation_loss_curve = []
    if not decides and progress.best_loss is None:
        progress.best_loss = np.inf
    return progress


def _take_over(mlp, progress, optimizer):
    mlp._optimizer = optimizer
    mlp._set_parameters(progress.parameters)
    mlp.n_iter_, mlp.t_, mlp.loss_ = progress.n_iter, progress.t, progress.loss
    mlp.loss_curve_, mlp.best_loss_ = progress.loss_curve, progress.best_loss
    mlp.validation_scores_ = progress.validation_scores
    if progress.validation_loss_curve is not None:
        mlp.validation_loss_curve_ = progress.validation_loss_curve
    mlp.best_validation_score_ = progress.best_validation_score
    mlp._no_improvement_count = progress.no_improvement_count


def _batch_rows(batch_size, samples):
    if batch_size == "auto":
        return min(200, samples)
    if batch_size > samples:
        warn_user(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
        )
    return int(np.clip(batch_size, 1, samples))

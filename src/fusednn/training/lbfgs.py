"""L-BFGS: SciPy's, over the engine's loss and gradient of all samples."""

from __future__ import annotations

import time
from math import prod
from typing import NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from fusednn.plan.binding.loss import loss_row

from .progress import Progress, Watcher, warn_unconverged
from .session import Session, TimeUp
from .warn import warn_user


class Solution(NamedTuple):
    """What L-BFGS found.

    Parameters
    ----------
    result : OptimizeResult or None
        SciPy's; None if the user, a watcher or the time limit stopped it.
    loss : float
        The loss of these parameters.
    n_iter : int
        Iterations.
    parameters : list of ndarray
        SciPy's last, or the best evaluated ones if it was stopped.
    """

    result: OptimizeResult | None
    loss: float
    n_iter: int
    parameters: list[np.ndarray]


class _Stopped(Exception):
    pass


class _Objective:
    """Loss and gradient in one flat vector of what decays, then biases: scikit-learn's order."""

    def __init__(self, session: Session):
        self._session = session
        self._forms = session.plan.layout.forms
        # a stable sort: the bits of SciPy's sums over the vector depend on the order
        numbers = range(len(self._forms))
        self._order = sorted(numbers, key=lambda number: not self._forms[number].decays)
        counts = [prod(self._forms[number].shape) for number in self._order]
        self._edges = np.cumsum(counts)[:-1]
        # The reported squared error is a mean over outputs, its gradient that of the sum. The
        # line search needs both from one function, so here the loss is the sum too.
        outputs = session.network.outputs
        self._factor = outputs if loss_row(session.network).per_output else 1
        self.best_loss = np.inf
        self.best = None

    def joined(self, arrays) -> np.ndarray:
        return np.concatenate([arrays[number].ravel() for number in self._order]).astype(float)

    def split(self, vector) -> list[np.ndarray]:
        parts = dict(zip(self._order, np.split(vector, self._edges), strict=True))
        dtype = self._session.plan.dtype
        return [
            parts[number].reshape(form.shape).astype(dtype)
            for number, form in enumerate(self._forms)
        ]

    def __call__(self, vector):
        session = self._session
        if self.best is not None and session.is_late():
            raise TimeUp
        session.load(self.split(vector))
        loss = session.run_gradient(self._factor)
        if loss < self.best_loss:
            self.best_loss, self.best = loss, vector.copy()
        return loss, self.joined(session.gradient())


def fit_lbfgs(
    session: Session,
    arrays,
    *,
    tol: float,
    max_iter: int,
    max_fun: int,
    verbose,
    max_time: float | None = None,
    watcher: Watcher | None = None,
) -> Solution:
    """Minimises the loss from the given parameters.

    Parameters
    ----------
    session : Session
        Its plan stores the gradient, and has one batch of all samples.
    arrays : list of ndarray
    tol : float
        SciPy's `gtol`.
    max_iter, max_fun : int
        Iterations and evaluations at most.
    verbose : bool or int
    max_time : float or None
        Seconds; checked between evaluations of the loss, and within long ones.
    watcher : Watcher or None

    Returns
    -------
    Solution
    """
    objective = _Objective(session)
    start = objective.joined(arrays)
    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}

    session.deadline = None if max_time is None else time.perf_counter() + max_time
    progress = Progress()

    def after_iteration(intermediate_result):
        progress.n_iter += 1
        progress.loss = float(intermediate_result.fun)
        progress.loss_curve.append(progress.loss)
        if verbose:
            print(f"L-BFGS loss = {progress.loss:.8f}")
        if watcher is not None:
            if watcher.end(progress, lambda: objective.split(intermediate_result.x)):
                raise _Stopped
            watcher.begin()

    try:
        if watcher is not None:
            watcher.begin()
        result = minimize(
            objective,
            start,
            method="L-BFGS-B",
            jac=True,
            options=options,
            callback=after_iteration,
        )
    except (KeyboardInterrupt, TimeUp, _Stopped) as reason:
        if isinstance(reason, KeyboardInterrupt):
            warn_user("Training interrupted by user.")
        if isinstance(reason, TimeUp):
            warn_unconverged(f"L-BFGS: Maximum time ({max_time} s)")
        kept = start if objective.best is None else objective.best
        return Solution(None, objective.best_loss, progress.n_iter, objective.split(kept))
    return Solution(result, float(result.fun), result.nit, objective.split(result.x))

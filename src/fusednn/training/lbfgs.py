"""L-BFGS: SciPy's, over the engine's loss and gradient of all samples."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from fusednn.kernels.losses import LOSSES

from .session import Session


class Solution(NamedTuple):
    """What L-BFGS found.

    Parameters
    ----------
    result : OptimizeResult or None
        SciPy's; None if the user interrupted it.
    loss : float
        Of the parameters kept.
    n_iter : int
        Iterations.
    parameters : tuple of two lists of ndarray
        Coefficients and intercepts: SciPy's last, or the best evaluated if interrupted.
    """

    result: OptimizeResult | None
    loss: float
    n_iter: int
    parameters: tuple[list[np.ndarray], list[np.ndarray]]


class _Objective:
    """Loss and gradient in one flat vector of coefficients, then intercepts."""

    def __init__(self, session: Session):
        self._session = session
        layout = session.plan.layout
        shapes = list(zip(layout.sizes[:-1], layout.sizes[1:], strict=True))
        self._shapes = [*shapes, *((out,) for _, out in shapes)]
        counts = [int(np.prod(shape)) for shape in self._shapes]
        self._edges = np.cumsum(counts)[:-1]
        # The reported squared error is a mean over outputs, its gradient is of the sum. The
        # line search needs both of one function, so here the loss is the sum too.
        outputs = layout.sizes[-1]
        self._factor = outputs if LOSSES[session.network.loss].per_output else 1
        self.best_loss = np.inf
        self.best = None

    def split(self, vector) -> tuple[list[np.ndarray], list[np.ndarray]]:
        dtype = self._session.plan.dtype
        parts = [
            part.reshape(shape).astype(dtype)
            for part, shape in zip(np.split(vector, self._edges), self._shapes, strict=True)
        ]
        half = len(parts) // 2
        return parts[:half], parts[half:]

    def __call__(self, vector):
        session = self._session
        coefs, intercepts = self.split(vector)
        session.plan.load(coefs, intercepts)
        loss = session.run_gradient(self._factor)
        d_coefs, d_intercepts = session.plan.layout.unpack(session.plan.gradient)
        gradient = np.concatenate([d.ravel() for d in [*d_coefs, *d_intercepts]])
        if loss < self.best_loss:
            self.best_loss, self.best = loss, vector.copy()
        return loss, gradient.astype(float)


def fit_lbfgs(session: Session, coefs, intercepts, *, tol, max_iter, max_fun, verbose) -> Solution:
    """Minimises the loss from the given parameters.

    Parameters
    ----------
    session : Session
        Of a plan that stores the gradient, with one batch of all samples.
    coefs, intercepts : lists of ndarray
    tol : float
        SciPy's `gtol`.
    max_iter, max_fun : int
        Iterations and evaluations at most.
    verbose : bool or int

    Returns
    -------
    Solution
    """
    objective = _Objective(session)
    start = np.concatenate([part.ravel() for part in [*coefs, *intercepts]]).astype(float)
    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}

    n_iter = 0

    def report(intermediate_result):
        nonlocal n_iter
        n_iter += 1
        if verbose:
            print(f"L-BFGS loss = {intermediate_result.fun:.8f}")

    try:
        result = minimize(
            objective,
            start,
            method="L-BFGS-B",
            jac=True,
            options=options,
            callback=report,
        )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=6)
        kept = start if objective.best is None else objective.best
        return Solution(None, objective.best_loss, n_iter, objective.split(kept))
    return Solution(result, float(result.fun), result.nit, objective.split(result.x))

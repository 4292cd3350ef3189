"""What a fit below the estimators takes and gives: options, network and data, outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.augmentation import Augmentation
from fusednn.graph.network import Network
from fusednn.optimizers import AdamW, Lion, Optimizer
from fusednn.plan.binding.next_tokens import NextTokens
from fusednn.plan.lengths import has_padding, without_padding
from fusednn.plan.training import Rule, Target

from .held_out_windows import HeldOutWindows
from .optimizer_state import OptimizerState
from .progress import Progress
from .session import Session
from .validation import Validation

AUTO_ROWS = {"auto": 200, "small": 32}
"""The rows of a mini-batch by a name, or as many as there are; scikit-learn's are 200."""


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
    device: str
    ema_decay: float | None
    l1: float
    learning_rate: Any
    learning_rate_init: float
    max_fun: int
    max_iter: int
    max_time: float | None
    mixup: float
    n_iter_no_change: float | str
    n_jobs: int | None
    shuffle: bool
    tol: float
    verbose: bool | int
    power_t: float
    window: int | None
    augmentation: Augmentation | None
    best_epoch: str

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
    target : Target or NextTokens
    order : ndarray of int64
        The samples to train on.
    validation : Validation, HeldOutWindows or None
    incremental : bool
        Whether it is a `partial_fit`.
    """

    network: Network
    arrays: list[np.ndarray]
    X: Any
    target: Target | NextTokens
    order: np.ndarray
    validation: Validation | HeldOutWindows | None = None
    incremental: bool = False

    def without_padding(self) -> Training:
        """The same, without targets behind the steps of padded series."""
        if not isinstance(self.target, Target) or self.target.values.ndim < 3:
            return self
        X, network, validation = self.X, self.network, self.validation
        if isinstance(validation, Validation):
            held_out = X[validation.samples] if validation.X is None else validation.X
            target = without_padding(validation.target, held_out, network)
            validation = validation._replace(target=target)
        target = without_padding(self.target, X, network)
        return self._replace(target=target, validation=validation)

    def session(
        self, rule: Rule, batch: int, l2: float, n_jobs, device: str = "cpu", make=Session
    ) -> Session:
        """A session for it; the parameters are not loaded."""
        rule = rule._replace(ragged=has_padding(self.X, self.network.ops[0]))
        return make(
            *(self.network, self.X, self.target, rule),
            batch=batch,
            order=self.order,
            l2=l2,
            n_jobs=n_jobs,
            device=device,
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

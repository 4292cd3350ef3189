"""Converts fitted attributes to the progress that a training continues, and back."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np

from fusednn.training.fit_values import Outcome
from fusednn.training.held_out_windows import HeldOutWindows
from fusednn.training.progress import Progress
from fusednn.training.validation import Validation

NAMES = {
    "n_iter": "n_iter_",
    "t": "t_",
    "loss": "loss_",
    "loss_curve": "loss_curve_",
    "best_loss": "best_loss_",
    "validation_scores": "validation_scores_",
    "validation_loss_curve": "validation_loss_curve_",
    "best_validation_score": "best_validation_score_",
    "no_improvement_count": "_no_improvement_count",
}
"""The attribute for each field of `Progress`."""
_FIELDS = attrgetter(*NAMES)

OPTIONAL = {
    *("n_iter", "loss"),
    *("validation_scores", "validation_loss_curve", "best_validation_score"),
}
"""Fields without an attribute if a user set the weights of an estimator that was never fitted."""

CURVES = [NAMES[name] for name in ("loss_curve", "validation_scores", "validation_loss_curve")]
"""Attributes whose lists a training extends in place."""


def progress_of(
    estimator, validation: Validation | HeldOutWindows | None, kind: tuple
) -> Progress:
    """Reads the progress from the estimator's attributes.

    Parameters
    ----------
    estimator : estimator
    validation : Validation, HeldOutWindows or None
        The validation of the training that follows.
    kind : tuple of (scoring, bool)
        The value of `scoring`, and whether the user gave a validation set. If the earlier fit had
        another kind, its scores are not comparable, and the scores start anew.
    """
    progress = Progress(
        **{
            field: getattr(estimator, name)
            for field, name in NAMES.items()
            if field not in OPTIONAL or hasattr(estimator, name)
        }
    )
    decides = validation is not None and validation.decides
    other = progress.validation_scores is None or getattr(estimator, "_score_kind", kind) != kind
    if validation is not None and other:
        progress.validation_scores, progress.best_validation_score = [], -np.inf
    if validation is not None and validation.with_loss and progress.validation_loss_curve is None:
        progress.validation_loss_curve = []
    if not decides and progress.best_loss is None:
        progress.best_loss = np.inf
    return progress


def attributes_of(outcome: Outcome) -> dict[str, Any]:
    """The fitted attributes that follow from a training, without the network's parameters."""
    found: dict[str, Any] = {}
    if outcome.optimizer is not None:
        found = dict(zip(NAMES.values(), _FIELDS(outcome.progress), strict=True))
        found["_optimizer"] = outcome.optimizer
        if found["validation_loss_curve_"] is None:
            del found["validation_loss_curve_"]
    elif outcome.progress is not None:  # L-BFGS
        found = {"loss_": outcome.progress.loss, "n_iter_": outcome.progress.n_iter}
    return found | (outcome.seen or {})

"""Refuses data and batches that a network or an option cannot be trained on."""

from __future__ import annotations

from scipy import sparse

from fusednn.graph.augmentation import Augmentation
from fusednn.plan.lengths import has_padding

from .fit_values import FitOptions, Training


def check_batches(options: FitOptions, training: Training, block: int) -> None:
    """Refuses data and batches that a network or an option cannot be trained on."""
    if options.mixup and sparse.issparse(training.X):
        raise ValueError("mixup needs dense X.")
    if options.augmentation and sparse.issparse(training.X):
        raise ValueError("augment needs dense X.")
    if options.augmentation:
        _check_steps(options.augmentation, training)
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

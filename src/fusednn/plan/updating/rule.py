"""The update rule that a plan is lowered for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.graph.augmentation import Augmentation


class Rule(NamedTuple):
    """How parameters are updated.

    Parameters
    ----------
    optimizer : str or None
        Key of `kernels.optimizers.OPTIMIZERS`; None only stores the gradient.
    constants : tuple of float
        The optimizer's constants.
    clip_norm, clip_value : float
        The largest norm of the whole gradient, and the largest value of each of its elements;
        infinite: no bound.
    block : int
        Samples that are processed at once; the gradients of a batch's blocks are added up. 0: the
        plan chooses.
    average : float
        Decay of the exponential moving average of the parameters; 0: no average.
    l1 : float
        Factor of the sum of absolute weights in the loss, before it is divided by the batch's sum
        of sample weights.
    mixup : float
        Both parameters of the beta distribution that a mixed sample's share is drawn from; 0: no
        mixup.
    inputs : bool
        Whether the gradient by the data is computed too; not with mixup.
    augmentation : Augmentation or None
        What is done to the samples at random.
    ragged : bool
        Whether samples are series, some of them with padding.
    window : int
        Steps that the gradient goes back, in windows of the series; 0: all of them.
    """

    optimizer: str | None
    constants: tuple[float, ...] = ()
    clip_norm: float = np.inf
    clip_value: float = np.inf
    block: int = 0
    average: float = 0.0
    l1: float = 0.0
    mixup: float = 0.0
    inputs: bool = False
    augmentation: Augmentation | None = None
    ragged: bool = False
    window: int = 0

    @property
    def clips(self) -> bool:
        """Whether the gradient is bounded."""
        return min(self.clip_norm, self.clip_value) < np.inf

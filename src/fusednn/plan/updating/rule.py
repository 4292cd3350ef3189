"""How parameters are updated: what of it a plan is lowered for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


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
        infinite is no bound.
    block : int
        Rows that go forward and back at once; the gradients of a batch's blocks add up. 0 leaves
        it to the plan.
    average : float
        Decay of the exponential moving average of the parameters; 0 is none.
    l1 : float
        Factor of the sum of absolute weights in the loss, before it is divided by the samples.
    mixup : float
        Both parameters of the beta distribution of the share that a sample keeps where two are
        mixed; 0 mixes none.
    inputs : bool
        Whether the gradient of the data is computed too, which must not be mixed.
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

    @property
    def clips(self) -> bool:
        """Whether the gradient is bounded."""
        return min(self.clip_norm, self.clip_value) < np.inf

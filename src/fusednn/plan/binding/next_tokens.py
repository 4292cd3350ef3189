"""Targets that are the codes behind those of windows over one array of codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fusednn.kernels.ops import next_tokens
from fusednn.kernels.ops.products.tokens import INTEGERS
from fusednn.plan.memory.buffers import Block

from .program import Program

KINDS = {np.dtype(name): 1 + number for number, name in enumerate(INTEGERS)}


@dataclass(frozen=True, eq=False)
class NextTokens:
    """The targets of windows: at each step the code behind it.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Integers, C-contiguous; read in place.
    steps : int
        Steps of a window. Window s has the codes from place s on.
    dtype : dtype
        The network's.
    """

    codes: np.ndarray
    steps: int
    dtype: np.dtype

    weights: ClassVar[None] = None
    shares: ClassVar[None] = None

    @property
    def windows(self) -> np.ndarray:
        """A view (n - steps, steps) of the windows, which overlap."""
        return np.lib.stride_tricks.sliding_window_view(self.codes[:-1], self.steps)

    @property
    def shape(self) -> tuple[int, int, int]:
        """As that of the values of a `Target`: windows, steps and one column."""
        return len(self.codes) - self.steps, self.steps, 1

    @property
    def counts(self) -> np.ndarray:
        """The weight of each window in the mean of the losses: its steps."""
        return np.broadcast_to(float(self.steps), (len(self.codes) - self.steps,))

    def record(self, program: Program, operands: Mapping[str, Any]) -> np.ndarray:
        """The record of the loss, from those operands that do not depend on the targets."""
        own = {"codes": Block(self.codes[1:], 1, 1), "kind": KINDS[self.codes.dtype]}
        return program.record(next_tokens.next_token_loss, {**operands, **own})

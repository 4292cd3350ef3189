"""What follows an op on its output while that is in the cache: activation, then dropout."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from fusednn.kernels.activations import ACTIVATIONS, Activation, multiply_slopes
from fusednn.kernels.ops import activate, noise
from fusednn.plan.buffers import aligned_zeros
from fusednn.plan.rows import Block, Rows

SELU_LIMIT = -1.7580993408473766
"""What SELU tends to far below 0: alpha dropout puts it in the place of what it leaves out."""


class Epilogue(NamedTuple):
    """An activation, and dropout of its output.

    Parameters
    ----------
    activation : str
        Key of `kernels.activations.ACTIVATIONS`.
    constants : tuple of float
        The activation's; empty are those of the table.
    dropout : float
        The share of the outputs that a step of training leaves out.
    alpha : bool
        Alpha dropout, which keeps mean and variance (Klambauer et al., 2017).
    """

    activation: str = "identity"
    constants: tuple[float, ...] = ()
    dropout: float = 0.0
    alpha: bool = False

    def row(self) -> Activation:
        """The activation's row of the table."""
        row = ACTIVATIONS[self.activation]
        return row._replace(constants=self.constants) if self.constants else row

    @property
    def floor(self) -> float:
        """The lower bound that an op may apply for it."""
        return self.row().floor

    def lower(self, rows: Rows, out: Block, floored: bool = False) -> Block:
        """Works on `out` in place; `floored` says that the op has applied the floor."""
        row, dropout = self.row(), self.dropout if rows.noisy else 0.0
        if row.forward is None and not dropout:
            return out
        out = rows.own(out)
        constants = constants_of(row, rows.dtype)
        slopes = None
        if rows.trains and (dropout or row.slopes is not None):
            slopes = aligned_zeros(len(out.values), rows.dtype)
        leaves_slopes = slopes is not None and row.slopes is not None
        done = floored and row.floor > -np.inf
        if row.forward is not None and not done:
            function = (row.slopes, "slopes") if leaves_slopes else (row.forward, "activation")
            rows.add(
                activate.activate,
                {
                    activate.OUT: out.values,
                    activate.STRIDE: out.stride,
                    activate.FUNCTION: function,
                    activate.CONSTANTS: constants,
                    activate.SLOPES: slopes if leaves_slopes else None,
                },
            )
        if dropout:
            self._lower_dropout(rows, out, slopes, constants)
        derivative = row.backward if slopes is None else multiply_slopes
        if not rows.trains or derivative is None:
            return out
        source = out.values if slopes is None else slopes
        rows.tape.append(partial(_differentiate, rows, source, derivative, constants))
        return out._replace(kept=out.kept or slopes is None)

    def _lower_dropout(self, rows: Rows, out: Block, slopes, constants) -> None:
        row, kept = self.row(), 1 - self.dropout
        derivative = None if row.slopes is not None else row.backward
        factor, low, high = 1 / kept, 0.0, 0.0
        if self.alpha:
            factor = (kept + SELU_LIMIT**2 * kept * self.dropout) ** -0.5
            high = -factor * SELU_LIMIT * self.dropout
            low = high + factor * SELU_LIMIT
        rows.add(
            noise.dropout,
            {
                noise.OUT: out.values,
                noise.STRIDE: out.stride,
                noise.SLOPES: slopes,
                noise.HAS_SLOPES: int(row.slopes is not None),
                noise.WIDTH: out.width,
                noise.KEY: rows.key,
                noise.LAYER: rows.next_stream(),
                noise.DROPPED: round(self.dropout * 2**32),
                noise.FACTOR: factor,
                noise.DERIVATIVE: derivative and (derivative, "derivative"),
                noise.DERIVATIVE_CONSTANTS: constants,
                noise.LOW: low,
                noise.HIGH: high,
            },
        )


def constants_of(row: Activation, dtype) -> np.ndarray:
    """An activation's constants; never empty, since its address is taken."""
    return np.array([*row.constants, 0.0], dtype)


def _differentiate(rows: Rows, source, derivative, constants, d: Block) -> Block:
    """The gradient before the activation, from that after it."""
    d = rows.own(d)
    rows.add(
        activate.differentiate,
        {
            activate.OUT: source,
            activate.STRIDE: d.stride,
            activate.FUNCTION: (derivative, "derivative"),
            activate.CONSTANTS: constants,
            activate.D: d.values,
        },
    )
    return d


NOTHING = Epilogue()

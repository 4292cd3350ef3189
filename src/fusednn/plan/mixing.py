"""Lowering of mixup: two samples for each row, and their losses, in shares of the step.

Zhang et al., "mixup: beyond empirical risk minimization", arXiv:1710.09412. A loss that is linear
in its target is that of the mixed targets.
"""

from __future__ import annotations

import numpy as np

from fusednn.kernels.ops import mix

from .buffers import padded
from .data import Input
from .rows import Block, Rows


def mixed_rows(rows: Rows, x: Input, other: Input) -> Block:
    """The samples of one order mixed with those of another."""
    out = x.block(rows)
    _mix(rows, out, other.block(rows))
    return out


def mix_losses(rows: Rows, own: tuple[Block, np.ndarray], other: tuple[Block, np.ndarray]) -> None:
    """Mixes gradients and the losses (groups, rows) of both samples into the first."""
    _mix(rows, own[0], other[0])
    for values, others in zip(own[1], other[1], strict=True):
        rows.add(mix.mix_values, {mix.VALUES: values, mix.OTHER: others})


def _mix(rows: Rows, out: Block, other: Block) -> None:
    rows.add(
        mix.mix_rows,
        {
            mix.OUT: out.values,
            mix.OTHER: other.values,
            mix.STRIDE: out.stride,
            mix.PADDED: padded(out.width, rows.dtype),
        },
    )

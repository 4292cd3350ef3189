"""A residual block: the input plus what ops make of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from fusednn.kernels.ops import rows as row_ops
from fusednn.plan.buffers import padded
from fusednn.plan.data import Input
from fusednn.plan.forms import Form
from fusednn.plan.rows import Block, Rows, Step

from .columnwise import as_block
from .epilogue import NOTHING, Epilogue
from .layer import Layer


class Residual(NamedTuple):
    """out = after(x + inner(x)); He et al., "Deep residual learning", CVPR 2016.

    Parameters
    ----------
    inner : tuple of Layer
        Ops whose last has as many outputs as the first has inputs.
    after : Epilogue
    """

    inner: tuple[Layer, ...]
    after: Epilogue = NOTHING

    @property
    def fan_in(self) -> int:
        return self.inner[0].fan_in

    @property
    def fan_out(self) -> int:
        return self.inner[-1].fan_out

    def forms(self, dtype) -> list[Form]:
        return [form for op in self.inner for form in op.forms(dtype)]

    def products(self) -> list[tuple[int, int]]:
        return [pair for op in self.inner for pair in op.products()]

    def joins_rows(self) -> bool:
        return any(op.joins_rows() for op in self.inner)

    def is_random(self) -> bool:
        return self.after.dropout > 0 or any(op.is_random() for op in self.inner)

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        x = as_block(rows, x)._replace(kept=True)
        outer, rows.tape = rows.tape, []
        out: Block = x
        for op in self.inner:
            out = op.lower(rows, out)
        inner, rows.tape = rows.tape, outer
        out = rows.own(out)
        _add(rows, out, x)
        if rows.trains:
            rows.tape.append(partial(self._back, rows, inner))
        return self.after.lower(rows, out)

    def _back(self, rows: Rows, inner: Sequence[Step], d: Block) -> Block | None:
        dx = rows.back(d._replace(kept=True), inner)
        if dx is None:
            return None
        dx = rows.own(dx)
        _add(rows, dx, d)
        return dx


def _add(rows: Rows, out: Block, x: Block) -> None:
    rows.add(
        row_ops.add_rows,
        {
            row_ops.OUT: out.values,
            row_ops.OUT_STRIDE: out.stride,
            row_ops.X: x.values,
            row_ops.STRIDE: x.stride,
            row_ops.PADDED: padded(out.width, rows.dtype),
        },
    )

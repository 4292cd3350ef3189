"""Ops whose output has the columns of their input."""

from __future__ import annotations

from dataclasses import dataclass

from fusednn.plan.data import Input
from fusednn.plan.forms import Column, Form
from fusednn.plan.rows import Block, Rows

from .epilogue import NOTHING, Epilogue


@dataclass(frozen=True)
class Columnwise:
    """An op with `vectors` parameters of shape (width,).

    Parameters
    ----------
    width : int
    after : Epilogue
    rate : float
        Factor of the learning rate.
    """

    width: int
    after: Epilogue = NOTHING
    rate: float = 1.0

    @property
    def vectors(self) -> int:
        """How many parameters it has."""
        return 0

    @property
    def fan_in(self) -> int:
        return self.width

    @property
    def fan_out(self) -> int:
        return self.width

    def forms(self, dtype) -> list[Form]:
        columns = [Column(self.width, dtype) for _ in range(self.vectors)]
        for column in columns:
            column.factors = self.rate, 0.0
        return [*columns]

    def products(self) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0


def as_block(rows: Rows, x: Block | Input) -> Block:
    """The block itself, or the network's input copied into one."""
    return x.block(rows) if isinstance(x, Input) else x

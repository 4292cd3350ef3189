"""Ops whose output has the columns of their input."""

from __future__ import annotations

from dataclasses import dataclass

from fusednn.plan.data import Input
from fusednn.plan.forms import Column, Form
from fusednn.plan.rows import Block, Rows

from .epilogue import NOTHING, Epilogue


@dataclass(frozen=True)
class Columnwise:
    """An op with `vectors` trained parameters and then `fixed` ones, of shape (width,).

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
        """How many vectors are trained."""
        return 0

    @property
    def fixed(self) -> int:
        """How many more there are."""
        return 0

    @property
    def fan_in(self) -> int:
        return self.width

    @property
    def fan_out(self) -> int:
        return self.width

    def forms(self, dtype) -> list[Form]:
        columns: list[Form] = []
        for number in range(self.vectors + self.fixed):
            columns.append(Column(self.width, dtype, trained=number < self.vectors))
            columns[-1].factors = self.rate, 0.0
        return columns

    def products(self) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0


def block_of(rows: Rows, x: Block | Input) -> Block:
    """The block itself, or the network's input copied into one."""
    return x.block(rows) if isinstance(x, Input) else x

"""What every op of a network has: widths, parameters, and its lowering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fusednn.plan.data import Input
from fusednn.plan.forms import Form
from fusednn.plan.rows import Block, Rows

from .epilogue import Epilogue


class Layer(Protocol):
    """An op with its sizes; a plain value, since kept plans are found by it."""

    @property
    def fan_in(self) -> int:
        """Columns of its input."""

    @property
    def fan_out(self) -> int:
        """Columns of its output."""

    @property
    def after(self) -> Epilogue:
        """What follows it on its output."""

    def forms(self, dtype) -> list[Form]:
        """How each of its parameters lies in memory, in the order in which it takes them."""

    def products(self) -> Sequence[tuple[int, int]]:
        """Rows and columns of each matrix that it multiplies by."""

    def joins_rows(self) -> bool:
        """Whether the rows of a batch depend on one another in training."""

    def is_random(self) -> bool:
        """Whether it draws random numbers in training."""

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        """Adds its records; in training also what the way back adds, to the tape."""

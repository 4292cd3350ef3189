"""What every op of a network has: sizes, parameters, and how it is written down as calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .epilogue import Epilogue


class Layer(Protocol):
    """An op with its sizes; a plain value, by which plans are found again."""

    @property
    def fan_in(self) -> int:
        """Columns of its input."""

    @property
    def fan_out(self) -> int:
        """Columns of its output."""

    @property
    def after(self) -> Epilogue:
        """What follows it on its output."""

    def parameters(self) -> list[Parameter]:
        """In the order in which it takes them."""

    def products(self) -> Sequence[tuple[int, int]]:
        """Rows and columns of each matrix that it multiplies by."""

    def joins_rows(self) -> bool:
        """Whether the rows of a batch depend on one another in training."""

    def is_random(self) -> bool:
        """Whether it draws random numbers in training."""

    def trace(self, trace: Trace, x: Array) -> Array:
        """Adds its calls; in training also what the way back adds, to the tape."""

"""Ops whose output has the same columns as their input."""

from __future__ import annotations

from dataclasses import dataclass

from fusednn.graph.parameters import Parameter

from .epilogue import NOTHING, Epilogue
from .layer import rowwise


@dataclass(frozen=True)
class Columnwise:
    """An op on each column.

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
    def fan_in(self) -> int:
        return self.width

    @property
    def fan_out(self) -> int:
        return self.width

    def parameters(self) -> list[Parameter]:
        return []

    def _vector(self, name: str, start: float, **facts) -> Parameter:
        """A parameter with an element for each column."""
        return Parameter(name, (self.width,), start, self.rate, **facts)

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return rowwise(self.fan_in, self.fan_out, shape)

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

"""What every op of a network has: sizes, parameters, and how it is written down as calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .epilogue import Epilogue


class Layer(Protocol):
    """An op with its sizes; a plain value, by which plans are found again."""

    @property
    def fan_in(self) -> int:
        """Columns of its input; elements of a sample where it takes these in any shape."""

    @property
    def fan_out(self) -> int:
        """Columns of its output."""

    @property
    def after(self) -> Epilogue:
        """What follows it on its output."""

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a sample of its output, from that of its input.

        Raises
        ------
        ValueError
            If it takes no such input.
        """

    def parameters(self) -> list[Parameter]:
        """In the order in which it takes them."""

    def products(self, shape: tuple[int, ...]) -> Sequence[tuple[int, int, int]]:
        """Rows of a sample of this shape, and rows and columns of each matrix that it multiplies
        them by; without the ops inside."""

    def joins_rows(self) -> bool:
        """Whether the rows of a batch depend on one another in training."""

    def is_random(self) -> bool:
        """Whether it draws random numbers in training."""

    def trace(self, trace: Trace, x: Array) -> Array:
        """Adds its calls; in training also what the way back adds, to the tape."""


def rowwise(fan_in: int, fan_out: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """`out_shape` of an op on each row by itself."""
    if shape[-1] != fan_in:
        raise ValueError(f"takes {fan_in} columns, but the op before it has {shape[-1]}")
    return (*shape[:-1], fan_out)


def shapes_along(ops: Sequence[Layer], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shape of a sample of the first op's input, then of each op's output."""
    return list(accumulate(ops, lambda found, op: op.out_shape(found), initial=shape))


def walked(
    ops: Sequence[Layer], shape: tuple[int, ...]
) -> Iterator[tuple[Layer, tuple[int, ...]]]:
    """Each op with the shape of a sample of its input; those inside others follow these."""
    for op in ops:
        yield op, shape
        yield from walked(getattr(op, "inner", ()), shape)
        shape = op.out_shape(shape)

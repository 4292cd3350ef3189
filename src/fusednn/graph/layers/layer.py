"""The interface of an op: its sizes, its parameters, and the calls that it adds to a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, Protocol, TypeVar

from fusednn.graph.arrays import Array
from fusednn.graph.parameters import Parameter
from fusednn.graph.trace import Trace

from .epilogue import Epilogue

Op = TypeVar("Op")


class Layer(Protocol):
    """An op with its sizes: a plain value, which is part of the keys of caches."""

    @property
    def fan_in(self) -> int:
        """Columns of its input; elements of a sample if it accepts any shape."""

    @property
    def fan_out(self) -> int:
        """Columns of its output."""

    @property
    def after(self) -> Epilogue:
        """What is applied to its output."""

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a sample of its output, from that of its input.

        Raises
        ------
        ValueError
            If the op does not accept this shape.
        """

    def parameters(self) -> list[Parameter]:
        """Its parameters, in the order in which `trace` takes them."""

    def products(self, shape: tuple[int, ...]) -> Sequence[tuple[int, int, int]]:
        """Rows of a sample of this shape, fan-in and fan-out of each matrix product; without those
        of inner ops."""

    def joins_rows(self) -> bool:
        """Whether the rows of a batch depend on one another in training."""

    def is_random(self) -> bool:
        """Whether it draws random numbers in training."""

    def trace(self, trace: Trace, x: Array) -> Array:
        """Adds its calls, and its backward step to the tape; returns its output."""


def distinct(op: type[Op]) -> type[Op]:
    """The decorator of ops that are named tuples: one is equal to ops of its own type alone.

    Graphs are cached by networks, and tuples of equal fields would be equal whatever their types.
    `Dense` does without, since calls of perceptrons look up plans by it, and no other tuple of as
    many fields has an epilogue in the third place.
    """

    def equal(self, other):
        return type(self) is type(other) and tuple.__eq__(self, other)

    def unequal(self, other):
        return not equal(self, other)

    for name, method in (("__eq__", equal), ("__ne__", unequal)):
        setattr(op, name, method)
    return op


def with_after(op: Any, after: Epilogue) -> Any:
    """The op with another epilogue; ops are named tuples or dataclasses."""
    return op._replace(after=after) if hasattr(op, "_replace") else replace(op, after=after)


def rowwise(fan_in: int, fan_out: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """`out_shape` of an op that processes each row by itself."""
    if shape[-1] != fan_in:
        raise ValueError(f"takes {fan_in} columns, but the op before it has {shape[-1]}")
    return (*shape[:-1], fan_out)


def shapes_along(ops: Sequence[Layer], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shape of a sample of the first op's input, then of each op's output."""
    return list(accumulate(ops, lambda found, op: op.out_shape(found), initial=shape))


def walked(
    ops: Sequence[Layer], shape: tuple[int, ...]
) -> Iterator[tuple[Layer, tuple[int, ...]]]:
    """Each op with the shape of a sample of its input; inner ops come after their outer op."""
    for op in ops:
        yield op, shape
        yield from walked(getattr(op, "inner", ()), shape)
        yield from walked(getattr(op, "shortcut", ()), shape)
        shape = op.out_shape(shape)

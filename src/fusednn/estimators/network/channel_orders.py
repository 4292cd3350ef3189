"""The order of flat columns in PyTorch, whose channels come first, where ours come last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

import numpy as np

from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.layer import Layer, shapes_along
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tied import Mirrored
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.untrained import Identity, Standardize
from fusednn.graph.layers.upsampling import UpSampling

Order = np.ndarray | None
"""The number of our column for each of PyTorch's; None: the same."""


def has_windows(ops: Sequence[Layer]) -> bool:
    """Whether an op is over windows, at whatever depth: its channels come first in PyTorch."""
    kinds = Convolution | TransposedConvolution | Pooling | UpSampling
    return any(
        isinstance(op, kinds) or (isinstance(op, Residual) and has_windows(op.ops)) for op in ops
    )


def orders_along(
    ops: Sequence[Layer],
    shape: tuple[int, ...],
    refuse: Callable[[int], ValueError],
    entering: Order = None,
    leaving: Order = None,
) -> list[Order]:
    """The order of the columns before each op, and behind the last; None where samples have axes.

    Columns have the same order up to the next product: those that `Flatten` makes have it from
    the axes before, those that `Reshape` takes from the axes behind.

    Parameters
    ----------
    ops : sequence of Layer
        Ops in a row, of a network with layers over windows.
    shape : tuple of int
        A sample of the input.
    refuse : callable
        From the number of an op to the error that PyTorch has none like it.
    entering, leaving : Order
        What is known of the columns of the input and of the output.
    """
    shapes = shapes_along(ops, shape)
    orders: list[Order] = [None] * len(shapes)
    orders[0] = entering
    orders[-1] = _same([orders[-1], leaving], lambda: refuse(0))
    known = -1
    while known != (known := sum(order is not None for order in orders)):
        for number in [*range(len(ops)), *reversed(range(len(ops)))]:
            error = partial(refuse, number)
            pair = orders[number], orders[number + 1]
            around = shapes[number], shapes[number + 1]
            begins = all(map(_is_of_data, ops[:number]))
            found = _around(ops[number], around, pair, error, begins, _recurs(ops[:number]))
            for at, order in zip((number, number + 1), found, strict=True):
                orders[at] = _same([orders[at], order], error)
    return orders


Pair = tuple[Order, Order]


def _around(op: Layer, shapes, orders: Pair, error, begins: bool, recurs: bool) -> Pair:
    """What follows from an op for the orders before and behind it.

    `begins`: it reads the data; `recurs`: it reads states, whose columns are last in PyTorch too.
    """
    (before, after), (entering, leaving) = shapes, orders
    if isinstance(op, Reshape):
        if len(before) == 1 == len(after):
            return leaving, entering
        if len(before) > 1 and len(after) > 1:
            if before != after and not begins:
                raise error()
            return None, None
        if len(after) == 1:
            return None, np.arange(prod(before)) if recurs else _channels_first(before)
        return (np.arange(before[0]) if op.channels_first else _channels_first(after)), None
    if isinstance(op, Residual):
        found = [
            orders_along(branch, before, lambda _: error(), entering, leaving)
            for branch in (op.inner, op.shortcut)
        ]
        return _same([one[0] for one in found], error), _same([one[-1] for one in found], error)
    if isinstance(op, Dense | Mirrored | Recurrent | TokenEmbedding | Chain):
        return None, None
    if isinstance(op, Embedding):
        return None, np.arange(op.fan_out)
    if isinstance(op, Periodic | PiecewiseLinear):
        return np.arange(op.fan_in), np.arange(op.fan_out)
    return leaving, entering


def _same(orders: Sequence[Order], error: Callable[[], ValueError]) -> Order:
    """The order that is known, if it is one."""
    known = [order for order in orders if order is not None]
    if any(not np.array_equal(order, known[0]) for order in known):
        raise error()
    return known[0] if known else None


def _recurs(ops: Sequence[Layer]) -> bool:
    """Whether the axes behind these ops are those of states, of attention, or of tokens."""
    lasting = Recurrent | TokenEmbedding | Chain
    for op in reversed(ops):
        if isinstance(op, Residual):
            return _recurs(op.inner)
        if isinstance(op, lasting | Reshape) or has_windows([op]):
            return isinstance(op, lasting)
    return False


def _is_of_data(op: Layer) -> bool:
    return isinstance(op, Reshape | Identity | Standardize)


def _channels_first(shape: tuple[int, ...]) -> np.ndarray:
    numbers = np.arange(prod(shape)).reshape(shape)
    return np.moveaxis(numbers, -1, 0).ravel()

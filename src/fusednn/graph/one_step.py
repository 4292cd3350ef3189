"""A network over series as one over a single step, which keeps what the next step needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .layers.attention import Attention, Gate, Positions
from .layers.columnwise import Columnwise
from .layers.convolution import Convolution
from .layers.dense import Dense
from .layers.history import History
from .layers.layer import Layer, shapes_along, walked
from .layers.recurrent import Recurrent
from .layers.reshape import Reshape
from .layers.residual import Residual
from .layers.stepped_attention import SteppedAttention, SteppedPositions
from .layers.tabular.periodic import Periodic
from .layers.tabular.piecewise_linear import PiecewiseLinear
from .layers.tied import Tied
from .layers.token_embedding import TokenEmbedding
from .op_names import name_in
from .windows import Windows


def one_step(ops: Sequence[Layer]) -> tuple[Layer, ...]:
    """The ops of a network of one step, with the same parameters in the same order.

    Run for one step after the other, it gives the rows of the network's output; where the network
    gives the last state, it gives what that would be if the series ended there. Attention sees as
    many steps as the network's series have.

    Parameters
    ----------
    ops : sequence of Layer
        The first gives the samples their axes (steps, channels).

    Raises
    ------
    ValueError
        If an op looks ahead, or there are no steps; the message names the op.
    """
    first, *others = ops
    length, channels = _axes(first)
    for op, _ in walked(others, (length, channels)):
        if reason := _refused(op):
            raise ValueError(
                f"A stream takes one step at a time, but {name_in(ops, op)} {reason}."
            )
    if isinstance(first, TokenEmbedding):
        begin: Layer = first.with_steps_of_data(1)
    else:
        begin = Reshape((1, channels), after=first.after)
    steps = begin, *_steps(others, length)
    *rows, width = shapes_along(steps, (begin.fan_in,))[-1]
    return (*steps, Reshape((width,))) if rows else steps


def several_steps(ops: Sequence[Layer], count: int) -> tuple[Layer, ...]:
    """The ops of `one_step` as those of `count` steps at once, whose outputs are side by side.

    There are none if an op takes a single step: recurrences and the last steps of a series.
    """
    first, *others = ops
    inside = walked(others, first.out_shape((first.fan_in,)))
    if any(isinstance(op, History | Recurrent) for op, _ in inside):
        return ()
    begin: Layer
    if isinstance(first, TokenEmbedding):
        begin = first.with_steps_of_data(count)
    else:
        begin = Reshape((count, first.fan_out), after=first.after)
    *steps, _ = begin, *_of_each_step(others, count)  # the last one gives a row
    return *steps, Reshape((count * steps[-1].fan_out,))


def most_steps(ops: Sequence[Layer]) -> tuple[int, Layer] | None:
    """The most steps of a series that ops of one step take, and the op that bounds them."""
    first, *others = ops
    found = [
        (op.steps, op)
        for op, _ in walked(others, first.out_shape((first.fan_in,)))
        if isinstance(op, SteppedPositions)
    ]
    return min(found, key=lambda one: one[0], default=None)


def _axes(first: Layer) -> tuple[int, int]:
    """The axes (steps, channels) that the first op gives samples."""
    if isinstance(first, TokenEmbedding):
        return first.fan_in, first.size
    shape = first.out_shape((first.fan_in,)) if isinstance(first, Reshape) else ()
    if len(shape) != 2:
        raise ValueError(
            "A stream takes the steps of a series one at a time, but the network does not begin"
            " with axes (steps, channels)."
        )
    steps, channels = shape
    return steps, channels


def _steps(ops: Sequence[Layer], length: int) -> Iterator[Layer]:
    for op in ops:
        match op:
            case Recurrent():
                yield replace(op, carried=True)
            case Convolution():
                [taps], [dilation] = op.windows.kernel, op.windows.dilation
                if taps > 1:
                    yield History(op.fan_in, taps, dilation)
                yield op._replace(windows=Windows((taps,), (taps,), (1,), ((0, 0),), (1,)))
            case Attention():
                yield SteppedAttention.of(op, length)
            case Positions():
                yield SteppedPositions.of(op)
            case Residual():
                inner, shortcut = (tuple(_steps(part, length)) for part in (op.inner, op.shortcut))
                yield op._replace(inner=inner, shortcut=shortcut)
            case _:
                yield op


def _of_each_step(ops: Sequence[Layer], count: int) -> Iterator[Layer]:
    for op in ops:
        match op:
            case Convolution():  # of one tap
                yield op.with_steps(count)
            case Residual():
                inner, shortcut = (
                    tuple(_of_each_step(part, count)) for part in (op.inner, op.shortcut)
                )
                yield op._replace(inner=inner, shortcut=shortcut)
            case _:
                yield op


def _refused(op: Layer) -> str:
    """Why an op cannot be run one step at a time; empty if it can."""
    by_rows = Columnwise | Gate | Periodic | PiecewiseLinear
    if isinstance(op, Dense | Residual | by_rows | Positions | Tied):
        return ""
    if isinstance(op, Recurrent):
        return "goes from the last step to the first too" if op.both else ""
    if isinstance(op, Attention):
        return "" if op.causal else "is not causal: it needs causal=True"
    if isinstance(op, Convolution) and len(op.windows.sizes) == 1:
        [taps], [stride], [(before, after)], [dilation] = op.windows[1:5]
        if stride == 1 and after == 0 and before == dilation * (taps - 1):
            return ""
        return 'is not causal: it needs stride 1 and padding="causal"'
    return "needs the steps of the whole series"

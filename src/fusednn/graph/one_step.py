"""A network over series as one over a single step, which keeps what the next step needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .layers.attention import Gate
from .layers.columnwise import Columnwise
from .layers.convolution import Convolution
from .layers.dense import Dense
from .layers.history import History
from .layers.layer import Layer, shapes_along, walked
from .layers.recurrent import Recurrent
from .layers.reshape import Reshape
from .layers.residual import Residual
from .layers.token_embedding import TokenEmbedding
from .op_names import name_in
from .windows import Windows


def one_step(ops: Sequence[Layer]) -> tuple[Layer, ...]:
    """The ops of a network of one step, with the same parameters in the same order.

    Run for one step after the other, it gives the rows of the network's output; where the network
    gives the last state, it gives what that would be if the series ended there.

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
    if isinstance(first, TokenEmbedding):
        raise ValueError(
            "A stream takes the numbers of one step at a time, but the network's TokenEmbedding"
            " reads tokens."
        )
    shape = first.out_shape((first.fan_in,)) if isinstance(first, Reshape) else ()
    if len(shape) != 2:
        raise ValueError(
            "A stream takes the steps of a series one at a time, but the network does not begin"
            " with axes (steps, channels)."
        )
    for op, _ in walked(others, shape):
        if reason := _refused(op):
            raise ValueError(
                f"A stream takes one step at a time, but {name_in(ops, op)} {reason}."
            )
    begin = Reshape((1, shape[1]), after=first.after)
    steps = begin, *_steps(others)
    *rows, width = shapes_along(steps, (begin.fan_in,))[-1]
    return (*steps, Reshape((width,))) if rows else steps


def _steps(ops: Sequence[Layer]) -> Iterator[Layer]:
    for op in ops:
        match op:
            case Recurrent():
                yield replace(op, carried=True)
            case Convolution():
                [taps], [dilation] = op.windows.kernel, op.windows.dilation
                if taps > 1:
                    yield History(op.fan_in, taps, dilation)
                yield op._replace(windows=Windows((taps,), (taps,), (1,), ((0, 0),), (1,)))
            case Residual():
                inner, shortcut = (tuple(_steps(part)) for part in (op.inner, op.shortcut))
                yield op._replace(inner=inner, shortcut=shortcut)
            case _:
                yield op


def _refused(op: Layer) -> str:
    """Why an op cannot be run one step at a time; empty if it can."""
    if isinstance(op, Dense | Residual | Columnwise | Gate):
        return ""
    if isinstance(op, Recurrent):
        return "goes from the last step to the first too" if op.both else ""
    if isinstance(op, Convolution) and len(op.windows.sizes) == 1:
        [taps], [stride], [(before, after)], [dilation] = op.windows[1:5]
        if stride == 1 and after == 0 and before == dilation * (taps - 1):
            return ""
        return 'is not causal: it needs stride 1 and padding="causal"'
    return "needs the steps of the whole series"

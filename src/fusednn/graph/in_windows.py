"""A network over long series as one over windows of these, which carries the states on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .layers.columnwise import Columnwise
from .layers.dense import Dense
from .layers.layer import Layer
from .layers.recurrent import Recurrent
from .layers.reshape import Reshape
from .layers.residual import Residual
from .layers.tabular.periodic import Periodic
from .layers.tabular.piecewise_linear import PiecewiseLinear
from .layers.token_embedding import TokenEmbedding


def in_windows(ops: Sequence[Layer], steps: int) -> tuple[Layer, ...]:
    """The ops of a network whose series have `steps` steps, with the same parameters.

    Run for one window after the other, its recurrences begin with the states of the one before.

    Parameters
    ----------
    ops : sequence of Layer
        Without one that `refused` names.
    steps : int
    """
    first, *others = ops
    assert isinstance(first, Reshape | TokenEmbedding)
    return first.with_steps_of_data(steps), *_carried(others)


def _carried(ops: Sequence[Layer]) -> Iterator[Layer]:
    for op in ops:
        match op:
            case Recurrent():
                yield replace(op, carried=True)
            case Residual():
                inner, shortcut = (tuple(_carried(part)) for part in (op.inner, op.shortcut))
                yield op._replace(inner=inner, shortcut=shortcut)
            case _:
                yield op


def refused(op: Layer) -> str:
    """Why an op behind the first cannot be run in windows; empty if it can."""
    match op:
        case Recurrent():
            return "goes from the last step to the first too" if op.both else ""
        case Residual():
            return next(filter(None, map(refused, op.ops)), "")
        case Dense():
            return "has normalised weights" if op.weight_norm else ""
        case Columnwise() | Periodic() | PiecewiseLinear():
            return ""
    return "reads several steps at once"

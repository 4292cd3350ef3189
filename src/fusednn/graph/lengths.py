"""The steps of padded series behind layers that change them, and networks for other steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .arrays import INT64, ROWS, Array
from .trace import Trace
from .windows import Windows


def count_windows(trace: Trace, lengths: Array | None, windows: Windows) -> Array | None:
    """The windows over each series: as many as if it had no padding."""
    if lengths is None:
        return None
    [(before, after)], [stride] = windows.padding, windows.stride
    reach = windows.dilation[0] * (windows.kernel[0] - 1) + 1
    facts = {"factor": 1, "added": before + after - reach + stride, "divisor": stride}
    return _changed(trace, lengths, overhang=before if windows.overhangs else -1, **facts)


def count_repeated(
    trace: Trace, lengths: Array | None, factor: int, added: int = 0
) -> Array | None:
    """The steps of series that are `factor` times as long, and some steps more."""
    if lengths is None:
        return None
    return _changed(trace, lengths, factor=factor, added=added, divisor=1, overhang=-1)


def _changed(trace: Trace, lengths: Array, **facts: int) -> Array:
    counts = Array((1,), ROWS, INT64)
    trace.call("change_lengths", {"counts": counts}, lengths=lengths, **facts)
    return counts


def along_steps(ops: Sequence, steps: int) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """A network's ops for series of so many steps, each with the shape of its output.

    Parameters
    ----------
    ops : sequence of Layer
        The first gives samples their time axis.
    steps : int

    Raises
    ------
    ValueError
        If an op fixes the steps, or leaves none; when it is that op's turn.
    """
    [first, *others] = ops
    if not hasattr(first, "with_steps_of_data"):
        raise ValueError(f"series of unequal lengths need a time axis first, not {first}")
    first = first.with_steps_of_data(steps)
    shape = first.out_shape((first.fan_in,))
    yield first, shape
    for op in others:
        op, shape = changed(op, shape)
        yield op, shape


def ops_for_steps(ops: Sequence, steps: int, channels: int) -> tuple:
    """Ops in a row for series (steps, channels); raises as `changed` does."""
    found: list[Any] = []
    shape: tuple[int, ...] = (steps, channels)
    for op in ops:
        op, shape = changed(op, shape)
        found.append(op)
    return tuple(found)


def changed(op: Any, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """An op for samples of this shape, and the shape of its output.

    Raises
    ------
    ValueError
        If it fixes the steps of series, or leaves none.
    """
    if len(shape) == 2 and hasattr(op, "with_steps"):
        op = op.with_steps(shape[0])
    found = op.out_shape(shape)
    if min(found) < 1:
        raise ValueError(f"leaves no step of {shape[0]}")
    return op, found

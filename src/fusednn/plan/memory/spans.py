"""How long arrays over samples are needed: within a step of a loop, within a task, or longer.

A sample of an image has thousands of rows. Calls on such samples run in *loops*: the calls of a
loop run one after the other for a few samples, then for the next ones, so that their arrays stay
in the caches. Other calls run for all samples of a task, since weights are then read less often.
An array that one loop alone uses has room for the samples of a step; one that a task alone uses
has room for those of a task, both for each worker.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fusednn.graph.arrays import SAMPLES, Array
from fusednn.graph.calls import Call

from .buffers import leading_dimension
from .sizes import STEP_BYTES

STEP, TASK, WHOLE = range(3)
"""Spans: a step of one loop, a task, all samples."""


TOGETHER = frozenset(
    [f"{cell}_{way}" for cell in ("rnn", "lstm", "gru") for way in ("forward", "backward")]
    + ["rnn_carried", "begin_window", "end_window"]
)
"""Calls that run for all samples of a task, though these have several rows: they read their
weights once for each step of a series."""


class Loop(NamedTuple):
    """Calls [first, last) that run together.

    Parameters
    ----------
    first, last : int
    step : int
        Samples at once; 0: all of a task.
    segment : int
        The number of the segment that it is part of.
    """

    first: int
    last: int
    step: int
    segment: int


class Spans:
    """The loops of a list of calls, and the spans of their arrays.

    Parameters
    ----------
    calls : sequence of Call
    over : sequence of dict of str to str
        For each call, the names of outputs that its kernel writes over an input, and of that
        input, which then has the span of the output.
    kept : collection of Array
        Arrays that other code reads after the calls.
    dtype : dtype
    is_stepped : callable
        Whether a call may run for a part of a chunk of samples.
    chunk : int
        Samples of a chunk.

    Attributes
    ----------
    loops : list of Loop
    """

    def __init__(
        self, calls: Sequence[Call], over: Sequence[Mapping[str, str]], kept: Collection[Array],
        dtype, is_stepped: Callable[[Call], bool], chunk: int,
    ):  # fmt: skip
        self.loops = _loops_of(calls, np.dtype(dtype), is_stepped, chunk)
        self._of: dict[Array, int] = dict.fromkeys(kept, WHOLE)
        self._loop: dict[Array, Loop] = {}
        for loop in self.loops:
            for call in calls[loop.first : loop.last]:
                for array in call.arrays:
                    self._note(array, loop)
        for call, names in zip(reversed(calls), reversed(over), strict=True):
            for name, other in names.items():
                out, x = call.out.get(name), call.given.get(other)
                if out in self._of and x in self._of:
                    self._of[x] = max(self._of[x], self._of[out])

    def _note(self, array: Array, loop: Loop) -> None:
        before = self._loop.setdefault(array, loop)
        span = self._of.setdefault(array, STEP if loop.step else TASK)
        if before.segment != loop.segment:
            self._of[array] = WHOLE
        elif before is not loop:
            self._of[array] = max(span, TASK)

    @property
    def are_stepped(self) -> bool:
        """Whether some calls run for fewer samples than a task has."""
        return any(loop.step for loop in self.loops)

    def of(self, array: Array) -> int:
        """The span of an array."""
        return self._of[array]

    def step(self, array: Array) -> int:
        """Samples of a step of the loop that an array is used in."""
        return self._loop[array].step


def _loops_of(
    calls: Sequence[Call], dtype: np.dtype, is_stepped: Callable[[Call], bool], chunk: int
) -> list[Loop]:
    """Adjacent calls on samples of many rows, and adjacent calls on others."""
    loops: list[Loop] = []
    first, segment = 0, 0
    for at, call in enumerate(calls):
        is_last = at + 1 == len(calls)
        if call.once or is_last or _is_looped(calls[at + 1]) != _is_looped(call):
            found = [one for one in calls[first : at + 1] if not one.once]
            if found:
                step = _step_of(found, dtype, is_stepped, chunk) if _is_looped(found[0]) else 0
                loops.append(Loop(first, at + 1, step, segment))
            first = at + 1
        segment += call.once
    return loops


def _is_looped(call: Call) -> bool:
    """Whether a call runs for few samples at a time, since these have several rows."""
    return call.op not in TOGETHER and any(array.positions > 1 for array in call.arrays)


def _step_of(
    calls: Sequence[Call], dtype: np.dtype, is_stepped: Callable[[Call], bool], chunk: int
) -> int:
    """The samples of a step: a part of a chunk, of about STEP_BYTES."""
    if not all(map(is_stepped, calls)):
        return chunk
    arrays = {array for call in calls for array in call.arrays if array.over == SAMPLES}
    elements = sum(one.positions * leading_dimension(one.width, dtype) for one in arrays)
    step = chunk
    while step > 1 and (step * elements * dtype.itemsize > STEP_BYTES or chunk % step):
        step -= 1
    return step

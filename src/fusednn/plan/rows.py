"""A pass over row blocks being lowered: records in order, cut where all rows must be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fusednn.kernels.ops import rows as row_ops

from .buffers import aligned_zeros, leading_dimension, padded
from .lengths import Normed
from .program import Program


class Block(NamedTuple):
    """An op's output in the buffers, or its gradient: `width` columns, rows `stride` apart.

    Of a block that is `kept` someone else needs the values later: no op works on it in place.
    """

    values: np.ndarray
    stride: int
    width: int
    kept: bool = False


Step = Callable[[Block], Block | None]
"""From the gradient of an op's output to that of its input, None where nobody needs it."""


class Gradient(NamedTuple):
    """Where a parameter's gradient comes from: the op of its update, and what that reads."""

    op: object
    operands: dict[int, Any]


class Segment(NamedTuple):
    """Records that each row block runs, and the one that runs once after all blocks."""

    chain: list[np.ndarray]
    after: np.ndarray | None


class Rows:
    """The state of lowering a network's ops, forward and then back.

    Parameters
    ----------
    program : Program
    count : int
        Rows of the buffers.
    parameters : list of ndarray
        The network's, each flat and in its form, or plain.
    plain : bool
        Matrices as they stand, not in their forms.
    transposed : list of ndarray or None, optional
        Copies of w^T where there are any; in training.
    key : ndarray of two int64, optional
        In training: of the random numbers.
    noisy : bool
        In training: whether there is dropout and noise.

    Attributes
    ----------
    tape : list of Step
        In training: the way back of each op, in the order of the ops; each adds its records.
    segments : list of Segment
        Those that are complete.
    before : list of ndarray
        Records that run once, beside the first segment.
    gradients : dict of int to Gradient
        By the number of the parameter.
    normed_weights : list of Normed
        Weights that are made of directions and lengths.
    zero_rows : dict of int to ndarray
        Rows of zeros, by size.
    refresh : list of callable
        In inference: what brings operands up to date that are computed from parameters.
    """

    def __init__(
        self,
        program: Program,
        count: int,
        parameters: Sequence[np.ndarray],
        *,
        plain: bool = False,
        transposed: Sequence[np.ndarray | None] = (),
        key: np.ndarray | None = None,
        noisy: bool = True,
    ):
        self.program, self.count, self.plain, self.key = program, count, plain, key
        self.noisy = noisy and key is not None
        self.dtype = program.dtype
        self.tape: list[Step] = []
        self.segments: list[Segment] = []
        self.before: list[np.ndarray] = []
        self.gradients: dict[int, Gradient] = {}
        self.refresh: list[Callable[[], object]] = []
        self.normed_weights: list[Normed] = []
        self._parameters, self._transposed = parameters, transposed
        self._chain: list[np.ndarray] = []
        self._taken = self._streams = 0
        self.zero_rows: dict[int, np.ndarray] = {}

    @property
    def trains(self) -> bool:
        """Whether there is a way back."""
        return self.key is not None

    def add(self, op, operands: dict[int, Any]) -> None:
        """One more record for each row block."""
        self._chain.append(self.program.record(op, operands))

    def add_records(self, records: list[np.ndarray]) -> None:
        """More records for each row block."""
        self._chain += records

    def cut(self, after=None, operands: dict[int, Any] | None = None) -> None:
        """Ends the segment: all rows are done before the record `after` runs, and what follows."""
        record = None if after is None else self.program.record(after, operands or {})
        self.segments.append(Segment(self._chain, record))
        self._chain = []

    def take(self, count: int) -> list[int]:
        """The numbers of the next parameters: ops take theirs in the order of the network."""
        first = self._taken
        self._taken += count
        return list(range(first, self._taken))

    def parameter(self, number: int) -> np.ndarray:
        """A parameter, flat."""
        return self._parameters[number]

    def transposed(self, number: int) -> np.ndarray | None:
        """The copy of w^T of a parameter that has one."""
        return self._transposed[number]

    @property
    def is_random(self) -> bool:
        """Whether the network has taken random numbers."""
        return self._streams > 0

    def normed(self, form, directions: int, lengths: int) -> np.ndarray:
        """Weights that are made of directions and lengths."""
        made = Normed(form, directions, lengths, aligned_zeros(form.count, self.dtype))
        self.normed_weights.append(made)
        self.refresh.append(partial(made.refresh, self._parameters))
        return made.weights

    def next_stream(self) -> int:
        """The number of a source of random numbers of the network."""
        self._streams += 1
        return self._streams - 1

    def zeros(self, width: int) -> np.ndarray:
        """A row of zeros."""
        count = padded(width, self.dtype)
        if count not in self.zero_rows:
            self.zero_rows[count] = aligned_zeros(count, self.dtype)
        return self.zero_rows[count]

    def block(self, width: int) -> Block:
        """A new block, zeroed."""
        stride = leading_dimension(width, self.dtype)
        return Block(aligned_zeros(self.count * stride, self.dtype), stride, width)

    def copy(self, x: Block) -> Block:
        """A block that becomes a copy of another."""
        out = self.block(x.width)
        self.add(
            row_ops.copy_rows,
            {
                row_ops.OUT: out.values,
                row_ops.OUT_STRIDE: out.stride,
                row_ops.X: x.values,
                row_ops.STRIDE: x.stride,
                row_ops.PADDED: padded(x.width, self.dtype),
            },
        )
        return out

    def own(self, x: Block) -> Block:
        """The block itself, or a copy of one that is kept."""
        return self.copy(x) if x.kept else x

    def back(self, d: Block | None, tape: Sequence[Step]) -> Block | None:
        """The way back over a tape, from the gradient of its end to that of its beginning.

        None where nothing before needs a gradient.
        """
        for step in reversed(tape):
            if d is None:
                return None
            d = step(d)
        return d

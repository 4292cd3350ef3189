"""From a graph's calls to records; cuts the row stage where an op combines all rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.arrays import CHUNKS, NETWORK, ROWS, SAMPLES, Array
from fusednn.graph.calls import Call, Graph
from fusednn.graph.gradients import arrays_read
from fusednn.kernels.ops import answers
from fusednn.kernels.ops.lengths import clear_steps
from fusednn.kernels.ops.pointwise import elementwise as row_ops
from fusednn.kernels.records import LENGTHS
from fusednn.plan.layout.forms import Form
from fusednn.plan.layout.taps import is_stepped
from fusednn.plan.memory.blocks import Blocks
from fusednn.plan.memory.buffers import Block, leading_dimension, padded
from fusednn.plan.memory.spans import Spans

from .data import Source
from .looped import Looped, Records
from .program import Program, Task


class Segment(NamedTuple):
    """Records that each row block runs, and the one that runs once after all blocks."""

    loops: list[Records]
    after: np.ndarray | None

    @property
    def chain(self) -> list[np.ndarray]:
        """The records of all loops."""
        return [record for loop in self.loops for record in loop.chain]


class Lowering:
    """Binds the calls of a graph to kernels and memory.

    Parameters
    ----------
    program : Program
    graph : Graph
    rows : int
        Samples that the buffers have room for.
    source : Source
        The data.
    orders : dict of str to ndarray of int64 or None
        "own": the order in which samples are taken, None for that of the data; with mixup also
        "partners": the samples that these are mixed with.
    forms : sequence of Form
        The parameters' forms.
    parameters : sequence of ndarray
        Flat and in their forms; row-major matrices with `plain`.
    plain : bool
        Whether the weights are row-major matrices, not in their forms.
    transposed : sequence of ndarray or None
        The copies of w^T, by the parameters' numbers.
    key : ndarray of two int64, optional
        The key of the random numbers.
    loss : callable, optional
        From this lowering and a call of the loss to records.
    picked : int
        The output whose gradient is computed; -1 is each row's largest.
    kept : collection of Array
        Arrays that other code reads after the calls, besides the logits and those of gradients.
    steps : bool
        Whether samples of several rows run in loops (`Spans`).
    task : int
        Samples of a task; 0: the buffers have room for all samples.
    reuses : bool
        As `Blocks` takes it.
    carried : list of ndarray, optional
        The memory of what another lowering of the same rows carries, which this one shares.

    Attributes
    ----------
    segments : list of Segment
    before : list of ndarray
        Records that run once, beside the first segment.
    carried : list of ndarray
        The memory of what the graph carries from one run to the next; zeros at first.
    """

    def __init__(
        self,
        program: Program,
        graph: Graph,
        rows: int,
        source: Source,
        orders: Mapping[str, np.ndarray | None],
        forms: Sequence[Form],
        parameters: Sequence[np.ndarray],
        *,
        plain: bool = False,
        transposed: Sequence[np.ndarray | None] = (),
        key: np.ndarray | None = None,
        loss: Callable[[Lowering, Call], list[np.ndarray]] | None = None,
        picked: int = -1,
        kept: Collection[Array] = (),
        steps: bool = False,
        task: int = 0,
        reuses: bool = True,
        carried: list[np.ndarray] | None = None,
    ):
        self.program, self.graph, self.rows, self.source = program, graph, rows, source
        self.orders, self.forms, self.plain, self.key = orders, forms, plain, key
        self.dtype, self.memory = program.dtype, program.memory
        self.segments: list[Segment] = []
        self.before: list[np.ndarray] = []
        self.carried = [] if carried is None else carried
        self._zero_rows: dict[int, np.ndarray] = {}
        self.loss, self.picked = loss, picked
        self.gathered: Block | None = None  # the batch's data, if a dense layer reads them
        self._transposed = list(transposed) or [None] * len(forms)
        self._numbers = {array: number for number, (_, array) in enumerate(graph.parameters)}
        self._arrays: dict[Array, np.ndarray] = {
            array: parameters[number] for array, number in self._numbers.items()
        }
        for w, parameter in graph.turned:  # a form serves both
            self.derive(w, self._numbers[parameter], self._arrays[parameter])
        self._loops: list[Records] = []
        self._lasting = {array for call in graph.prepared for array in call.out.values()}
        kept = {*kept, graph.logits, *arrays_read(graph.gradients.values())}
        kept |= set() if graph.dx is None else {graph.dx}
        kept |= {one.after for one in graph.carried}
        self._kept, self._steps, self._task, self._reuses = kept, steps, task, reuses

    # -- operands ------------------------------------------------------------------------

    def number(self, array: Array) -> int:
        """The number of a parameter; for normalised weights, that of their directions."""
        return self._numbers[array]

    def form(self, w: Array) -> Form:
        """The form of a parameter."""
        return self.forms[self._numbers[w]]

    def transposed(self, w: Array) -> np.ndarray | None:
        """The copy of w^T of a parameter that has one."""
        return self._transposed[self._numbers[w]]

    def set_transposed(self, w: Array, copy: np.ndarray) -> None:
        """Sets the memory of the copy of w^T of a parameter."""
        self._transposed[self._numbers[w]] = copy

    def derive(self, array: Array, number: int, values: np.ndarray) -> None:
        """Sets the memory of an array that is computed from a parameter and has its form."""
        self._numbers[array], self._arrays[array] = number, values

    def derive_values(self, array: Array, values: np.ndarray) -> None:
        """Sets the memory of an array that is written over another."""
        self._arrays[array] = values

    def zeros(self, width: int) -> np.ndarray:
        """A row of zeros."""
        count = padded(width, self.dtype)
        if count not in self._zero_rows:
            self._zero_rows[count] = self.memory.keep(count, self.dtype)
        return self._zero_rows[count]

    def place(self, array: Array) -> Block | np.ndarray:
        """The memory of an array: a block over samples, else flat values."""
        return self.blocks[array] if array.over == SAMPLES else self.values(array)

    def values(self, array: Array) -> np.ndarray:
        """The flat values of an array that is not over samples."""
        if array not in self._arrays:
            self._arrays[array] = self._new(array)
        return self._arrays[array]

    def lengths_of(self, array: Array) -> np.ndarray | None:
        """The steps of each row of the buffers, of an array of padded series."""
        lengths = self.graph.lengths.get(array)
        return None if lengths is None else self.values(lengths)

    def lengths(self, call: Call) -> np.ndarray | None:
        """The same of a call that reads them itself."""
        lengths = call.given["lengths"]
        return None if lengths is None else self.values(lengths)

    def _new(self, array: Array) -> np.ndarray:
        if array.element == "int64":
            return self.memory.borrow(self.rows, np.int64)
        if array.element == "float64":
            values = np.zeros((*array.shape, self.rows))
            self.memory.work.append(values)
            return values
        if array.over == ROWS:
            return self.memory.borrow(self.rows * array.positions, self.dtype)
        count = padded(array.width, self.dtype)
        if array.over == CHUNKS:
            chunks = -(-self.rows // self.program.chunk)
            return self.memory.borrow(chunks * array.positions * count, self.dtype)
        assert array.over == NETWORK
        take = self.memory.keep if array in self._lasting else self.memory.borrow
        return take(count, self.dtype)

    # -- records -------------------------------------------------------------------------

    def run(self, bindings: Mapping[str, Any]) -> None:
        """Binds all calls, each as its row of the table says."""
        self._set_blocks(bindings)
        steps = {at: loop for loop in self._stepping for at in range(loop.first, loop.last)}
        cleared = self._cleared(bindings)
        for at, call in enumerate(self.graph.calls):
            if at in steps and at == steps[at].first:
                self._loops.append(Records([], steps[at].step))
            if not self.blocks.is_read(at, call):  # a convolution may read what a reshape reads
                continue
            binding, self.program.layer = bindings[call.op], call.layer
            copies = self.blocks.place(at, call, binding.over)
            records = [self.program.record(row_ops.copy_rows, copy._asdict()) for copy in copies]
            records += binding.bind(self, call)
            if call.lengths is not None:
                for record in records:
                    self.program.point(record, LENGTHS, self.values(call.lengths))
            if call.once:
                self.cut(*records)
            else:
                self._chain.extend(records)
            for array in call.out.values():
                if array in cleared:
                    self._clear(array)
            self.blocks.release(at, call)
        self.program.layer = None
        if self._stepping:
            self._loops.append(Records([], 0))

    def _cleared(self, bindings: Mapping[str, Any]) -> set[Array]:
        """The arrays of series whose padding something reads, so that it must be 0."""
        found: set[Array | None] = {self.graph.logits, self.graph.dx, *self.graph.outputs}
        for call in self.graph.calls:
            found.update(call.given[name] for name in bindings[call.op].whole)
        return {array for array in self.graph.lengths if array in found}

    def _clear(self, array: Array) -> None:
        """Adds the record that clears the padding of series."""
        block = self.blocks[array]
        sizes = {"steps": block.positions, "step": block.stride}
        lengths = self.lengths_of(array)
        self.add(clear_steps, {"out": block.by_sample, "lengths": lengths, **sizes})

    def _set_blocks(self, bindings: Mapping[str, Any]) -> None:
        calls, spans = self.graph.calls, None
        if self._steps:
            over = [bindings[call.op].over for call in calls]
            spans = Spans(calls, over, self._kept, self.dtype, is_stepped, self.program.chunk)
        self._stepping = () if spans is None or not spans.are_stepped else spans.loops
        self.blocks = Blocks(
            *(calls, self._kept, self.rows, self.dtype, self.memory),
            *(spans if self._stepping else None, self.program.workers, self._task, self._reuses),
        )
        for number, one in enumerate(self.graph.carried):
            if number == len(self.carried):
                stride = leading_dimension(one.before.width, self.dtype)
                count = self.rows * one.before.positions * stride
                self.carried.append(self.memory.keep(count, self.dtype))
            self.blocks.lend(one, self.carried[number])

    def add(self, kernel, operands: Mapping[str, Any], lengths: np.ndarray | None = None) -> None:
        """Adds a record for each block of rows that is no call of the graph.

        With `lengths` it runs for so many rows of each sample.
        """
        record = self.program.record(kernel, operands)
        if lengths is not None:
            self.program.point(record, LENGTHS, lengths)
        self._chain.append(record)

    def emit(self, array: Array, samples: int) -> np.ndarray:
        """Adds a record that writes an array over samples, in their order, to a new array."""
        x = self.blocks[array]
        found = np.empty((samples, x.positions * x.width), self.dtype)
        emitted = Block(found.reshape(-1), x.width, x.width)
        self.add(answers.emit_rows, {"emitted": emitted, "x": x})
        return found

    def cut(self, after: np.ndarray | None = None) -> None:
        """Ends the segment: `after` and all later records run when all rows are done."""
        self.segments.append(Segment([loop for loop in self._loops if loop.chain], after))
        self._loops = []

    @property
    def _chain(self) -> list[np.ndarray]:
        """The records of the present loop."""
        if not self._loops:
            self._loops.append(Records([], 0))
        return self._loops[-1].chain

    def tasks(self, segment: Segment, blocks: Sequence[tuple[int, int]], kind: int) -> list[Task]:
        """The tasks of a segment, for blocks of samples."""
        chain: Looped | list[np.ndarray] = segment.chain
        if self._stepping:
            chain = Looped(segment.loops, self.blocks.locals)
        return [Task(chain, lo, hi, kind) for lo, hi in blocks]

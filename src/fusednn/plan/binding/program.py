"""Builds the int64 arrays that the engine interprets (their words: kernels/records.py)."""

from __future__ import annotations

import ctypes
import sys
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import accumulate, pairwise
from struct import Struct
from typing import Any, NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.library import address
from fusednn.kernels.operands import DECLARED
from fusednn.kernels.ops.products.partials import CHUNK_ROWS
from fusednn.plan.memory.buffers import Block, address_of, padded
from fusednn.plan.memory.memory import Memory

from .looped import Looped


class Task(NamedTuple):
    """A chain of records over [lo, hi), or for a tile of weights at column lo and row hi.

    `cost` is its time relative to the other tasks of its stage: workers get shares of equal cost.
    """

    chain: Sequence[np.ndarray] | Looped
    lo: int
    hi: int
    kind: int = records.WHOLE
    cost: float = 1.0


class Refresh(NamedTuple):
    """A function that computes again what depends on parameters alone.

    Parameters
    ----------
    compute : callable
    read, written : tuple of ndarray
        The parameters that it reads, and what it writes.
    """

    compute: Callable[[], object]
    read: tuple[np.ndarray, ...]
    written: tuple[np.ndarray, ...]

    def __call__(self) -> None:
        self.compute()


class Program:
    """One plan: stages of tasks of records, and the memory they point to.

    Parameters
    ----------
    dtype : dtype
        Element type of the network.
    workers : int
        Threads that may run it.
    scratch : int
        Elements of scratch per worker.
    memory : Memory, optional
        Allocates what it needs.
    chunk : int
        Samples of a chunk of the batch.

    Attributes
    ----------
    stages : sequence of (tasks, record or None)
        As `set_stages` was given them.
    refresh : list of Refresh
        Functions to call before a run.
    n_varied : int
        Columns of what varies from step to step by schedules of its own; set before `set_steps`.
    layer : Layer or None
        The one that records are made for, if any; for messages.
    """

    def __init__(
        self, dtype, workers: int, scratch: int, memory: Memory | None = None,
        chunk: int = CHUNK_ROWS,
    ):  # fmt: skip
        self.dtype, self.memory, self.chunk = np.dtype(dtype), memory or Memory(), chunk
        self._alive: list[Any] = []
        self._addresses: dict[int, int] = {}  # of arrays in `_alive`, by `id`
        self._records: list[np.ndarray] = []
        self._calls: dict[int, tuple[Any, Mapping[str, Any]]] = {}  # of records, by `id`
        self.refresh: list[Refresh] = []
        self.n_varied = 0
        self.layer: Any = None
        self.words = np.zeros(records.PROGRAM_WIDTH, np.int64)
        self.sync = self.memory.keep(records.CLAIMS + records.CLAIMS_WIDTH * workers, np.int64)
        self.frames = self.memory.keep(records.FRAME_WIDTH * workers, np.int64)
        for frame in self.frames.reshape(workers, records.FRAME_WIDTH):
            frame[records.OWN_SETTINGS] = address_of(frame[records.OWN :])
            frame[records.CHUNK] = chunk
        per_worker = -(-scratch * self.dtype.itemsize // 64) * 16
        self.scratch = self.memory.borrow(per_worker * workers, np.float32)
        yield_address, nap_address, nap_argument = _waiting_functions()
        self.workers = workers
        self.words[records.SYNC] = address_of(self.sync)
        self.words[records.YIELD] = yield_address
        self.words[records.NAP] = nap_address
        self.words[records.NAP_ARGUMENT] = nap_argument
        self.words[records.FRAMES] = address_of(self.frames)
        self.words[records.SCRATCH] = address_of(self.scratch)
        self.words[records.SCRATCH_WORDS] = per_worker
        self.words[records.WORKERS] = workers

    def record(self, op, operands: Mapping[str, Any]) -> np.ndarray:
        """A record of `op`: a kernel, and its operands by their names.

        Rows are given as a `Block`, arrays as such, numbers as numbers, functions as a pair
        (kernel, role). Optional operands may be None or missing. A block of several positions
        per sample multiplies the bounds of the op's tasks by these.

        Raises
        ------
        TypeError
            If an operand is missing, unknown, or of another kind than the op's declaration says;
            the message names both.
        """
        declared = DECLARED[op]
        words = [0] * declared.size
        words[records.OP], words[records.POSITIONS] = self._entry(op, "op"), 1
        seen = 0
        for name, slot, what, element, optional, of in declared.entries:
            if of:
                width = operands[of].width
                words[slot] = width if what == "width" else padded(width, self.dtype)
                continue
            value = operands.get(name)
            if value is None:
                if not optional:
                    raise TypeError(f"{_name(op)} needs {name}")
                seen += name in operands
                continue
            seen += 1
            if what == "rows" and type(value) is Block:
                words[slot] = self._address(op, name, value.values, what, element)
                words[slot + 1] = value.stride
                if value.positions != 1:
                    words[records.POSITIONS] = value.positions
            elif what == "array":
                words[slot] = self._address(op, name, value, what, element)
            elif what == "count" and isinstance(value, (int, np.integer)):
                words[slot] = int(value)
            elif what == "number" and isinstance(value, float):
                words[slot] = _bits(value)
            elif what == "function" and type(value) is tuple and value[0] is not None:
                function, role = value
                words[slot] = self._entry(function, role)
            else:
                raise _wrong(op, name, value, what)
        if seen != len(operands):
            taken = {name for name, kind in declared.kinds.items() if not kind.of}
            unknown = sorted(operands.keys() - taken)
            raise TypeError(f"{_name(op)} has no operand {', '.join(unknown)}")
        record = np.array(words, np.int64)
        self._records.append(record)
        self._calls[id(record)] = op, operands
        return record

    def _entry(self, function, role: str) -> int:
        """The address of a compiled kernel."""
        return address(function, role, self.dtype)

    def call_of(self, record: np.ndarray) -> tuple[Any, Mapping[str, Any]]:
        """The op of a record and its operands, as `record` was given them."""
        return self._calls[id(record)]

    def _address(self, op, name: str, array, what: str, element) -> int:
        """Checks an array's elements, keeps it alive, and returns its address."""
        expected = element or self.dtype
        if type(array) is not np.ndarray or (
            # the first comparison is the cheaper one
            array.dtype is not expected and expected is not object and array.dtype != expected
        ):
            raise _wrong(op, name, array, f"{what} of {element}" if element else what)
        found = self._addresses.get(id(array))
        if found is None:
            self._alive.append(array)
            found = self._addresses[id(array)] = address_of(array)
        return found

    def point(self, words: np.ndarray, at: int, array: np.ndarray) -> None:
        """Writes the address of an array into a word of a record, or of a table of addresses."""
        words[at] = address_of(array)

    def places_of(self, array: np.ndarray) -> list[tuple[int, int]]:
        """The slots that point into an array: their addresses, and byte offsets in the array.

        Parameters
        ----------
        array : ndarray
            C-contiguous.
        """
        first = address_of(array)
        return [
            (address_of(record[slot:]), int(record[slot]) - first)
            for record in self._records
            for slot in np.flatnonzero((record >= first) & (record < first + array.nbytes))
        ]

    def set_stages(self, stages: Sequence[tuple[Sequence[Task], np.ndarray | None]]) -> None:
        """Sets the stages in order: their tasks, and the record run once after each."""
        table = np.zeros((len(stages), records.STAGE_WIDTH), np.int64)
        for row, (tasks, after) in zip(table, stages, strict=True):
            row[records.N_TASKS] = len(tasks)
            row[records.TASKS] = self._words(self._tasks(tasks))
            row[records.AFTER] = 0 if after is None else address_of(after)
            row[records.SHARES] = self._words(self._shares(tasks))
        self.words[records.STAGES] = address_of(table)
        self._alive.append(table)
        self.stages = stages

    def _words(self, words: Sequence) -> int:
        """Copies words to an array, keeps it alive, and returns its address."""
        return self.keep(np.array(words, np.int64))

    def keep(self, array: np.ndarray) -> int:
        """Keeps an array alive, and returns its address."""
        self._alive.append(array)
        return address_of(array)

    def _tasks(self, tasks: Sequence[Task]) -> list[tuple[int, ...]]:
        """The words of each task."""
        rows: list[tuple[int, ...]] = []
        chains: dict[int, tuple[int, int]] = {}  # address and length of each
        for chain, lo, hi, kind, _ in tasks:
            found = chains.get(id(chain))
            if found is None:
                if isinstance(chain, Looped):
                    found = self._words(chain.routines(self.workers, self.keep)), records.LOOPED
                else:
                    found = self._words([address_of(record) for record in chain]), len(chain)
                chains[id(chain)] = found
            rows.append((*found, lo, hi, kind))
        return rows

    def _shares(self, tasks: Sequence[Task]) -> list[int]:
        """Bounds of adjacent tasks, one share per worker, all of about the same cost."""
        before = list(accumulate((task.cost for task in tasks), initial=0.0))
        middles = [(lo + hi) / 2 for lo, hi in pairwise(before)]
        share = before[-1] / self.workers
        return [bisect_left(middles, worker * share) for worker in range(self.workers + 1)]

    def set_steps(self, steps: np.ndarray) -> None:
        """Sets the steps (n, STEP_WIDTH); allocates their settings, totals and what varies."""
        self.steps = np.ascontiguousarray(steps, np.int64)
        self.settings = np.zeros((len(steps), records.SETTINGS_WIDTH))
        self.totals = np.zeros((len(steps), records.TOTALS_WIDTH))
        self.words[records.STEPS] = address_of(self.steps)
        frames = self.frames.reshape(-1, records.FRAME_WIDTH)
        frames[:, records.SETTINGS] = address_of(self.settings)
        frames[:, records.TOTALS] = address_of(self.totals)
        self.varied = np.zeros((len(steps), self.n_varied))
        frames[:, records.VARIED] = address_of(self.varied)
        frames[:, records.N_VARIED] = self.n_varied


def _name(op) -> str:
    return getattr(op, "py_func", op).__name__


def _wrong(op, name: str, value, what: str) -> TypeError:
    found = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)[:80]
    return TypeError(f"{_name(op)} takes {name} as {what}, not {found}")


_DOUBLE, _WORD = Struct("d"), Struct("q")


def _bits(value: float) -> int:
    return _WORD.unpack(_DOUBLE.pack(value))[0]


@cache
def _waiting_functions() -> tuple[int, int, int]:
    """Addresses of the C functions that yield and nap, and the nap's argument."""
    if sys.platform == "win32":
        kernel32 = ctypes.windll.kernel32  # type: ignore[attr-defined]  # Windows alone has it
        return _address(kernel32.SwitchToThread), _address(kernel32.Sleep), 1
    libc = ctypes.CDLL(None)
    return _address(libc.sched_yield), _address(libc.usleep), 50


def _address(function) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0

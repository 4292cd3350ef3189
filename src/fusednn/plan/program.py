"""Building the int64 arrays that the engine interprets (their words: kernels/records.py)."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from struct import Struct
from typing import Any, NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.library import address
from fusednn.kernels.operands import DECLARED

from .buffers import Block, address_of, padded
from .memory import Memory


class Task(NamedTuple):
    """A chain of records over [lo, hi), or for a tile of weights at column lo and row hi.

    `cost` says how long it takes beside the other tasks of its stage: workers get shares of
    equal cost.
    """

    chain: Sequence[np.ndarray]
    lo: int
    hi: int
    kind: int = records.WHOLE
    cost: float = 1.0


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
        Where what it needs is taken from.

    Attributes
    ----------
    stages : sequence of (tasks, record or None)
        As `set_stages` was given them.
    refresh : list of callable
        To be called before a run: they bring up to date what is computed from parameters.
    """

    def __init__(self, dtype, workers: int, scratch: int, memory: Memory | None = None):
        self.dtype, self.memory = np.dtype(dtype), memory or Memory()
        self._alive: list[Any] = []
        self._records: list[np.ndarray] = []
        self.refresh: list[Callable[[], object]] = []
        self.words = np.zeros(records.PROGRAM_WIDTH, np.int64)
        self.sync = self.memory.keep(records.CLAIMS + records.CLAIMS_WIDTH * workers, np.int64)
        self.frames = self.memory.keep(records.FRAME_WIDTH * workers, np.int64)
        for frame in self.frames.reshape(workers, records.FRAME_WIDTH):
            frame[records.OWN_SETTINGS] = address_of(frame[records.OWN :])
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
        (kernel, role). What is optional may be None or missing. Rows of several positions per
        sample make the op's bounds those of rows.

        Raises
        ------
        TypeError
            If an operand is missing, unknown, or of another kind than the op's declaration says;
            the message names both.
        """
        declared = DECLARED[op]
        words = [0] * declared.size
        words[records.OP], words[records.POSITIONS] = address(op, "op", self.dtype), 1
        seen = 0
        for name, slot, kind in declared.entries:
            what, value = kind.name, operands.get(name)
            if kind.of:
                width = operands[kind.of].width
                words[slot] = width if what == "width" else padded(width, self.dtype)
                continue
            seen += name in operands
            if value is None:
                if not kind.optional:
                    raise TypeError(f"{_name(op)} needs {name}")
            elif what == "rows":
                if type(value) is not Block:
                    raise _wrong(op, name, kind, value)
                words[slot] = self._address(op, name, kind, value.values)
                words[slot + 1] = value.stride
                if value.positions != 1:
                    words[records.POSITIONS] = value.positions
            elif what == "array":
                words[slot] = self._address(op, name, kind, value)
            elif what == "count":
                if not isinstance(value, int | np.integer):
                    raise _wrong(op, name, kind, value)
                words[slot] = int(value)
            elif what == "number":
                if not isinstance(value, float):
                    raise _wrong(op, name, kind, value)
                words[slot] = _bits(value)
            else:
                if type(value) is not tuple or value[0] is None:
                    raise _wrong(op, name, kind, value)
                function, role = value
                words[slot] = address(function, role, self.dtype)
        if seen != len(operands):
            taken = {name for name, kind in declared.kinds.items() if not kind.of}
            unknown = sorted(operands.keys() - taken)
            raise TypeError(f"{_name(op)} has no operand {', '.join(unknown)}")
        record = np.array(words, np.int64)
        self._records.append(record)
        return record

    def _address(self, op, name: str, kind, array) -> int:
        """The address of an array of the kind's elements, which stays alive."""
        expected = kind.element or self.dtype
        if type(array) is not np.ndarray or (expected is not object and array.dtype != expected):
            raise _wrong(op, name, kind, array)
        self._alive.append(array)
        return address_of(array)

    def places_of(self, array: np.ndarray) -> list[tuple[int, int]]:
        """Where records point into an array: the addresses of the slots, and bytes from its start.

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
        """The stages in order: their tasks, and the record run once after each."""
        table = np.zeros((len(stages), records.STAGE_WIDTH), np.int64)
        for row, (tasks, after) in zip(table, stages, strict=True):
            words, shares = self._tasks(tasks), self._shares(tasks)
            row[records.N_TASKS] = len(tasks)
            row[records.TASKS] = address_of(words)
            row[records.AFTER] = 0 if after is None else address_of(after)
            row[records.SHARES] = address_of(shares)
        self.words[records.STAGES] = address_of(table)
        self._alive.append(table)
        self.stages = stages

    def _tasks(self, tasks: Sequence[Task]) -> np.ndarray:
        rows: list[tuple[int, ...]] = []
        chains: dict[int, tuple[int, int]] = {}  # address and length of each
        for task in tasks:
            chain = chains.get(id(task.chain))
            if chain is None:
                addresses = np.array([address_of(record) for record in task.chain], np.int64)
                self._alive.append(addresses)
                chain = chains[id(task.chain)] = address_of(addresses), len(addresses)
            rows.append((*chain, task.lo, task.hi, task.kind))
        words = np.array(rows, np.int64)
        self._alive.append(words)
        return words

    def _shares(self, tasks: Sequence[Task]) -> np.ndarray:
        """Bounds of adjacent tasks, one share per worker, all of about the same cost."""
        before = np.cumsum([0.0, *(task.cost for task in tasks)])
        middles = (before[1:] + before[:-1]) / 2
        edges = np.arange(self.workers + 1) * (before[-1] / self.workers)
        shares = np.searchsorted(middles, edges).astype(np.int64)
        self._alive.append(shares)
        return shares

    def set_steps(self, steps: np.ndarray) -> None:
        """The steps (n, STEP_WIDTH); allocates their settings and totals."""
        self.steps = np.ascontiguousarray(steps, np.int64)
        self.settings = np.zeros((len(steps), records.SETTINGS_WIDTH))
        self.totals = np.zeros((len(steps), records.TOTALS_WIDTH))
        self.words[records.STEPS] = address_of(self.steps)
        frames = self.frames.reshape(-1, records.FRAME_WIDTH)
        frames[:, records.SETTINGS] = address_of(self.settings)
        frames[:, records.TOTALS] = address_of(self.totals)


def _name(op) -> str:
    return getattr(op, "py_func", op).__name__


def _wrong(op, name: str, kind, value) -> TypeError:
    what = f"{kind.name} of {kind.element}" if kind.element else kind.name
    found = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)[:80]
    return TypeError(f"{_name(op)} takes {name} as {what}, not {found}")


_DOUBLE, _WORD = Struct("d"), Struct("q")


def _bits(value: float) -> int:
    return _WORD.unpack(_DOUBLE.pack(value))[0]


@cache
def _waiting_functions() -> tuple[int, int, int]:
    """Addresses of the C functions that yield and nap, and the nap's argument."""
    if sys.platform == "win32":
        # ctypes has windll on Windows only, and mypy runs on Linux
        kernel32 = ctypes.windll.kernel32  # type: ignore[attr-defined]
        return _address(kernel32.SwitchToThread), _address(kernel32.Sleep), 1
    libc = ctypes.CDLL(None)
    return _address(libc.sched_yield), _address(libc.usleep), 50


def _address(function) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0

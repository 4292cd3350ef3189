"""Programs for a GPU: records name kernels by numbers, and which words are addresses is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.engine import enter_step
from fusednn.kernels.operands import DECLARED
from fusednn.plan.binding.program import Program
from fusednn.plan.memory.buffers import Block, address_of

PRESENT = 1
"""The word of a function in a record: it is compiled into the op, which may ask whether it is
there."""


class Kernel(NamedTuple):
    """An op with the functions that it calls.

    Parameters
    ----------
    op : kernel
    functions : tuple of (str, kernel or None, str)
        The names of its operands, in their order, what they are, and their roles (`ROLES`).
    """

    op: Any
    functions: tuple[tuple[str, Any, str], ...] = ()


ENTER_STEP = Kernel(enter_step)
"""Moves the frame on to the next step. Its record has one operand: the address of the steps."""


class Pointer(NamedTuple):
    """A word that holds the address of an array.

    Parameters
    ----------
    words : ndarray of int64
        A record, or a table that records point to.
    at : int
    array : ndarray
    """

    words: np.ndarray
    at: int
    array: np.ndarray


class CudaProgram(Program):
    """A plan for one worker, whose ops nothing has compiled yet.

    The addresses are those of the host's arrays; `Image` has copies with the device's.

    Attributes
    ----------
    kernels : dict of Kernel to int
        The numbers that stand for ops in records.
    layers : dict of Kernel to Layer
        The layer that a kernel is first used for, if it is used for one.
    pointers : list of Pointer
    enter : ndarray of int64
        The record of `ENTER_STEP`.
    """

    def __init__(self, *arguments):
        self.kernels: dict[Kernel, int] = {ENTER_STEP: 0}
        self.layers: dict[Kernel, Any] = {}
        self.pointers: list[Pointer] = []
        super().__init__(*arguments)

    def _entry(self, function, role: str) -> int:
        return PRESENT

    def record(self, op, operands: Mapping[str, Any]) -> np.ndarray:
        """A record as `Program.record` makes it, with the number of a kernel."""
        record = super().record(op, operands)
        functions = []
        for name, slot, what, *_, of in DECLARED[op].entries:
            value = None if of else operands.get(name)
            if what == "function":
                functions.append((name, *(value or (None, ""))))
            elif isinstance(value, Block):
                self.pointers.append(Pointer(record, slot, value.values))
            elif isinstance(value, np.ndarray):
                self.pointers.append(Pointer(record, slot, value))
        kernel = Kernel(op, tuple(functions))
        record[records.OP] = self.kernels.setdefault(kernel, len(self.kernels))
        self.layers.setdefault(kernel, self.layer)
        return record

    def point(self, words: np.ndarray, at: int, array: np.ndarray) -> None:
        """Writes an address as `Program.point` does."""
        super().point(words, at, array)
        self.pointers.append(Pointer(words, at, array))

    def set_steps(self, steps: np.ndarray) -> None:
        """Sets the steps as `Program.set_steps` does."""
        super().set_steps(steps)
        number, positions, lengths = self.kernels[ENTER_STEP], 1, 0
        self.enter = np.array([number, positions, lengths, address_of(self.steps)], np.int64)

    def is_record(self, words: np.ndarray) -> bool:
        """Whether words are those of a record."""
        return words is self.enter or id(words) in self._calls

    @property
    def all_pointers(self) -> list[Pointer]:
        """Those of records and tables, and those that the steps need."""
        frame = self.frames
        return [
            *self.pointers,
            Pointer(self.enter, records.FIRST_OPERAND, self.steps),
            Pointer(frame, records.SETTINGS, self.settings),
            Pointer(frame, records.TOTALS, self.totals),
            Pointer(frame, records.VARIED, self.varied),
            Pointer(frame, records.OWN_SETTINGS, frame[records.OWN :]),
        ]

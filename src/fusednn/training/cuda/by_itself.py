"""A program that the device runs by itself: one launch for many steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fusednn.kernels.cuda import programs as words
from fusednn.plan.cuda.program import CudaProgram
from fusednn.plan.cuda.whole import VECTOR, WORD, Whole

from .bursts import Bursts
from .copies import Copies
from .device import Device, LoadedProgram
from .interrupts import Deferred


def scratch_of(loaded: LoadedProgram, whole: Whole) -> int:
    """The elements of scratch for each block."""
    return max(loaded.scratch, whole.scratch)


def shared_before(loaded: LoadedProgram, whole: Whole, dtype: np.dtype) -> int:
    """The bytes of shared memory of a block alone that are before those of a program's words."""
    return -(-(loaded.shared + scratch_of(loaded, whole) * dtype.itemsize) // VECTOR) * VECTOR


class ByItself:
    """A program whose words are on the device.

    Parameters
    ----------
    program : CudaProgram
    whole : Whole
        Its words.
    loaded : LoadedProgram
    device : Device
    copies : Copies
    """

    def __init__(
        self, program: CudaProgram, whole: Whole, loaded: LoadedProgram, device: Device,
        copies: Copies,
    ):  # fmt: skip
        self._loaded, self._device, self._copies = loaded, device, copies
        moved, copied = whole.moved(), whole.copied(lambda array: 0)
        before, elements = shared_before(loaded, whole, program.dtype), scratch_of(loaded, whole)
        scratch = np.empty(1 if whole.alone else loaded.blocks * elements + 1, program.dtype)
        arrivals, memory = np.zeros(1, np.int64), program.memory
        arrays = [*memory.kept, *whole.arrays(), whole.words, moved, copied, arrivals, scratch]
        if not whole.alone:
            arrays += memory.work
        copies.add(arrays, [scratch, *memory.work])
        address = copies.address
        copies.write(copied, whole.copied(address))
        self._words, self._scratch = address(whole.words), address(scratch)
        header = {
            words.ARRIVALS: address(arrivals),
            words.SCRATCH_SIZE: elements,
            words.MOVED: address(moved),
            words.N_MOVED: len(moved),
            words.COPIED: address(copied),
            words.N_COPIED: len(copied) // words.COPIED_WIDTH,
            words.SCRATCH_AT: loaded.shared // program.dtype.itemsize,
            words.PROGRAM_AT: before // WORD,
        }
        copies.write(whole.words, whole.relocated(address, self._words, header))
        self._shared = before + whole.size if whole.alone else loaded.shared
        self._bursts = Bursts(device, self._begin)

    def run(self, first: int, last: int, meanwhile: Callable[[], None] | None = None) -> None:
        """Runs steps [first, last), and meanwhile a function of the host."""
        self._copies.note_run()
        self._bursts.run(first, last, meanwhile)

    def _begin(self, first: int, last: int, interrupt: Deferred) -> None:
        self._device.run_program(
            *(self._loaded, self._shared, self._words, self._scratch, first, last)
        )

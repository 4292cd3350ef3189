"""A device that computes nothing: it asks for the kernels of a plan, and so has them compiled."""

from itertools import count
from typing import NamedTuple

import numpy as np
from fusednn.kernels.cuda.twins import every_twin

from .prepared import CAPABILITY

STEP = 256


SHARED = 227 << 10
"""The most bytes of shared memory of a block of what is prepared for."""


class Recorded:
    """A kernel that is never launched."""

    def blocks(self, tasks, rows, record):
        return 1

    def scratch(self, blocks, elements, record):
        return 0


class RecordedProgram(NamedTuple):
    """A program that is never launched."""

    blocks: int
    shared: int
    scratch: int


class Recorder:
    """As `fusednn.training.cuda.device.Device`; all that it brings back is 0, which says of
    parameters that they are finite.

    Parameters
    ----------
    compiled : callable
        Takes a kernel, a type and a compute capability.
    program : callable
        Takes the kernels of a program, a type, a compute capability, and whether it is for one
        block alone.
    """

    name = "a recorder of kernels"

    def __init__(self, compiled, program):
        self._compiled, self._program = compiled, program
        self._addresses, self.shared = count(STEP, 1 << 40), SHARED

    def take(self):
        pass

    def has(self, kernel):
        return every_twin().get(kernel.op) is not None

    def load(self, kernel, dtype):
        self._compiled(kernel, dtype, CAPABILITY)
        return Recorded()

    def load_program(self, kernels, dtype, alone):
        made = self._program(kernels, dtype, CAPABILITY, alone)
        return RecordedProgram(1 if alone else 2, made.shared, made.scratch)

    def run_program(self, program, shared, words, scratch, first, last):
        pass

    def spare(self):
        return STEP << 32

    def allocate(self, size):
        return next(self._addresses)

    def free(self, address):
        pass

    def upload(self, address, source):
        pass

    def pin(self, array):
        pass

    def send(self, address, source):
        pass

    def copy(self, target, source, size):
        pass

    def download(self, target, address):
        target[:] = np.zeros_like(target)

    def capture(self, calls):
        return len(calls)

    def replay(self, captured):
        pass

    def wait(self):
        pass

    def close(self):
        pass

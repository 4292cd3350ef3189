"""Runs plans on a device: what a `Team` of threads is on the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fusednn.kernels import records
from fusednn.plan.binding.program import Program
from fusednn.plan.cuda.image import Image
from fusednn.plan.cuda.launches import Launch
from fusednn.plan.cuda.program import CudaProgram

from .copies import Copies
from .device import Call, Device
from .interrupts import Deferred

WAIT_SECONDS = 0.1
"""The host waits for steps that last about so long together, so that Ctrl-C is answered."""


class CudaTeam:
    """A device that runs programs, and its copies of their arrays.

    A context manager: the device is opened and given up with it. Between these, an array that the
    host has written must be pushed, and one that it reads must be pulled.

    Parameters
    ----------
    program : CudaProgram
        `run` accepts others too.
    opened : callable
        Opens the device.
    """

    def __init__(self, program: Program, opened: Callable[[], Device]):
        self._program, self._opened = program, opened
        self._device: Device | None = None
        self._prepared: dict[int, _Prepared] = {}

    def __enter__(self) -> CudaTeam:
        self._device = self._opened()
        self._copies = Copies(self._device)
        try:
            self._prepare(self._program)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception) -> None:
        device, self._device, self._prepared = self._device, None, {}
        if device is not None:
            self._copies.close()
            device.close()

    def take(self) -> None:
        """Makes the calling thread the one that uses the device."""
        assert self._device is not None
        self._device.take()

    def push(self, arrays: Iterable[np.ndarray]) -> None:
        """Takes over arrays that the host has written; before the first run it has no need to."""
        if self._device is not None:
            self._copies.push(arrays)

    def pull(self, arrays: Iterable[np.ndarray]) -> None:
        """Brings arrays of the host up to date."""
        if self._device is not None:
            self._copies.pull(arrays)

    def run(
        self, first: int, last: int, program: Program | None = None, together: bool = True
    ) -> None:
        """Runs steps [first, last).

        Raises
        ------
        KeyboardInterrupt
            Between two steps: every parameter has been updated by whole steps.
        MemoryError
            If another program needs more memory than there is.
        """
        self._prepare(program or self._program).run(first, last)

    def _prepare(self, program: Program) -> _Prepared:
        found = self._prepared.get(id(program))
        if found is None:
            assert isinstance(program, CudaProgram)
            assert self._device is not None
            found = _Prepared(program, self._device, self._copies)
            self._prepared[id(program)] = found
        return found


class _Prepared:
    """A program whose arrays have copies, and whose records are on the device."""

    def __init__(self, program: CudaProgram, device: Device, copies: Copies):
        self.program, self._device, self._copies = program, device, copies
        self._kernels = [device.load(kernel, program.dtype) for kernel in program.kernels]
        image, memory = Image(program), program.memory
        self._image = image
        copies.add([*memory.kept, *memory.work, *image.arrays(), image.words], memory.work)
        copies.write(image.words, image.relocated(copies.address))
        self._frame = program.frames.copy()
        for words, at, array in image.elsewhere:
            if words is program.frames:
                self._frame[at] = copies.address(array)
            else:
                copies.write(words[at : at + 1], np.array([copies.address(array)]))
        launches = [launch for stage in image.launches for launch in stage]
        sizes = [self._scratch_of(launch) for launch in launches]
        self._scratch = np.empty(max(sizes, default=0) + 1, np.uint8)
        copies.add([self._scratch], [self._scratch])
        self._captured: dict[tuple[int, int], Any] = {}

    def run(self, first: int, last: int) -> None:
        """Runs steps [first, last)."""
        self._frame[records.STEP] = first - 1
        self._copies.write(self.program.frames, self._frame)
        self._copies.note_run()
        at, together = first, 1
        while at < last:
            stop, start = min(at + together, last), time.perf_counter()
            with Deferred() as interrupt:
                while at < stop and not interrupt.noted:
                    self._device.replay(self._step(at))
                    at += 1
                self._device.wait()
            if time.perf_counter() - start < WAIT_SECONDS / 2:
                together *= 2

    def _step(self, number: int) -> Any:
        """The captured calls of a step."""
        step = self.program.steps[number]
        stages = int(step[records.FIRST_STAGE]), int(step[records.LAST_STAGE])
        if stages not in self._captured:
            launches = [one for stage in self._image.launches[slice(*stages)] for one in stage]
            calls = [self._call(one) for one in (self._image.enter, *launches)]
            self._captured[stages] = self._device.capture(calls)
        return self._captured[stages]

    def _call(self, launch: Launch) -> Call:
        image, address = self._image, self._copies.address
        words = address(image.words)
        return Call(
            self._kernels[launch.kernel],
            self._blocks_of(launch),
            words + image.offset(launch.record),
            address(self.program.frames),
            address(self._scratch),
            words + image.offset(launch.tasks),
            len(launch.tasks),
        )

    def _blocks_of(self, launch: Launch) -> int:
        return self._kernels[launch.kernel].blocks(len(launch.tasks), launch.rows)

    def _scratch_of(self, launch: Launch) -> int:
        """The bytes of scratch of a launch; launches follow one another, so they share it."""
        elements = self.program.scratch.nbytes // self.program.dtype.itemsize
        return self._kernels[launch.kernel].scratch(self._blocks_of(launch), elements)

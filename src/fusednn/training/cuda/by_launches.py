"""A program whose steps are captured launches: a kernel for each record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fusednn.kernels import records
from fusednn.plan.cuda.image import Image
from fusednn.plan.cuda.launches import Launch
from fusednn.plan.cuda.program import CudaProgram

from .bursts import Bursts
from .copies import Copies
from .device import Call, Device
from .interrupts import Deferred


class ByLaunches:
    """A program whose arrays have copies, and whose records are on the device.

    Parameters
    ----------
    program : CudaProgram
    device : Device
    copies : Copies
    """

    def __init__(self, program: CudaProgram, device: Device, copies: Copies):
        self._program, self._device, self._copies = program, device, copies
        self._kernels = [device.load(kernel, program.dtype) for kernel in program.kernels]
        image, memory = Image(program), program.memory
        self._image = image
        launches = [launch for stage in image.launches for launch in stage]
        sizes = [self._scratch_of(launch) for launch in launches]
        self._scratch = np.empty(max(sizes, default=0) + 1, np.uint8)
        work = [*memory.work, self._scratch]
        copies.add([*memory.kept, *work, *image.arrays(), image.words], work)
        copies.write(image.words, image.relocated(copies.address))
        self._frame = program.frames.copy()
        for words, at, array in image.elsewhere:
            if words is program.frames:
                self._frame[at] = copies.address(array)
            else:
                copies.write(words[at : at + 1], np.array([copies.address(array)]))
        self._captured: dict[tuple[int, int], Any] = {}
        self._bursts = Bursts(device, self._begin)

    def run(self, first: int, last: int, meanwhile: Callable[[], None] | None = None) -> None:
        """Runs steps [first, last), and meanwhile a function of the host."""
        self._frame[records.STEP] = first - 1
        self._copies.write(self._program.frames, self._frame)
        self._copies.note_run()
        self._bursts.run(first, last, meanwhile)

    def _begin(self, first: int, last: int, interrupt: Deferred) -> None:
        while first < last and not interrupt.noted:
            self._device.replay(self._step(first))
            first += 1

    def _step(self, number: int) -> Any:
        """The captured calls of a step."""
        step = self._program.steps[number]
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
            address(self._program.frames),
            address(self._scratch),
            words + image.offset(launch.tasks),
            len(launch.tasks),
        )

    def _blocks_of(self, launch: Launch) -> int:
        kernel = self._kernels[launch.kernel]
        return kernel.blocks(len(launch.tasks), launch.rows, launch.record)

    def _scratch_of(self, launch: Launch) -> int:
        """The bytes of scratch of a launch; launches follow one another, so they share it."""
        elements = self._program.scratch.nbytes // self._program.dtype.itemsize
        kernel = self._kernels[launch.kernel]
        return kernel.scratch(self._blocks_of(launch), elements, launch.record)

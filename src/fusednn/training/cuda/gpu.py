"""An NVIDIA GPU, by the packages cuda.core and cuda.bindings.

Each team of a fit has a stream of its own, so fits of several threads run at the same time; loaded
kernels are shared. Small uploads go through pinned memory, so that they do not wait.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from fusednn.kernels.cuda.compiling import packages
from fusednn.kernels.cuda.twins import every_twin
from fusednn.plan.cuda.program import Kernel

from . import refusals
from .device import Call
from .driver import check_driver
from .failures import Failures
from .loaded import (
    THREADS,
    Compiled,
    CompiledProgram,
    Cubin,
    GpuKernel,
    GpuProgram,
    compiled_kernel,
    compiled_program,
)

STAGED_BYTES = 1 << 20
"""Bytes of pinned memory; larger uploads wait for all calls before."""

LEAST = 8, 0
"""The oldest compute capability that kernels are made for."""


_used_by: int | None = None  # the process that has used the GPU
_loaded: dict[tuple, Any] = {}
_lock = threading.Lock()


def open_gpu(
    compiled: Compiled = compiled_kernel, program: CompiledProgram = compiled_program
) -> Gpu:
    """Opens the first GPU.

    Parameters
    ----------
    compiled, program : callable
        Give the machine code of kernels, and of programs.

    Raises
    ------
    ImportError
        If the packages are missing.
    RuntimeError
        If there is no driver or GPU, one of them is too old, or the process was forked.
    """
    global _used_by
    if _used_by not in (None, os.getpid()):
        raise refusals.forked()
    core, driver = _packages()
    check_driver(driver)
    device = core.Device()
    device.set_current()
    _used_by = os.getpid()
    capability = tuple(device.compute_capability)
    if capability < LEAST:
        raise refusals.old_gpu(device.name, capability, LEAST)
    return Gpu(core, driver, device, compiled, program)


def _packages() -> tuple[Any, Any]:
    packages.refuse_missing()
    import cuda.core as core
    from cuda.bindings import driver

    return core, driver


class Gpu:
    """A stream of a GPU, as `Device` says.

    Attributes
    ----------
    name : str
    shared : int
        The most bytes of shared memory that a block can have; 0: no program runs by itself.
    """

    def __init__(
        self, core: Any, driver: Any, device: Any, compiled: Compiled, program: CompiledProgram
    ):
        self._core, self._driver, self._device = core, driver, device
        self._compiled, self._compiled_program = compiled, program
        self.name: str = device.name
        self._failures = Failures(device.name)
        properties = device.properties
        can_wait = properties.cooperative_launch  # not every virtual GPU starts all blocks at once
        self.shared: int = properties.max_shared_memory_per_block_optin if can_wait else 0
        self._capability = tuple(device.compute_capability)
        self._buffers: dict[int, Any] = {}
        self._graphs: list[Any] = []
        self._pinned_places: list[int] = []
        self._staged = 0
        with self._failures.told():
            self._stream = device.create_stream()
        try:
            with self._failures.told():
                self._pinned = core.LegacyPinnedMemoryResource().allocate(STAGED_BYTES)
        except BaseException:
            self._stream.close()
            raise

    def take(self) -> None:
        """Makes the device current.

        Raises
        ------
        RuntimeError
            In a process that was forked from the one that opened it.
        """
        if self._failures.is_forked:
            raise refusals.forked()
        self._device.set_current()

    def has(self, kernel: Kernel) -> bool:
        """Whether its op has a twin."""
        return every_twin().get(kernel.op) is not None

    def load(self, kernel: Kernel, dtype: np.dtype) -> GpuKernel:
        """Compiles a kernel, or takes its code from the cache, and loads it."""
        key = kernel, dtype, self._capability, self._device.device_id
        with _lock:
            if key not in _loaded:
                twin = every_twin()[kernel.op]
                cubin = self._compiled(kernel, dtype, self._capability)
                processors = self._device.properties.multiprocessor_count
                function = self._function(cubin)
                _loaded[key] = GpuKernel(function, twin, processors, dtype.itemsize)
            return _loaded[key]

    def load_program(self, kernels: Sequence[Kernel], dtype: np.dtype, alone: bool) -> GpuProgram:
        """Compiles a program, or takes its code from the cache, and loads it."""
        key = tuple(kernels), dtype, self._capability, self._device.device_id, alone
        with _lock:
            if key not in _loaded:
                cubin = self._compiled_program(kernels, dtype, self._capability, alone)
                function, most = self._function(cubin), self.shared if alone else cubin.shared
                self._allow_shared(function, most)
                blocks = 1 if alone else self._device.properties.multiprocessor_count
                _loaded[key] = GpuProgram(function, blocks, cubin.shared, cubin.scratch)
            return _loaded[key]

    def _function(self, cubin: Cubin) -> Any:
        with self._failures.told():
            return self._core.ObjectCode.from_cubin(cubin.code).get_kernel(cubin.name)

    def _allow_shared(self, function: Any, size: int) -> None:
        """Lets launches give a block more than the 48 KB that every GPU has for it."""
        driver = self._driver
        attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        device = driver.CUdevice(self._device.device_id)
        self._check(driver.cuKernelSetAttribute(attribute, size, function.handle, device))

    def run_program(
        self, program: GpuProgram, shared: int, words: int, scratch: int, first: int, last: int
    ) -> None:
        """Launches a program; several blocks wait for each other, so all of them must fit."""
        config = self._core.LaunchConfig(
            grid=program.blocks,
            block=THREADS,
            shmem_size=shared,
            is_cooperative=program.blocks > 1,
        )
        given = words, scratch, first, last  # as int64
        with self._failures.told():
            self._core.launch(self._stream, config, program.function, *given)

    def spare(self) -> int:
        """What the driver says."""
        answer = self._driver.cuMemGetInfo()
        self._check(answer)
        return answer[1]

    def allocate(self, size: int) -> int:
        """Memory of the stream's pool."""
        try:
            buffer = self._device.allocate(size, stream=self._stream)
        except Exception as failure:
            if "OUT_OF_MEMORY" not in str(failure):
                with self._failures.told():
                    raise
            _, free, total = self._driver.cuMemGetInfo()
            raise refusals.no_memory(self.name, size, free, total) from None
        address = int(buffer.handle)
        self._buffers[address] = buffer
        return address

    def free(self, address: int) -> None:
        """Frees memory when all calls before are over."""
        buffer = self._buffers.pop(address)
        if not self._failures.is_forked and not self._failures.noted:
            with self._failures.told():
                self._device.set_current()  # a predictor may be dropped by any thread
                buffer.close(self._stream)

    def upload(self, address: int, source: np.ndarray) -> None:
        """Copies through pinned memory while there is room, else waits."""
        size, begin = source.nbytes, self._staged
        if begin + size > STAGED_BYTES:
            self.wait()
            begin = 0
        is_small = size <= STAGED_BYTES
        place = source.ctypes.data
        if is_small:
            place = int(self._pinned.handle) + begin
            ctypes.memmove(place, source.ctypes.data, size)
            self._staged = begin + -(-size // 64) * 64
        self._check(self._driver.cuMemcpyHtoDAsync(address, place, size, self._own_stream))
        if not is_small:
            self.wait()

    def pin(self, array: np.ndarray) -> None:
        """Locks pages; where the system refuses that, the driver copies them twice."""
        place = array.ctypes.data
        (status,) = self._driver.cuMemHostRegister(place, array.nbytes, 0)
        if status == self._driver.CUresult.CUDA_SUCCESS:
            self._pinned_places.append(place)

    def send(self, address: int, source: np.ndarray) -> None:
        """Copies when all calls before are over."""
        place, size = source.ctypes.data, source.nbytes
        self._check(self._driver.cuMemcpyHtoDAsync(address, place, size, self._own_stream))

    def download(self, target: np.ndarray, address: int) -> None:
        """Copies when all calls before are over."""
        place = target.ctypes.data
        self._check(
            self._driver.cuMemcpyDtoHAsync(place, address, target.nbytes, self._own_stream)
        )
        self.wait()

    def copy(self, target: int, source: int, size: int) -> None:
        """Copies when all calls before are over."""
        self._check(self._driver.cuMemcpyDtoDAsync(target, source, size, self._own_stream))

    def capture(self, calls: Sequence[Call]) -> Any:
        """A graph of launches."""
        with self._failures.told():
            builder = self._stream.create_graph_builder()
            # other modes forbid what giving up another device does, as the collector may here
            builder.begin_building("relaxed")
            for kernel, blocks, *arguments in calls:
                config = self._core.LaunchConfig(grid=blocks, block=THREADS)
                self._core.launch(builder, config, kernel.function, *arguments)  # as int64
            graph = builder.end_building().complete()
            builder.close()
            self._graphs.append(graph)
            return graph

    def replay(self, captured: Any) -> None:
        """Launches a graph."""
        with self._failures.told():
            captured.launch(self._stream)

    def wait(self) -> None:
        """Waits for the stream."""
        with self._failures.told():
            self._stream.sync()
        self._staged = 0

    def close(self) -> None:
        """Gives up memory, graphs and the stream; after a failure what still can be."""
        if self._failures.is_forked:  # they are the parent's
            return
        unpinned = [partial(self._driver.cuMemHostUnregister, one) for one in self._pinned_places]
        freed = [partial(buffer.close, self._stream) for buffer in self._buffers.values()]
        graphs = [graph.close for graph in self._graphs]
        ends = self._pinned.close, self._stream.close
        for end in (self.take, self._stream.sync, *unpinned, *graphs, *freed, *ends):
            with suppress(Exception):
                end()

    @property
    def _own_stream(self) -> Any:
        return self._driver.CUstream(int(self._stream.handle))

    def _check(self, answer: tuple) -> None:
        status = answer[0]
        self._failures.check(status, self._driver.CUresult.CUDA_SUCCESS)

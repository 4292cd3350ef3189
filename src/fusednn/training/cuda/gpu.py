"""An NVIDIA GPU, by the packages cuda.core and cuda.bindings.

Each team of a fit has a stream of its own, so fits of several threads run at the same time; loaded
kernels are shared. Small uploads go through pinned memory, so that they do not wait.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fusednn.kernels.cuda import packages
from fusednn.kernels.cuda.cache import cubin_of
from fusednn.kernels.cuda.twins import GRID, THREAD, Twin, every_twin
from fusednn.plan.cuda.program import Kernel

from . import refusals
from .device import Call

THREADS = 256
"""Threads of a block."""

BLOCKS_EACH = 4
"""Blocks for each multiprocessor, at most, of launches that share their work out themselves."""

STAGED_BYTES = 1 << 20
"""Bytes of pinned memory; larger uploads wait for all calls before."""

LEAST = 8, 0
"""The oldest compute capability that kernels are made for."""


class Cubin(Protocol):
    """Machine code of a kernel."""

    @property
    def name(self) -> str:
        """The name of its entry."""

    @property
    def code(self) -> bytes:
        """A cubin."""


Compiled = Callable[[Kernel, np.dtype, tuple[int, int]], Cubin]
"""Gives the machine code of a kernel, for a type and a compute capability."""


class GpuKernel(NamedTuple):
    """A loaded kernel."""

    function: Any
    twin: Twin
    processors: int
    item: int

    def blocks(self, tasks: int, rows: int) -> int:
        """As many as have work, and no more than run at the same time."""
        most = BLOCKS_EACH * self.processors
        spread = self.twin.spread
        if spread == GRID:
            return min(most, rows) if rows else most
        if spread == THREAD:
            return min(most, -(-rows // THREADS)) if rows else most
        return min(most, tasks)

    def scratch(self, blocks: int, elements: int) -> int:
        """The bytes of all blocks."""
        return blocks * self.twin.scratch * self.item


_used_by: int | None = None  # the process that has used the GPU
_loaded: dict[tuple, GpuKernel] = {}
_lock = threading.Lock()


def compiled_kernel(kernel: Kernel, dtype: np.dtype, capability: tuple[int, int]) -> Cubin:
    """The machine code that Numba's compiler makes, or has made."""
    functions = {name: function for name, function, _ in kernel.functions}
    return cubin_of(kernel.op, dtype, functions, capability)


def open_gpu(compiled: Compiled = compiled_kernel) -> Gpu:
    """Opens the first GPU.

    Parameters
    ----------
    compiled : callable
        Gives the machine code of kernels.

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
    _check_driver(driver)
    device = core.Device()
    device.set_current()
    _used_by = os.getpid()
    capability = tuple(device.compute_capability)
    if capability < LEAST:
        raise refusals.old_gpu(device.name, capability, LEAST)
    return Gpu(core, driver, device, compiled)


def _packages() -> tuple[Any, Any]:
    packages.refuse_missing()
    import cuda.core as core
    from cuda.bindings import driver

    return core, driver


def _check_driver(driver: Any) -> None:
    try:
        status, *_ = driver.cuInit(0)
    except Exception:  # cuda.pathfinder's own class: the library is not there
        raise refusals.no_driver() from None
    if status != driver.CUresult.CUDA_SUCCESS:
        raise refusals.no_gpu(status.name)
    _, version = driver.cuDriverGetVersion()
    if version < refusals.DRIVER:
        raise refusals.old_driver(version)
    packages.check_driver(version)
    status, count = driver.cuDeviceGetCount()
    if not count:
        raise refusals.no_gpu("the driver has no device")


class Gpu:
    """A stream of a GPU, as `Device` says.

    Attributes
    ----------
    name : str
    """

    def __init__(self, core: Any, driver: Any, device: Any, compiled: Compiled):
        self._core, self._driver, self._device, self._compiled = core, driver, device, compiled
        self.name: str = device.name
        self._capability = tuple(device.compute_capability)
        self._stream = device.create_stream()
        self._buffers: dict[int, Any] = {}
        self._graphs: list[Any] = []
        self._pinned = core.LegacyPinnedMemoryResource().allocate(STAGED_BYTES)
        self._staged = 0

    def take(self) -> None:
        """Makes the device current."""
        self._device.set_current()

    def load(self, kernel: Kernel, dtype: np.dtype) -> GpuKernel:
        """Compiles a kernel, or takes its code from the cache, and loads it."""
        key = kernel, dtype, self._capability, self._device.device_id
        with _lock:
            if key not in _loaded:
                twin = every_twin().get(kernel.op)
                if twin is None:
                    raise refusals.no_kernel(_name_of(kernel.op))
                cubin = self._compiled(kernel, dtype, self._capability)
                module = self._core.ObjectCode.from_cubin(cubin.code)
                processors = self._device.properties.multiprocessor_count
                function = module.get_kernel(cubin.name)
                _loaded[key] = GpuKernel(function, twin, processors, dtype.itemsize)
            return _loaded[key]

    def allocate(self, size: int) -> int:
        """Memory of the stream's pool."""
        try:
            buffer = self._device.allocate(size, stream=self._stream)
        except Exception as failure:
            if "OUT_OF_MEMORY" not in str(failure):
                raise
            _, free, total = self._driver.cuMemGetInfo()
            raise refusals.no_memory(self.name, size, free, total) from None
        address = int(buffer.handle)
        self._buffers[address] = buffer
        return address

    def free(self, address: int) -> None:
        """Frees memory when all calls before are over."""
        self._buffers.pop(address).close(self._stream)

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

    def download(self, target: np.ndarray, address: int) -> None:
        """Copies when all calls before are over."""
        place = target.ctypes.data
        self._check(
            self._driver.cuMemcpyDtoHAsync(place, address, target.nbytes, self._own_stream)
        )
        self.wait()

    def capture(self, calls: Sequence[Call]) -> Any:
        """A graph of launches."""
        builder = self._stream.create_graph_builder()
        builder.begin_building("thread_local")
        for kernel, blocks, *arguments in calls:
            config = self._core.LaunchConfig(grid=blocks, block=THREADS)
            self._core.launch(builder, config, kernel.function, *arguments)  # as int64
        graph = builder.end_building().complete()
        builder.close()
        self._graphs.append(graph)
        return graph

    def replay(self, captured: Any) -> None:
        """Launches a graph."""
        captured.launch(self._stream)

    def wait(self) -> None:
        """Waits for the stream."""
        self._stream.sync()
        self._staged = 0

    def close(self) -> None:
        """Gives up memory, graphs and the stream."""
        self.take()
        self._stream.sync()
        for graph in self._graphs:
            graph.close()
        for buffer in self._buffers.values():
            buffer.close(self._stream)
        self._pinned.close()
        self._stream.close()

    @property
    def _own_stream(self) -> Any:
        return self._driver.CUstream(int(self._stream.handle))

    def _check(self, answer: tuple) -> None:
        status = answer[0]
        if status != self._driver.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"a copy to or from {self.name} failed: {status.name}")


def _name_of(op: Any) -> str:
    return getattr(op, "py_func", op).__name__

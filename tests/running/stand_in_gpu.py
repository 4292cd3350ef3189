"""The parts of cuda.core and cuda.bindings that a GPU is run by, over the host's memory."""

import ctypes
import threading
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from running.host_device import HostKernel, HostProgram

SUCCESS = SimpleNamespace(name="CUDA_SUCCESS")
INVALID = SimpleNamespace(name="CUDA_ERROR_INVALID_VALUE")
NO_DEVICE = SimpleNamespace(name="CUDA_ERROR_NO_DEVICE")


PROCESSORS = 4


class OutOfMemory(Exception):
    pass


class Function:
    """A loaded kernel; a launch may give its blocks so much shared memory as it is allowed."""

    def __init__(self, code):
        self.code, self.handle, self.most_shared = code, self, 48 << 10


class LaunchConfig(NamedTuple):
    grid: int
    block: int
    shmem_size: int = 0
    is_cooperative: bool = False


class Buffer:
    def __init__(self, gpu, size, is_pinned=False):
        self._gpu, self._memory = gpu, np.full(size + 256, 255, np.uint8)
        self.handle = self._memory.ctypes.data + -self._memory.ctypes.data % 256
        self.size, self._is_pinned = size, is_pinned

    def close(self, stream=None):
        if self._is_pinned and set(self._gpu.capturing) - {"relaxed"}:
            raise RuntimeError("CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED")
        assert not self._gpu.pending, "freed before the calls that use it"
        self._gpu.check_current()
        self._gpu.used -= self.size
        self.size = 0


class StandIn:
    """A GPU whose calls run when someone waits for them.

    Parameters
    ----------
    room : int
        Bytes of its memory.
    devices, version : int
    capability : tuple of int
    shared : int
        The most bytes of shared memory that a block can have.
    """

    def __init__(
        self, room=1 << 30, devices=1, version=13000, capability=(9, 0), shared=227 << 10
    ):
        self.room, self.used, self.pending = room, 0, []
        self.shared, self.launched = shared, []
        self.devices, self.version, self.capability = devices, version, capability
        self.streams, self.pinned, self.capturing, self.current = [], [], [], set()
        self.scratch = np.full(1 << 17, np.nan)  # which the CPU's ops use and twins do not
        self.core = SimpleNamespace(
            Device=lambda: self._device(),
            LegacyPinnedMemoryResource=lambda: SimpleNamespace(
                allocate=lambda size: self._buffer(size, is_pinned=True)
            ),
            ObjectCode=SimpleNamespace(
                from_cubin=lambda code: SimpleNamespace(get_kernel=lambda name: Function(code))
            ),
            LaunchConfig=LaunchConfig,
            launch=self._launch,
        )
        self.driver = SimpleNamespace(
            CUresult=SimpleNamespace(CUDA_SUCCESS=SUCCESS),
            CUstream=int,
            CUdevice=int,
            CUfunction_attribute=SimpleNamespace(
                CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES="dynamic"
            ),
            cuKernelSetAttribute=self._set_attribute,
            cuInit=lambda flags: (SUCCESS if devices else NO_DEVICE,),
            cuDriverGetVersion=lambda: (SUCCESS, version),
            cuDeviceGetCount=lambda: (SUCCESS, devices),
            cuMemGetInfo=lambda: (SUCCESS, self.room - self.used, self.room),
            cuMemHostRegister=lambda place, size, flags: self._pin(place),
            cuMemHostUnregister=lambda place: self.pinned.remove(place),
            cuMemcpyHtoDAsync=self._copy,
            cuMemcpyDtoHAsync=self._copy,
            cuMemcpyDtoDAsync=self._copy,
        )

    def compiled(self, kernel, dtype, capability):
        """What stands for machine code: the CPU's kernel."""
        assert capability == self.capability
        return SimpleNamespace(name="entry", code=HostKernel(kernel, dtype))

    def compiled_program(self, kernels, dtype, capability, alone):
        """The same of a program."""
        assert capability == self.capability
        code = HostProgram(kernels, dtype, alone)
        return SimpleNamespace(name="entry", code=code, shared=code.shared, scratch=code.scratch)

    def packages(self):
        return self.core, self.driver

    def _device(self):
        return SimpleNamespace(
            name="a stand-in",
            device_id=0,
            compute_capability=self.capability,
            properties=SimpleNamespace(
                multiprocessor_count=PROCESSORS,
                max_shared_memory_per_block_optin=self.shared,
                cooperative_launch=self.shared > 0,
            ),
            set_current=lambda: self.current.add(threading.get_ident()),
            create_stream=self._stream,
            allocate=lambda size, stream: self._allocate(size),
        )

    def check_current(self):
        """Calls need a GPU that the calling thread has made its own."""
        assert threading.get_ident() in self.current, "CUDA_ERROR_INVALID_CONTEXT"

    def _buffer(self, size, is_pinned=False):
        self.used += size
        return Buffer(self, size, is_pinned)

    def _allocate(self, size):
        self.check_current()
        if self.used + size > self.room:
            raise OutOfMemory("CUDA_ERROR_OUT_OF_MEMORY: there is no room")
        return self._buffer(size)

    def _stream(self):
        self.check_current()
        self.streams.append(1)
        return SimpleNamespace(
            handle=len(self.streams),
            sync=self._run,
            close=self.streams.pop,
            create_graph_builder=self._builder,
        )

    def _builder(self):
        builder = SimpleNamespace(calls=[], begin_building=self.capturing.append)
        builder.close = lambda: None

        def end_building():
            self.capturing.pop()
            return builder

        builder.end_building = end_building
        builder.complete = lambda: SimpleNamespace(
            launch=lambda stream: self.pending.extend(builder.calls), close=lambda: None
        )
        return builder

    def _set_attribute(self, attribute, value, handle, device):
        assert attribute == "dynamic"
        if value > self.shared:
            return (INVALID,)
        handle.most_shared = value
        return (SUCCESS,)

    def _launch(self, stream, config, function, *arguments):
        assert config.grid > 0, "CUDA_ERROR_INVALID_VALUE"
        assert config.shmem_size <= function.most_shared, "CUDA_ERROR_INVALID_VALUE"
        assert not config.is_cooperative or config.grid <= PROCESSORS, "blocks would never start"
        if isinstance(function.code, HostProgram):
            assert config.is_cooperative == (config.grid > 1)
            assert config.shmem_size >= function.code.shared
            self.launched.append(config)
            words, scratch, first, last = arguments
            given = config.shmem_size, words, scratch, first, last
            self.pending.append(lambda: function.code.run(*given))
            return
        names = "record", "frame", "scratch", "tasks", "n_tasks"
        call = SimpleNamespace(**dict(zip(names, arguments, strict=True)))
        call.scratch = self.scratch.ctypes.data
        stream.calls.append(lambda: function.code.run(call))

    def _pin(self, place):
        self.pinned.append(place)
        return (SUCCESS,)

    def _copy(self, to, source, size, stream):
        self.check_current()
        assert size > 0, "nothing says that a driver copies no bytes"
        self.pending.append(lambda: ctypes.memmove(to, source, size))
        return (SUCCESS,)

    def _run(self):
        pending, self.pending = self.pending, []
        for call in pending:
            call()

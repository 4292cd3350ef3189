"""The parts of cuda.core and cuda.bindings that a GPU is run by, over the host's memory."""

import ctypes
from types import SimpleNamespace

import numpy as np
from running.host_device import HostKernel

SUCCESS = SimpleNamespace(name="CUDA_SUCCESS")
NO_DEVICE = SimpleNamespace(name="CUDA_ERROR_NO_DEVICE")


class OutOfMemory(Exception):
    pass


class Buffer:
    def __init__(self, gpu, size):
        self._gpu, self._memory = gpu, np.full(size + 256, 255, np.uint8)
        self.handle = self._memory.ctypes.data + -self._memory.ctypes.data % 256
        self.size = size

    def close(self, stream=None):
        assert not self._gpu.pending, "freed before the calls that use it"
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
    """

    def __init__(self, room=1 << 30, devices=1, version=13000, capability=(9, 0)):
        self.room, self.used, self.pending = room, 0, []
        self.devices, self.version, self.capability = devices, version, capability
        self.streams = []
        self.core = SimpleNamespace(
            Device=lambda: self._device(),
            LegacyPinnedMemoryResource=lambda: SimpleNamespace(allocate=self._buffer),
            ObjectCode=SimpleNamespace(
                from_cubin=lambda code: SimpleNamespace(get_kernel=lambda name: code)
            ),
            LaunchConfig=lambda grid, block: (grid, block),
            launch=self._launch,
        )
        self.driver = SimpleNamespace(
            CUresult=SimpleNamespace(CUDA_SUCCESS=SUCCESS),
            CUstream=int,
            cuInit=lambda flags: (SUCCESS if devices else NO_DEVICE,),
            cuDriverGetVersion=lambda: (SUCCESS, version),
            cuDeviceGetCount=lambda: (SUCCESS, devices),
            cuMemGetInfo=lambda: (SUCCESS, self.room - self.used, self.room),
            cuMemcpyHtoDAsync=self._copy,
            cuMemcpyDtoHAsync=self._copy,
        )

    def compiled(self, kernel, dtype, capability):
        """What stands for machine code: the CPU's kernel."""
        assert capability == self.capability
        return SimpleNamespace(name="entry", code=HostKernel(kernel, dtype))

    def packages(self):
        return self.core, self.driver

    def _device(self):
        return SimpleNamespace(
            name="a stand-in",
            device_id=0,
            compute_capability=self.capability,
            properties=SimpleNamespace(multiprocessor_count=1),
            set_current=lambda: None,
            create_stream=self._stream,
            allocate=lambda size, stream: self._allocate(size),
        )

    def _buffer(self, size):
        self.used += size
        return Buffer(self, size)

    def _allocate(self, size):
        if self.used + size > self.room:
            raise OutOfMemory("CUDA_ERROR_OUT_OF_MEMORY: there is no room")
        return self._buffer(size)

    def _stream(self):
        self.streams.append(1)
        return SimpleNamespace(
            handle=len(self.streams),
            sync=self._run,
            close=self.streams.pop,
            create_graph_builder=self._builder,
        )

    def _builder(self):
        builder = SimpleNamespace(calls=[], begin_building=lambda mode: None, close=lambda: None)
        builder.end_building = lambda: builder
        builder.complete = lambda: SimpleNamespace(
            launch=lambda stream: self.pending.extend(builder.calls), close=lambda: None
        )
        return builder

    def _launch(self, builder, config, function, *arguments):
        names = "record", "frame", "scratch", "tasks", "n_tasks"
        call = SimpleNamespace(**dict(zip(names, arguments, strict=True)))
        builder.calls.append(lambda: function.run(call))

    def _copy(self, to, source, size, stream):
        self.pending.append(lambda: ctypes.memmove(to, source, size))
        return (SUCCESS,)

    def _run(self):
        pending, self.pending = self.pending, []
        for call in pending:
            call()

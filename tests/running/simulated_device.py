"""A device whose memory is apart from the host's, and whose kernels run in the simulator."""

import numpy as np
from fusednn.kernels.cuda.twins import THREAD, every_twin
from fusednn.kernels.intrinsics.pointers import view_at
from oracles.simulated_gpu.memory import Memory
from oracles.simulated_gpu.ops import Simulator
from running.host_device import HostDevice, HostKernel


class SimulatedKernel:
    """A twin of an op, run by a few blocks of a few threads."""

    def __init__(self, simulator, kernel, blocks, threads):
        self.simulator, self.op, self.twin = simulator, kernel.op, every_twin()[kernel.op]
        self.functions = {name: function for name, function, _ in kernel.functions}
        self.most, self.threads, self.words = blocks, threads, {}
        if self.twin.spread == THREAD:  # the compiled op calls the CPU's functions
            self.words = HostKernel(kernel, simulator.dtype).words

    def blocks(self, tasks, rows):
        return self.most

    def scratch(self, blocks, elements):
        return blocks * self.twin.scratch * self.simulator.dtype.itemsize

    def run(self, call):
        """Runs the tasks of a call."""
        record = view_at(call.record, np.int64)
        for slot, word in self.words.items():
            record[slot] = word
        _, blocks, *given = call
        self.simulator.launch(self.op, self.functions, *given, blocks, self.threads)


class SimulatedDevice(HostDevice):
    """Runs ops that have twins in the simulator, and others as the CPU runs them.

    Attributes
    ----------
    simulated, others : set of kernel
        The ops that have been loaded.
    """

    name = "a simulated GPU"

    def __init__(self, blocks=2, threads=32):
        super().__init__()
        self.shape, self.memory = (blocks, threads), Memory()
        self.simulators, self.simulated, self.others = {}, set(), set()

    def load(self, kernel, dtype):
        if kernel.op not in every_twin():
            self.others.add(kernel.op)
            return HostKernel(kernel, dtype)
        self.simulated.add(kernel.op)
        if dtype not in self.simulators:
            self.simulators[dtype] = Simulator(self.memory, dtype)
        return SimulatedKernel(self.simulators[dtype], kernel, *self.shape)

    def allocate(self, size):
        at = super().allocate(size)
        self.memory.add(view_at(at, np.uint8)[:size], "the memory of a plan")
        return at

    def free(self, at):
        place = self.memory.starts.index(at)
        del self.memory.starts[place], self.memory.arrays[place]
        super().free(at)

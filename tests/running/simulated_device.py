"""A device whose memory is apart from the host's, and whose kernels run in the simulator."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.twins import THREAD, every_twin
from fusednn.kernels.intrinsics.pointers import view_at
from oracles.simulated_gpu.memory import Memory
from oracles.simulated_gpu.ops import Simulator
from running.host_device import CPU_SCRATCH, HostDevice, HostKernel


class SimulatedKernel:
    """A twin of an op, run by a few blocks of a few threads."""

    def __init__(self, simulator, kernel, blocks, threads):
        self.simulator, self.op, self.twin = simulator, kernel.op, every_twin()[kernel.op]
        self.functions = {name: function for name, function, _ in kernel.functions}
        self.most, self.threads, self.words = blocks, threads, {}
        if self.twin.spread == THREAD:  # the compiled op calls the CPU's functions
            self.words = HostKernel(kernel, simulator.dtype).words

    def blocks(self, tasks, rows, record):
        return self.most

    def scratch(self, blocks, elements, record):
        return blocks * self.twin.elements(record) * self.simulator.dtype.itemsize

    def run(self, call):
        """Runs the tasks of a call."""
        record = view_at(call.record, np.int64)
        for slot, word in self.words.items():
            record[slot] = word
        _, blocks, *given = call
        self.simulator.launch(self.op, self.functions, *given, blocks, self.threads)


class SimulatedProgram:
    """A program of twins, run by a few blocks of a few threads.

    The shared memory of its ops is apart from what the launch gives a block.
    """

    shared = 0

    def __init__(self, simulator, kernels, alone, blocks, threads):
        self.simulator, self.blocks, self.threads = simulator, 1 if alone else blocks, threads
        twins = [every_twin().get(kernel.op) for kernel in kernels]
        needed = [CPU_SCRATCH if twin is None else twin.small or twin.scratch for twin in twins]
        self.scratch = max(needed)
        self.function = simulator.program(list(map(self.run_of, kernels)), alone)

    def run_of(self, kernel):
        """What runs a kernel's tasks: its twin, or else the CPU's op."""
        functions = {name: function for name, function, _ in kernel.functions}
        twin, words = every_twin().get(kernel.op), {}
        if twin is None or twin.spread == THREAD:
            words = HostKernel(kernel, self.simulator.dtype).words
            words.pop(records.OP)
        if twin is None:
            return self.simulator.run_on_cpu(kernel.op, words)
        return self.simulator.run_of(kernel.op, functions, words)

    def run(self, *given):
        """Runs steps; the arguments are those of `Device.run_program`, without the program."""
        self.simulator.launch_program(self.function, *given, self.blocks, self.threads)


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
        return SimulatedKernel(self.simulator_for(dtype), kernel, *self.shape)

    def simulator_for(self, dtype):
        """Runs kernels for a type."""
        if dtype not in self.simulators:
            self.simulators[dtype] = Simulator(self.memory, dtype)
        return self.simulators[dtype]

    def load_program(self, kernels, dtype, alone):
        self.programs.append(alone)
        for kernel in kernels:
            (self.simulated if kernel.op in every_twin() else self.others).add(kernel.op)
        return SimulatedProgram(self.simulator_for(dtype), kernels, alone, *self.shape)

    def allocate(self, size):
        at = super().allocate(size)
        self.memory.add(view_at(at, np.uint8)[:size], "the memory of a plan")
        return at

    def free(self, at):
        self.memory.remove(view_at(at, np.uint8))
        super().free(at)

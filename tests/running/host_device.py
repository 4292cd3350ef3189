"""A device whose memory is the host's, apart from all arrays, and whose ops are the CPU's."""

import ctypes
import threading
from contextlib import contextmanager

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import entry
from fusednn.kernels.engine import enter_step, run_chain
from fusednn.kernels.intrinsics.pointers import data, slot, view_at
from fusednn.kernels.intrinsics.subnormals import flush_subnormals, set_mode
from fusednn.kernels.library import address
from fusednn.kernels.operands import DECLARED
from oracles.simulated_gpu.memory import Anywhere
from oracles.simulated_gpu.ops import Simulator

from fusednn.training.cuda import opening


@entry
def run_tasks(words):
    """Runs a record for tasks; the words are the addresses of all, and the number of tasks."""
    given = data(words)
    mode, status = flush_subnormals(), 0
    frame, scratch, tasks = slot(given, 1, 0), slot(given, 2, np.float32(0)), slot(given, 3, 0)
    frame[records.SHIFT] = 0
    for number in range(given[4]):
        lo, hi, kind = tasks[3 * number], tasks[3 * number + 1], tasks[3 * number + 2]
        if kind == records.ROWS_OF_BATCH:
            hi = min(hi, frame[records.SAMPLES])
        if kind == records.WHOLE or lo < hi:
            status |= run_chain(given, 1, frame, scratch, lo, hi, kind == records.WHOLE)
    set_mode(mode)
    return status


class HostKernel:
    """A kernel of the CPU."""

    def __init__(self, kernel, dtype):
        self.op, self.words = kernel.op, {}
        if kernel.op is enter_step:
            return
        self.words[records.OP] = address(kernel.op, "op", dtype)
        for name, function, role in kernel.functions:
            if function is not None:
                self.words[getattr(DECLARED[kernel.op], name)] = address(function, role, dtype)
        self.item = dtype.itemsize

    def blocks(self, tasks, rows, record):
        assert tasks > 0
        assert rows >= 0
        return 1

    def scratch(self, blocks, elements, record):
        return blocks * elements * 8

    def run(self, call):
        """Runs the tasks of a call."""
        record = view_at(call.record, np.int64)
        if self.op is enter_step:
            frame = view_at(call.frame, np.int64)
            frame[records.STEP] += 1
            step = view_at(record[records.FIRST_OPERAND], np.int64)[
                frame[records.STEP] * records.STEP_WIDTH :
            ]
            frame[records.START], frame[records.SAMPLES] = step[:2]
            return
        for slot_number, word in self.words.items():
            record[slot_number] = word
        words = [call.record, call.frame, call.scratch, call.tasks, call.n_tasks]
        assert run_tasks(np.array(words, np.int64)) == 0


CPU_SCRATCH = 1 << 14
"""Elements of scratch for ops of the CPU in a program."""


class HostProgram:
    """A program of the CPU's kernels, run by the one thread of a block."""

    blocks, threads, shared = 1, 1, 48

    def __init__(self, kernels, dtype, alone):
        self.simulator, self.scratch = Simulator(Anywhere(), dtype), CPU_SCRATCH
        self.function = self.simulator.program(list(map(self.run_of, kernels)), alone)

    def run_of(self, kernel):
        """What runs a kernel's tasks."""
        made = HostKernel(kernel, self.simulator.dtype)
        made.words.pop(records.OP)  # by which the program knows its kernels
        return self.simulator.run_on_cpu(kernel.op, made.words)

    def run(self, *given):
        """Runs steps; the arguments are those of `Device.run_program`, without the program."""
        self.simulator.launch_program(self.function, *given, self.blocks, self.threads)


class HostDevice:
    """A device for tests; `room` is its number of bytes, `shared` those of a block."""

    name = "the host"
    shared = 0

    def __init__(self, room=1 << 40):
        self.room, self.live, self.most, self.closed = room, {}, 0, False
        self.pinned = 0
        self.replayed, self.sent, self.brought, self.copied, self.programs = 0, 0, 0, 0, []

    def take(self):
        self.taken_by = threading.get_ident()

    def has(self, kernel):
        return True

    def load(self, kernel, dtype):
        return HostKernel(kernel, dtype)

    def spare(self):
        return self.room - sum(len(one) for one in self.live.values())

    def allocate(self, size):
        used = self.room - self.spare()
        if used + size > self.room:
            raise MemoryError(f"{size} bytes asked for, {self.room - used} free")
        memory = np.full(size + 256, 255, np.uint8)  # NaN, and no valid address or index
        at = memory.ctypes.data + -memory.ctypes.data % 256
        self.live[at] = memory
        self.most = max(self.most, used + size)
        return at

    def free(self, at):
        self.live.pop(at)[:] = 255

    def upload(self, at, source):
        self.sent += source.nbytes
        ctypes.memmove(at, source.ctypes.data, source.nbytes)

    def pin(self, array):
        self.pinned += array.nbytes

    def send(self, at, source):
        self.upload(at, source)

    def download(self, target, at):
        self.brought += target.nbytes
        ctypes.memmove(target.ctypes.data, at, target.nbytes)

    def copy(self, target, source, size):
        self.copied += size
        ctypes.memmove(target, source, size)

    def capture(self, calls):
        return list(calls)

    def replay(self, captured):
        self.replayed += 1
        for call in captured:
            call.kernel.run(call)

    def load_program(self, kernels, dtype, alone):
        self.programs.append(alone)
        return HostProgram(kernels, dtype, alone)

    def run_program(self, program, *given):
        self.replayed += 1
        assert given[0] <= self.shared
        program.run(*given)

    def wait(self):
        pass

    def close(self):
        assert not self.live
        self.closed = True


@contextmanager
def opened_as_cuda(make=HostDevice):
    """Opens such a device where "cuda" is asked for; gives the list of those that were opened."""
    before, opened = opening.OPENED["cuda"], []

    def open_it():
        opened.append(make())
        return opened[-1]

    opening.OPENED["cuda"] = open_it
    try:
        yield opened
    finally:
        opening.OPENED["cuda"] = before

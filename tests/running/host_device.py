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

    def blocks(self, tasks, rows):
        assert tasks > 0
        assert rows >= 0
        return 1

    def scratch(self, blocks, elements):
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


class HostDevice:
    """A device for tests; `room` is its number of bytes."""

    name = "the host"

    def __init__(self, room=1 << 40):
        self.room, self.live, self.most, self.closed = room, {}, 0, False
        self.replayed, self.sent, self.brought = 0, 0, 0

    def take(self):
        self.taken_by = threading.get_ident()

    def load(self, kernel, dtype):
        return HostKernel(kernel, dtype)

    def allocate(self, size):
        used = sum(len(one) for one in self.live.values())
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

    def download(self, target, at):
        self.brought += target.nbytes
        ctypes.memmove(target.ctypes.data, at, target.nbytes)

    def capture(self, calls):
        return list(calls)

    def replay(self, captured):
        self.replayed += 1
        for call in captured:
            call.kernel.run(call)

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

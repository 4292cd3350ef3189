"""Where the time of a step goes: that of each record, in its place among the others.

    python -m benchmarks.record_times [--networks encoder language ...] [--repeats 20]
                                      [--by op|record]

One thread runs the records of a training step in their order, samples and tiles as the engine
takes them, and reads the processor's counter around each. So data are in the caches where they are
in a step. A record's time is the sum over its calls, of each the least of all repeats: other
processes disturb few of the repeats of a call that takes microseconds.
"""

import ctypes
import time
import warnings
from collections import defaultdict

import numpy as np

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.layered import NETWORKS, make_samples
from benchmarks.measuring.report import parser

SIZES = "fan_in", "fan_out", "columns"


def parse():
    """The command line."""
    found = parser(__doc__, repeats=100)
    found.add_argument("--networks", nargs="+", choices=NETWORKS, default=["language", "encoder"])
    found.add_argument("--by", choices=("op", "record"), default="op")
    return found.parse_args()


def session_of(network):
    """A session of one thread that has run an epoch."""
    from benchmarks.measuring.layered_contestants import Fusednn
    from fusednn.training.session import Session

    found, leave = [], Session.__exit__

    def left(session, *exception):
        found.append(session)
        leave(session, *exception)

    Session.__exit__ = left
    try:
        Fusednn.n_jobs = 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Fusednn(network, *make_samples(network), 1).fit(1)
    finally:
        Session.__exit__ = leave
    return found[0]


def words_at(address, *shape):
    """The int64 words of a plan that begin at an address."""
    return np.ctypeslib.as_array(ctypes.cast(int(address), ctypes.POINTER(ctypes.c_int64)), shape)


def calls_of(program):
    """The calls of a step, as the engine makes them for the first worker.

    Returns
    -------
    calls : ndarray of shape (n, 4)
        The record's address, bounds, and number; or slot, value, 0 and -1: a slot to write.
    places : list of (int, int)
        The stage and the address of each record.
    """
    from fusednn.kernels import records as words

    calls, numbers = [], {}
    batch = program.steps[0][words.SAMPLES]
    stages = words_at(program.words[words.STAGES], len(program.stages), words.STAGE_WIDTH)

    def add(record, stage, lo, hi):
        number = numbers.setdefault((stage, int(record)), len(numbers))
        calls.append((record, lo, hi, number))

    def chain(address, count, stage, lo, hi, is_whole=False):
        for record in words_at(address, count):
            rows = 1 if is_whole else words_at(record, 3)[words.POSITIONS]
            add(record, stage, lo * rows, hi * rows)

    def task_of(task, stage, samples):
        is_whole = task[words.KIND] == words.WHOLE
        lo, hi = task[words.LO], task[words.HI]
        hi = hi if is_whole else min(hi, samples)
        if task[words.N_RECORDS] != words.LOOPED:
            chain(task[words.CHAIN], task[words.N_RECORDS], stage, lo, hi, is_whole)
            return
        [routine] = words_at(task[words.CHAIN], 1)
        [count] = words_at(routine, 1)
        loops = words_at(routine, 1 + count * words.LOOP_WIDTH)[1:].reshape(count, -1)
        for loop in loops:
            moved = words_at(loop[words.LOOP_MOVED], loop[words.LOOP_N_MOVED], words.MOVED_WIDTH)
            step = loop[words.LOOP_STEP] or hi - lo
            for first in range(lo, hi, step):
                calls.extend((slot, there - first * less, 0, -1) for slot, there, less in moved)
                last = min(first + step, hi)
                chain(loop[words.LOOP_RECORDS], loop[words.LOOP_N_RECORDS], stage, first, last)

    for start, samples, first, last in program.steps.tolist():
        if start > 0:  # another batch
            break
        for stage in range(first, last):
            here = stages[stage]
            for task in words_at(here[words.TASKS], here[words.N_TASKS], words.TASK_WIDTH):
                task_of(task, stage, samples or batch)
            if here[words.AFTER]:
                add(here[words.AFTER], stage, 0, 0)
    return np.array(calls, np.int64), list(numbers)


def runner():
    """A compiled function that runs calls and writes how far the counter moves in each."""
    from fusednn.kernels import records as words
    from fusednn.kernels.engine import enter_step
    from fusednn.kernels.intrinsics.pointers import advance, data, slot
    from fusednn.kernels.intrinsics.subnormals import flush_subnormals, set_mode
    from fusednn.kernels.intrinsics.sync import call
    from llvmlite import ir
    from numba import njit, types
    from numba.extending import intrinsic

    @intrinsic
    def counter(typingctx):
        def codegen(context, builder, signature, args):
            kind = ir.FunctionType(ir.IntType(64), [])
            name = "llvm.readcyclecounter"
            found = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            return builder.call(found, [])

        return types.int64(), codegen

    @njit
    def run(program_array, calls, ticks):
        program = data(program_array)
        mode = flush_subnormals()
        frame = slot(program, words.FRAMES, 0)
        scratch = slot(program, words.SCRATCH, np.float32(0))
        enter_step(frame, slot(program, words.STEPS, 0), 0)
        frame[words.SHIFT] = 0
        slots = data(calls)
        for i in range(calls.shape[0]):
            here = advance(slots, 4 * i)
            if here[3] < 0:
                slot(here, 0, 0)[0] = here[1]
                continue
            record = slot(here, 0, 0)
            before = counter()
            call(record, words.OP, (record, frame, scratch, here[1], here[2]))
            ticks[i] = counter() - before
        set_mode(mode)

    return run


def measure(session, repeats):
    """The least microseconds of each record of a step: (stage, op, sizes, time)."""
    from fusednn.plan.memory.buffers import address_of

    program = session.plan.program
    calls, places = calls_of(program)
    run, ticks = runner(), np.zeros(len(calls), np.int64)
    least, speed = np.full(len(calls), 1 << 60), 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        run(program.words, calls, ticks)
        speed = max(speed, ticks.sum() / (time.perf_counter() - start) / 1e6)
        np.minimum(least, ticks, out=least)
    own = calls[:, 3] >= 0
    times = np.bincount(calls[own, 3], least[own] / speed)
    found, known = [], {address_of(record): record for record in program._records}
    for (stage, record), one in zip(places, times, strict=True):
        op, operands = program.call_of(known[record])
        sizes = [f"{name} {operands[name]}" for name in SIZES if operands.get(name)]
        found.append((stage, getattr(op, "py_func", op).__name__, ", ".join(sizes), one))
    return found


def peak_gflops(repeats):
    """The rate of multiply-adds in registers in the best of many calls of some 30 us each."""
    from benchmarks.measuring.peak import fma_gflops

    return fma_gflops(1, "float32", 3e-5, 20 * repeats)


def main():
    """Prints the times of each network's step."""
    options = parse()
    restart_with(1)
    for name in options.networks:
        network = NETWORKS[name]
        found, peak = measure(session_of(network), options.repeats), peak_gflops(options.repeats)
        step = sum(own for *_, own in found)
        rate = network.flops / 1e3 / step
        print(
            f"{network.title}: {step:.0f} us, {rate:.0f} GFLOP/s, {rate / peak:.0%} of {peak:.0f}"
        )
        if options.by == "op":
            sums = defaultdict(float)
            for stage, op, sizes, own in found:
                sums[stage, op, sizes] += own
            found = [(*key, own) for key, own in sums.items()]
        for stage, op, sizes, own in found:
            print(f"  {stage:3} {op:26}{sizes:34}{own:10.1f} us{own / step:7.1%}")


if __name__ == "__main__":
    main()

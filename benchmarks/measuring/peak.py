"""Measures the machine's limits: fused multiply-adds and streaming bandwidth on N threads.

    python -m benchmarks.measuring.peak [--threads 1 2 ...]

Compiled functions that hold no lock run in Python threads that start at a barrier. The work of all
is divided by the time from the first start to the last end. A multiply-add counts as two
operations. Bandwidth is measured for a[i] += s b[i] on arrays far larger than the caches: two
reads and a write per item, as in an optimizer; every line that is written was read anyway.
"""

import argparse
import os
import threading
import time
from functools import cache

import numpy as np
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.scalars import emit_fma
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import broadcast
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

CHAINS = 16 if SHAPE.name in ("avx512", "neon") else 12
"""Independent sums: more than latency times units, fewer than the vector registers."""

STREAM_BYTES = 128 << 20
"""Bytes of each of the two arrays, over all threads."""


@intrinsic
def _multiply_adds(typingctx, count, factor, summand):
    """`count` rounds of CHAINS vectors x = x * factor + summand; returns an element."""

    def codegen(context, builder, signature, args):
        count, factor, summand = args
        lanes = SHAPE.lanes(signature.args[1].bitwidth // 8)
        factors, summands = (broadcast(builder, scalar, lanes) for scalar in (factor, summand))
        first = summands
        starts = []
        for _ in range(CHAINS):  # all different: the compiler would merge equal chains
            first = builder.fadd(first, factors)
            starts.append(first)
        entry, loop = builder.block, builder.append_basic_block("loop")
        done = builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        left = builder.phi(count.type)
        chains = [builder.phi(factors.type) for _ in starts]
        after = [emit_fma(builder, x, factors, summands, SHAPE.fused) for x in chains]
        following = builder.sub(left, count.type(1))
        for phi, start, next_ in zip(
            [left, *chains], [count, *starts], [following, *after], strict=True
        ):
            phi.add_incoming(start, entry)
            phi.add_incoming(next_, loop)
        builder.cbranch(builder.icmp_signed(">", following, count.type(0)), loop, done)
        builder.position_at_end(done)
        total = after[0]
        for x in after[1:]:
            total = builder.fadd(total, x)
        return builder.extract_element(total, ir.IntType(32)(0))

    return summand(types.int64, factor, summand), codegen


@kernel
def _spin(count, factor, summand):
    return _multiply_adds(count, factor, summand)


@kernel
def _update(a, b, s):
    for i in range(a.size):
        a[i] += s * b[i]


def _together(function, arguments):
    """Seconds from the first start to the last end of `function`, one thread per arguments."""
    barrier = threading.Barrier(len(arguments))
    spans = [(0.0, 0.0)] * len(arguments)

    def work(index):
        barrier.wait()
        start = time.perf_counter()
        function(*arguments[index])
        spans[index] = start, time.perf_counter()

    helpers = [threading.Thread(target=work, args=(i,)) for i in range(1, len(arguments))]
    for helper in helpers:
        helper.start()
    work(0)
    for helper in helpers:
        helper.join()
    return max(end for _, end in spans) - min(start for start, _ in spans)


@cache
def _rounds(dtype, seconds):
    """The number of rounds of `_spin` that take about `seconds` on one thread; compiles it."""
    half = np.dtype(dtype).type(0.5)
    _spin(1, half, half)
    count = 1 << 16
    while True:
        start = time.perf_counter()
        _spin(count, half, half)
        taken = time.perf_counter() - start
        if taken > seconds / 8:
            return max(1, int(count * seconds / taken))
        count *= 2


def fma_gflops(threads=1, dtype="float32", seconds=0.05, repeats=1):
    """Peak rate of multiply-adds in registers.

    Parameters
    ----------
    threads : int
    dtype : {"float32", "float64"}
    seconds : float
        Length of one measurement.
    repeats : int
        The number of measurements; the best counts.

    Returns
    -------
    float
        GFLOP/s over all threads.
    """
    half = np.dtype(dtype).type(0.5)
    count = _rounds(dtype, seconds)
    flops = 2.0 * threads * count * CHAINS * SHAPE.lanes(half.itemsize)
    arguments = [(count, half, half)] * threads
    return max(flops / _together(_spin, arguments) for _ in range(repeats)) / 1e9


def stream_gbytes(threads=1, repeats=5):
    """Bandwidth of a[i] += s b[i] in float32.

    Parameters
    ----------
    threads : int
    repeats : int
        The number of measurements; the best counts.

    Returns
    -------
    float
        GB/s over all threads.
    """
    size = STREAM_BYTES // 4 // threads
    arguments = [
        (*(np.full(size, value, np.float32) for value in (0.0, 1.0)), np.float32(3.0))
        for _ in range(threads)
    ]
    _update(*(part[:1] for part in arguments[0][:2]), np.float32(3.0))
    total = 3.0 * 4 * size * threads
    return max(total / _together(_update, arguments) for _ in range(repeats)) / 1e9


def main():
    """Prints both limits for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cpus = os.cpu_count() or 1
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cpus}))
    arguments = parser.parse_args()
    print(f"shape {SHAPE.name}, {cpus} CPUs")
    print(f"{'threads':>7} {'float32 GFLOP/s':>16} {'float64 GFLOP/s':>16} {'stream GB/s':>12}")
    for threads in arguments.threads:
        singles, doubles = (
            fma_gflops(threads, dtype, repeats=5) for dtype in ("float32", "float64")
        )
        print(f"{threads:7} {singles:16.0f} {doubles:16.0f} {stream_gbytes(threads):12.1f}")


if __name__ == "__main__":
    main()

"""Read bandwidth of one core, which bounds the time of a network's answer to one row.

    python -m benchmarks.reads [--megabytes 0.5 1 2 6.3 16]

The loop only loads every element of a float32 array and adds it to one of CHAINS sums. It reads
the array repeatedly, so the array is in the nearest cache that can hold it.
"""

import argparse
import time

import numpy as np
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.intrinsics.shapes import SHAPE
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from benchmarks.measuring.peak import CHAINS

LANES = SHAPE.lanes(4)
_I64 = ir.IntType(64)


@intrinsic
def _sum(typingctx, x, n):
    """Reads n elements, n a multiple of CHAINS vectors; returns one lane of their sums."""

    def codegen(context, builder, signature, args):
        x, n = args
        kind = ir.VectorType(ir.FloatType(), LANES)
        entry, loop = builder.block, builder.append_basic_block("loop")
        done = builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        at, sums = builder.phi(_I64), [builder.phi(kind) for _ in range(CHAINS)]
        after = []
        for number, total in enumerate(sums):
            place = builder.gep(x, [builder.add(at, _I64(number * LANES))])
            part = builder.load(builder.bitcast(place, kind.as_pointer()), align=4)
            after.append(builder.fadd(total, part))
        following = builder.add(at, _I64(CHAINS * LANES))
        zeros = ir.Constant(kind, [0.0] * LANES)
        for phi, start, next_ in zip(
            [at, *sums], [_I64(0), *[zeros] * CHAINS], [following, *after], strict=True
        ):
            phi.add_incoming(start, entry)
            phi.add_incoming(next_, loop)
        builder.cbranch(builder.icmp_signed("<", following, n), loop, done)
        builder.position_at_end(done)
        total = after[0]
        for part in after[1:]:
            total = builder.fadd(total, part)
        return builder.extract_element(total, ir.IntType(32)(0))

    return types.float32(x, n), codegen


@kernel
def _read(x, times):
    total = np.float32(0)
    for _ in range(times):
        total += _sum(data(x), x.size)
    return total


class Reader:
    """Reads an array repeatedly.

    Parameters
    ----------
    count : int
        Bytes.
    """

    def __init__(self, count):
        step = CHAINS * LANES
        self._x = np.ones(max(1, count // 4 // step) * step, np.float32)
        _read(self._x, 1)

    def run(self, calls):
        """Seconds of reading the array `calls` times."""
        start = time.perf_counter()
        _read(self._x, calls)
        return time.perf_counter() - start

    def gbytes(self, seconds=0.02):
        """GB/s, measured for about `seconds`."""
        calls = max(1, round(seconds / self.run(3) * 3))
        return self._x.nbytes * calls / self.run(calls) / 1e9


def main():
    """Prints the rate for each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=float, nargs="+", default=[0.02, 0.5, 1, 2, 6.3, 16])
    for size in parser.parse_args().megabytes:
        best = max(Reader(int(size * 1e6)).gbytes() for _ in range(5))
        print(f"{size:8} MB {best:8.1f} GB/s")


if __name__ == "__main__":
    main()

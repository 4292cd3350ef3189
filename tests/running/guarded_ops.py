"""Runs cases of ops on memory that ends where reading and writing are forbidden.

As a script it runs those over windows; it ends with a signal if one touches what is behind.
"""

import ctypes
import mmap

import numpy as np
from cases.ops import of_windows
from running import blocks, op_cases

from fusednn.plan.memory import buffers, memory

PAGE = mmap.PAGESIZE
NO_ACCESS = 0
_alive = []


def guarded_zeros(count, dtype):
    """An aligned array of zeros; the page behind it is locked."""
    item = np.dtype(dtype).itemsize
    size = -(-max(count * item, 1) // buffers.ALIGNMENT) * buffers.ALIGNMENT
    pages = -(-size // PAGE)
    area = mmap.mmap(-1, (pages + 1) * PAGE)
    first = ctypes.addressof(ctypes.c_char.from_buffer(area))
    behind = ctypes.c_void_p(first + pages * PAGE)
    if ctypes.CDLL(None).mprotect(behind, ctypes.c_size_t(PAGE), NO_ACCESS):
        raise OSError("the page cannot be locked")
    _alive.append(area)
    return np.frombuffer(area, dtype, count, pages * PAGE - size)


def last_of_groups(make):
    """The last of seven groups of three filters begins in the last vector."""
    return of_windows.sums(make, 14, 7)


def run_all_windows():
    """All cases, in their types and both ways to split them."""
    for module in (blocks, memory, of_windows, op_cases):
        module.aligned_zeros = guarded_zeros
    for case in (*of_windows.CASES, last_of_groups):
        rounded = case.__name__.startswith("reduced")  # networks of float32 alone have them
        for dtype in (np.float32,) if rounded else (np.float32, np.float64):
            for split in (0, 1):
                op_cases.run(case, dtype, np.nan, split)


if __name__ == "__main__":
    run_all_windows()

"""Every Numba option of the project, and the only place that reads the environment for them.

`fastmath` is off for good: `reassoc` undoes the two-part range reductions of `maths` and the
promise that a sum is one chain in ascending order. Where a fused multiply-add is wanted it is
written with `intrinsics.fma`.
"""

import os

import numba
from numba.core import config

from ._cache import DiskCache

OPTIONS = {"nogil": True, "error_model": "numpy"}

JIT = not config.DISABLE_JIT

FORCED_SHAPE = os.environ.get("FUSEDNN_SHAPE", "")
"""Row of `intrinsics.shapes.SHAPES` to use instead of the host's; for tests and measurements."""


def kernel(function):
    """A compiled function that other kernels call; it is cached as part of its callers."""
    return numba.njit(**OPTIONS)(function)


def inline(function):
    """A small compiled function, always inlined into the loop that calls it."""
    return numba.njit(forceinline=True, **OPTIONS)(function)


def entry(function, parallel=False):
    """A compiled function called from Python, kept in the disk cache."""
    dispatcher = numba.njit(parallel=parallel, **OPTIONS)(function)
    if JIT:
        dispatcher._cache = DiskCache(function, "parallel" if parallel else "")
    return dispatcher

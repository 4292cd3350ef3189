"""The decorators of the kernels: the only place that calls Numba's."""

import numba

from ._cache import DiskCache
from ._linked import Linked
from ._options import FORCED_SHAPE, JIT, OPTIONS

__all__ = ["FORCED_SHAPE", "JIT", "OPTIONS", "entry", "inline", "kernel"]


def kernel(function):
    """A compiled function that other kernels call; it is cached as part of its callers."""
    return _linked(function)


def inline(function):
    """A small compiled function, always inlined into the loop that calls it."""
    return _linked(function, forceinline=True)


def _linked(function, **more):
    if not JIT:
        return function
    options = {"nopython": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return Linked(
        function,
        {**options, **OPTIONS, **more},
        lambda: numba.njit(**OPTIONS, **more)(function),
    )


def entry(function, parallel=False):
    """A compiled function called from Python, kept in the disk cache."""
    dispatcher = numba.njit(parallel=parallel, **OPTIONS)(function)
    if JIT:
        dispatcher._cache = DiskCache(function, "parallel" if parallel else "")
    return dispatcher

"""The decorators of the kernels: the only place that calls Numba's."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from ._cache import DiskCache
from ._linked import Linked
from ._options import FORCED_SHAPE, JIT, OPTIONS

__all__ = [
    "FORCED_SHAPE",
    "JIT",
    "OPTIONS",
    "brief_entry",
    "entry",
    "inline",
    "kernel",
    "with_signature",
]


Function = TypeVar("Function", bound=Callable)


def kernel(function: Function) -> Function:
    """A compiled function that other kernels call; it is cached as part of its callers."""
    return _linked(function)


def inline(function: Function) -> Function:
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


def entry(function: Function, parallel: bool = False) -> Function:
    """A compiled function called from Python, kept in the disk cache."""
    return _called(function, "parallel" if parallel else "", parallel=parallel, **OPTIONS)


def brief_entry(function: Function) -> Function:
    """An entry that holds the interpreter's lock: for calls shorter than releasing it takes."""
    return _called(function, "gil", **{**OPTIONS, "nogil": False})


def _called(function, kind, **options):
    dispatcher = numba.njit(**options)(function)
    if JIT:
        dispatcher._cache = DiskCache(function, kind)
    return dispatcher


def with_signature(function: Any, signature: tuple) -> Any:
    """An entry compiled for one signature, without the dispatch of each call, which takes 0.1 us.

    Arguments of other types raise a TypeError or are misread: the caller must check them.
    """
    if not JIT:
        return function
    function.compile(signature)
    return function.overloads[signature].entry_point

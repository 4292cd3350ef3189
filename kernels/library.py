"""The addresses of the native functions that a plan calls; compiled when first needed.

A role is a C signature. A kernel is compiled once per role and element type, under a name of its
own, and kept for the life of the process. With the JIT off the address is a number by which the
Python function is looked up.
"""

import contextlib
import gc
import logging
import os
import threading
import time
import types as python_types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core.ccallback import CFunc

from ._cache import DiskCache
from ._jit import JIT, OPTIONS
from .intrinsics.sync import TWINS

_RECORD = types.CPointer(types.int64)
_REAL = types.CPointer(types.float64)
_N = types.int64

ROLES = {
    # record, frame, scratch, lo, hi
    "op": lambda p, x: (_RECORD, _RECORD, p, _N, _N),
    # out, n, constants
    "activation": lambda p, x: (p, _N, p),
    # out, slopes, n, constants
    "slopes": lambda p, x: (p, p, _N, p),
    # dout, out or slopes, n, constants
    "derivative": lambda p, x: (p, p, _N, p),
    # words, shared, the latter again as the network's type (`answer`)
    "share": lambda p, x: (_RECORD, _RECORD, p),
    # value, z, t, work, C, R, constants
    "loss": lambda p, x: (_REAL, p, p, p, _N, _N, p),
    # z, work, C, R
    "link": lambda p, x: (p, p, _N, _N),
    # record, frame, g, w, n, tile
    "adjust": lambda p, x: (_RECORD, _RECORD, p, p, _N, _N),
    # w, g, s1, s2, s3, n, decay, settings, constants
    "step": lambda p, x: (p, p, p, p, p, _N, x, _REAL, _REAL),
}

_FLOATS = {np.dtype(np.float32): types.float32, np.dtype(np.float64): types.float64}
_SHORT = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}

SLOW_SECONDS = 2.0
_log = logging.getLogger("fusednn")
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # in a child, the thread that holds it would not exist
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )
_compiled: dict[tuple, Any] = {}
_seconds = 0.0
_logged = False


def address(function: Callable | None, role: str, dtype: np.dtype | type) -> int:
    """Address of a kernel as a C function.

    Parameters
    ----------
    function : kernel or None
        A function of `kernels`; None has the address 0.
    role : str
        A key of `ROLES`.
    dtype : np.dtype
        float32 or float64.

    Returns
    -------
    int
    """
    if function is None:
        return 0
    key = function, role, np.dtype(dtype)
    with _lock:
        if key not in _compiled:
            _compiled[key] = _compile(*key) if JIT else _register(*key)
        native = _compiled[key]
    return native.address if JIT else native


def _compile(function, role, dtype):
    element = _FLOATS[dtype]
    arguments = ROLES[role](types.CPointer(element), element)
    native = CFunc(
        _named(function.py_func, _SHORT[dtype]), (arguments, types.int64), {}, dict(OPTIONS)
    )
    if function.py_func.__closure__ is None:  # a closure holds a user's function
        native._cache = DiskCache(native._pyfunc, "cfunc")
    start = time.perf_counter()
    with _no_collection():
        native.compile()
    _report(time.perf_counter() - start)
    return native


@contextlib.contextmanager
def _no_collection():
    """Inside the `with` the garbage collector rests: a compiler makes many objects, few cycles."""
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()


def _named(function, suffix):
    """The same code under a name with its element type, so that a name has one signature."""
    copy = python_types.FunctionType(
        function.__code__,
        function.__globals__,
        f"{function.__name__}_{suffix}",
        closure=function.__closure__,
    )
    copy.__qualname__ = f"{function.__qualname__}_{suffix}"
    copy.__module__ = function.__module__
    copy.__doc__ = function.__doc__
    return copy


def _report(seconds):
    global _seconds, _logged
    _seconds += seconds
    if _seconds > SLOW_SECONDS and not _logged:
        _logged = True
        _log.info("compiling kernels for this machine; the next process finds them in the cache")


def _register(function, role, dtype):
    where = len(TWINS) + 1

    def twin(*arguments):
        if role == "op":
            record, frame, scratch, lo, hi = arguments
            arguments = record, frame, scratch.view(dtype), lo, hi
        if role == "share":
            arguments = *arguments[:2], arguments[2].view(dtype)
        return function(*arguments)

    TWINS[where] = twin
    return where

"""Machine code for GPUs, compiled once and kept on disk beside the kernels of the CPU.

A file holds what the linker said of a kernel, as JSON, and the cubin. It is read only from a
directory that nobody else can write to, and only if its checksum is right.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from fusednn.kernels import _cache
from fusednn.kernels._cachedir import check_owner, kernel_directory, source_digest
from fusednn.kernels.intrinsics.shapes import SHAPE

from . import compiler, packages, programs
from .compiler import Cubin

_known: dict[str, Cubin] = {}


def cubin_of(
    op: Any, dtype: Any, functions: Mapping[str, Any], capability: tuple[int, int]
) -> Cubin:
    """As `compile_op`, which is called for what neither this process nor the disk has."""
    name = _file_name(op.__name__, [(op, functions)], np.dtype(dtype), capability)
    return _made(name, lambda: compiler.compile_op(op, dtype, functions, capability))


def program_of(
    ops: Sequence[tuple[Any, Mapping[str, Any]]],
    dtype: Any,
    capability: tuple[int, int],
    alone: bool,
) -> Cubin:
    """As `compile_program`, in the same way."""
    kind = "alone" if alone else "together"
    name = _file_name(kind, ops, np.dtype(dtype), capability)
    return _made(name, lambda: programs.compile_program(ops, dtype, capability, alone))


def _made(name, compiled):
    """What the process or the disk has by a name, or else is compiled; "" is no name."""
    if name in _known:
        return _known[name]
    found = _load(name) if name else None
    if found is None:
        found = compiled()
        if name:
            _save(name, found)
    if name:
        _known[name] = found
    return found


def _file_name(kind, ops, dtype, capability):
    """The name of a file, or "" if it cannot be kept: a closure holds a user's function, or
    sources have been edited since they were imported.

    The directory is that of the CPU's sources and of Numba's version.
    """
    sources, given = _sources(), []
    for op, functions in ops:
        present = sorted((name, one) for name, one in functions.items() if one is not None)
        if sources is None or any(one.py_func.__closure__ is not None for _, one in present):
            return ""
        given.append((_identity(op), [(name, *_identity(one)) for name, one in present]))
    made_by = sources, dtype.str, *capability, SHAPE.name, sorted(packages.versions().items())
    digest = hashlib.sha256(repr((kind, given, made_by)).encode()).hexdigest()
    return f"{kind}-{digest[:24]}.cubin"


@cache
def _sources():
    """A digest of what only GPUs run."""
    return source_digest(os.path.dirname(os.path.dirname(__file__)))


def _identity(kernel):
    function = kernel.py_func
    return function.__module__, function.__qualname__, function.__code__.co_firstlineno


def _load(name):
    try:
        directory = kernel_directory()
        if directory is None:
            return None
        with open(os.path.join(directory, name), "rb") as file:
            check_owner(os.fstat(file.fileno()), file.name)
            payload = _cache.unseal(name, file.read())
        said, _, code = payload.partition(b"\n")
        return Cubin(code=code, **json.loads(said))
    except FileNotFoundError:
        return None
    except Exception as error:
        _cache.failed("load", name, error)
        return None


def _save(name, cubin):
    try:
        directory = kernel_directory(create=True)
        if directory is None:
            return
        said = {key: value for key, value in cubin._asdict().items() if key != "code"}
        payload = json.dumps(said).encode() + b"\n" + cubin.code
        _cache.write(os.path.join(directory, name), _cache.seal(name, payload))
    except Exception as error:
        _cache.failed("save", name, error)

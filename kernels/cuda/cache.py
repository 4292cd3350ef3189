"""Machine code for GPUs, compiled once and kept on disk beside the kernels of the CPU.

A file holds what the linker said of a kernel, as JSON, and the cubin. It is read only from a
directory that nobody else can write to, and only if its checksum is right.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from fusednn.kernels import _cache
from fusednn.kernels._cachedir import check_owner, kernel_directory, source_digest
from fusednn.kernels.intrinsics.shapes import SHAPE

from . import _compiler, packages
from ._compiler import Cubin

_known: dict[str, Cubin] = {}


def cubin_of(
    op: Any, dtype: Any, functions: Mapping[str, Any], capability: tuple[int, int]
) -> Cubin:
    """As `compile_op`, which is called for what neither this process nor the disk has."""
    name = _file_name(op, np.dtype(dtype), functions, capability)
    if name in _known:
        return _known[name]
    found = _load(name) if name else None
    if found is None:
        found = _compiler.compile_op(op, dtype, functions, capability)
        if name:
            _save(name, found)
    if name:
        _known[name] = found
    return found


def _file_name(op, dtype, functions, capability):
    """The name of a kernel's file, or "" if it cannot be kept: a closure holds a user's function,
    or sources have been edited since they were imported.

    The directory is that of the CPU's sources and of Numba's version.
    """
    sources = _sources()
    given = sorted((name, one) for name, one in functions.items() if one is not None)
    if sources is None or any(one.py_func.__closure__ is not None for _, one in given):
        return ""
    functions = [(name, *_identity(one)) for name, one in given]
    kind = sources, dtype.str, *capability, SHAPE.name, sorted(packages.versions().items())
    digest = hashlib.sha256(repr((_identity(op), functions, kind)).encode()).hexdigest()
    return f"{op.__name__}-{digest[:24]}.cubin"


@cache
def _sources():
    """A digest of what only GPUs run."""
    return source_digest(os.path.dirname(__file__))


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

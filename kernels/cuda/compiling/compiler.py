"""Compiles ops for NVIDIA's GPUs: a twin to PTX, and PTX to a cubin. It needs neither a GPU nor a
driver.

Multiplications and additions stay apart unless they are written as `fma`, and division and root
are rounded correctly, so that elements get the bits of the CPU; float32 flushes subnormal numbers,
as the engine of the CPU does.
"""

import contextlib
import re
import threading
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from fusednn.kernels.cuda import entries, language
from fusednn.kernels.cuda.twins import BLOCK, GRID, Twin, every_twin
from fusednn.kernels.operands import DECLARED
from numba import types
from numba.core.extending import _Intrinsic

from . import packages
from .meanings import MEANINGS
from .porting import Porting

THREADS = 256
"""Threads of a block, at most."""

BLOCKS_EACH = {np.dtype(np.float32): 2, np.dtype(np.float64): 1}
"""Blocks that shall fit on a multiprocessor: 128 registers a thread, or 255. Where 128 are too few
to hold all values, it is one block: memory of a thread's own is slower."""

TWO_BLOCKS, ONE_BLOCK = ".minnctapersm 2", ".minnctapersm 1"
"""How PTX says it."""

_OPTIONS = {"opt": 3, "ftz": True, "fma": False, "prec_div": True, "prec_sqrt": True}
FLOATS = {np.dtype(np.float32): types.float32, np.dtype(np.float64): types.float64}
_SHORT = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}
WORDS, COUNT = types.CPointer(types.int64), types.int64

_lock = threading.RLock()


class Cubin(NamedTuple):
    """Machine code of a kernel, and what the linker says of it.

    Parameters
    ----------
    name : str
        The name of its entry: (record, frame, scratch, tasks, n_tasks), pointers and an int64.
    code : bytes
    registers : int
        The registers of a thread.
    spills, stack : int
        Bytes of a thread in local memory: registers that were written there, and all.
    shared : int
        Bytes of a block's shared memory.
    spread : str
        Who shares a task, as in `Twin`.
    scratch : int
        Elements of scratch for each block.
    """

    name: str
    code: bytes
    registers: int
    spills: int
    stack: int
    shared: int
    spread: str
    scratch: int


def compile_op(
    op: Any, dtype: Any, functions: Mapping[str, Any], capability: tuple[int, int]
) -> Cubin:
    """Compiles an op for a GPU.

    Parameters
    ----------
    op : kernel
        One that has a twin.
    dtype : dtype
        The network's: float32 or float64.
    functions : mapping of str to kernel or None
        By the names of the op's operands.
    capability : tuple of int
        The GPU's, such as (9, 0).

    Raises
    ------
    ImportError
        If a package is missing, or is not made for this NumPy.
    NotImplementedError
        If the op has no twin.
    """
    twin = every_twin().get(op)
    if twin is None:
        raise NotImplementedError(f"the op {op.__name__} does not run on a GPU yet")
    dtype = np.dtype(dtype)
    return linked(ptx_of(op, twin, dtype, functions, capability), capability, twin)


def ptx_of(
    op: Any, twin: Twin, dtype: np.dtype, functions: Mapping[str, Any], capability: tuple[int, int]
) -> str:
    """The PTX of an op's twin; the arguments are those of `compile_op`."""
    with compiling(capability):
        present = tuple((name, functions.get(name)) for name in operands_of(op))
        [text] = _library(op, twin, dtype, present, capability).get_asm_strs(cc=capability)
    return text


@lru_cache(maxsize=1)  # for several capabilities in a row
def _library(op, twin, dtype, present, capability):
    """LLVM's code of an op's entry, which is the same for every capability."""
    port = _porting(present)
    entry = port(entry_of(called(port, twin, dict(present)), twin, twin.sized())).py_func
    signature = (WORDS, WORDS, types.CPointer(FLOATS[dtype]), WORDS, COUNT)
    return library_of(entry, op.__name__, dtype, signature, BLOCKS_EACH[dtype], capability)


def library_of(entry, name, dtype, signature, blocks, capability):
    """LLVM's code of a kernel, of whose blocks so many shall fit on a multiprocessor."""
    entry.__name__ = entry.__qualname__ = f"{name}_{_SHORT[dtype]}"
    package = packages.require()
    made = package.compiler.compile_cuda(
        entry, types.void, signature, nvvm_options=dict(_OPTIONS), cc=capability
    )
    name = made.fndesc.llvm_func_name
    kernel = made.library.get_function(name)
    made.library._entry_name = name
    package.compiler.kernel_fixup(kernel, False)
    package.nvvm.set_launch_bounds(kernel, (THREADS, blocks))
    return made.library


def linked(ptx: str, capability: tuple[int, int], twin: Twin) -> Cubin:
    """Machine code of PTX with one entry.

    Parameters
    ----------
    ptx : str
    capability : tuple of int
    twin : Twin
    """
    made = _assembled(ptx, capability, twin)
    if made.stack and TWO_BLOCKS in ptx:
        made = _assembled(ptx.replace(TWO_BLOCKS, ONE_BLOCK), capability, twin)
    return made


def _assembled(ptx, capability, twin):
    core = packages.require().core
    architecture = "sm_{}{}".format(*capability)
    options = core.LinkerOptions(arch=architecture, fma=False, ptxas_options=["-v"])
    linker = core.Linker(core.ObjectCode.from_ptx(ptx.encode()), options=options)
    code = bytes(linker.link("cubin").code)
    log = linker.get_info_log()
    spills = _number(r"(\d+) bytes spill stores", log) + _number(r"(\d+) bytes spill loads", log)
    return Cubin(
        re.findall(r"\.entry\s+(\w+)", ptx)[0],
        code,
        _number(r"Used (\d+) registers", log),
        spills,
        _number(r"(\d+) bytes stack frame", log),
        _number(r"(\d+) bytes smem", log),
        twin.spread,
        twin.scratch,
    )


def _number(pattern, log):
    """The number that the linker's log has for the entry, or 0."""
    return sum(int(number) for number in re.findall(pattern, log))


# -- functions -------------------------------------------------------------------------------


def operands_of(op):
    """The names of an op's operands that are functions, in their order."""
    kinds = DECLARED[op].kinds if op in DECLARED else {}
    return [name for name, kind in kinds.items() if kind.name == "function"]


def called(port, twin, present):
    """A function (record, frame, scratch, lo, hi) that calls a twin with the record's functions.

    A kernel of the CPU that runs as it stands calls them by itself.
    """
    function = twin.function_for(present)
    names = [] if hasattr(function, "py_func") else list(present)
    scope = {"run": port(function), **{f"_{name}": port(present[name]) for name in names}}
    more = "".join(f", _{name}" for name in names)
    exec(
        "def called(record, frame, scratch, lo, hi):\n"
        f"    run(record, frame, scratch, lo, hi{more})\n",
        scope,
    )
    return device_function(scope["called"])


def entry_of(run, twin, scratch_of):
    """What a launch runs, of a function that runs a task; scratch as in `entries.by_grid`."""
    if twin.spread == GRID:
        return entries.by_grid(run, scratch_of, twin.once, twin.over_padding)
    if twin.spread == BLOCK:
        return entries.by_block(run, scratch_of)
    return entries.by_rows(run)


@cache
def _porting(present):
    """Carries functions over for records that have these functions."""
    return Porting(meaning, device_function, dict(present))


def meaning(value, meanings=MEANINGS):
    """What an intrinsic or a name of device code is on a GPU; a device function is itself."""
    if value is language.grid_barrier and value not in meanings:
        raise NotImplementedError("blocks wait for each other between ops only")
    try:
        function = meanings.get(value)
    except TypeError:  # it has no hash
        return None
    if function is not None:
        return _intrinsic(function)
    if isinstance(value, _Intrinsic):
        return _intrinsic(value._defn)
    is_device = isinstance(value, packages.require().dispatcher.CUDADispatcher)
    return value if is_device else None


@cache
def _intrinsic(function: Callable) -> Any:
    return packages.require().intrinsic(function)


def device_function(function: FunctionType) -> Any:
    """A function of the GPU, which is part of whatever calls it."""
    return packages.require().decorators.jit(device=True, forceinline=True)(function)


@contextlib.contextmanager
def compiling(capability):
    """Inside the `with` the package compiles without a driver, and one thread at a time."""
    package = packages.require()
    device = SimpleNamespace(compute_capability=capability, id=0)
    with _lock, packages.for_this_numpy():
        before = package.dispatcher.get_current_device
        package.dispatcher.get_current_device = lambda: device
        try:
            yield package
        finally:
            package.dispatcher.get_current_device = before

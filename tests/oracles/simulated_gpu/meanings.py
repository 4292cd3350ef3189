"""What the simulator binds the names of device code to."""

import numba
import numpy as np
from fusednn.kernels.cuda import language
from fusednn.kernels.intrinsics import lanes, pointers, scalars
from fusednn.kernels.intrinsics.shapes import SHAPE

from .memory import SHARED_ADDRESSES, Memory, Pointer, RangeError, dtype_of, local
from .running import NOW

VECTOR = 16
"""Bytes of an aligned access."""


@numba.njit
def _compiled_fma(a, b, c):
    return scalars.fma(a, b, c)


def fma(a, b, c):
    """a b + c as the CPU's kernels compute it: rounded once where its shape fuses."""
    if not (type(a) is type(b) is type(c) and isinstance(a, np.floating)):
        raise TypeError(f"fma of {type(a)}, {type(b)} and {type(c)}")
    return type(a)(_compiled_fma(a, b, c))


def cast(value, like):
    """A value as the type of another; floats out of an integer's range wrap."""
    return dtype_of(like).type(value)


def bits(x):
    """The bit pattern of a float."""
    return x.view(np.int32 if x.dtype == np.float32 else np.int64)


def from_bits(i):
    """The float of a bit pattern."""
    if isinstance(i, int):
        i = np.int64(i)
    return i.view(np.float32 if i.dtype == np.int32 else np.float64)


def pick(pair, like):
    """The first of a pair for types of 32 bits, else the second."""
    kind = dtype_of(like)
    return kind.type(pair[kind.itemsize // 8])


def polynomial(x, tables):
    """The sum of powers, in the order of the compiled one."""
    terms = [type(x)(term) for term in tables[x.itemsize // 8]]
    return scalars._sum_powers(x, x * x, terms, fma)


def lanes_of(like):
    """Elements of a vector of the host's shape."""
    return SHAPE.lanes(dtype_of(like).itemsize)


def advance(pointer, count):
    """The pointer moved on."""
    return Pointer(pointer.cells, pointer.at + int(count))


def number(record, index, like):
    """The float64 in a slot, as the type of another."""
    return cast(np.int64(record[index]).view(np.float64), like)


def _aligned(pointer, i):
    address = pointer.address + i * pointer.cells.itemsize
    if address % VECTOR:
        raise RangeError(
            f"{NOW} takes four elements at {address:#x}, which {VECTOR} does not divide"
        )


def load4(pointer, i):
    """Four elements at an aligned address."""
    _aligned(pointer, i)
    return tuple(pointer[i + q] for q in range(4))


def store4(pointer, i, *values):
    """Writes four elements at an aligned address."""
    _aligned(pointer, i)
    for q, value in enumerate(values):
        pointer[i + q] = value


def _begin_copy(target, i, values, source):
    if target.address < SHARED_ADDRESSES or source.address >= SHARED_ADDRESSES:
        raise RangeError(f"{NOW} copies to {target.cells.name} from {source.cells.name}")
    for q in range(len(values)):
        target[i + q] = target.cells.poison
    NOW.place.copies[-1].append((target, i, values))


def copy(target, i, source, j):
    """Begins a copy: until it is waited for, the target holds nothing."""
    _begin_copy(target, i, (source[j],), source)


def copy4(target, i, source, j):
    """The same of four elements."""
    _aligned(target, i)
    _begin_copy(target, i, load4(source, j), source)


def commit_copies():
    """The copies so far are a group."""
    NOW.place.copies.append([])


def wait_copies(n):
    """Ends all groups but the last n."""
    groups = NOW.place.copies
    while len(groups) - 1 > n:
        for target, i, values in groups.pop(0):
            for q, value in enumerate(values):
                target[i + q] = value


def meanings_of(memory: Memory):
    """What each name means, by what device code has imported; its memory is the given one."""

    def slot(record, index, like):
        return memory.pointer(record[index], dtype_of(like))

    return {
        **{
            getattr(scalars, f.__name__): f for f in (fma, cast, bits, from_bits, pick, polynomial)
        },
        lanes.lanes_of: lanes_of,
        lanes.use_full_vectors: lambda like: None,
        pointers.advance: advance,
        pointers.number: number,
        pointers.slot: slot,
        pointers.prefetch: lambda pointer: None,
        language.thread: lambda: NOW.thread,
        language.thread_again: lambda: NOW.thread,
        language.threads: lambda: NOW.threads,
        language.block: lambda: NOW.block,
        language.blocks: lambda: NOW.blocks,
        language.shared: memory.shared,
        language.dynamic: memory.given,
        language.address: lambda pointer: np.int64(pointer.address),
        language.local: local,
        language.load4: load4,
        language.store4: store4,
        language.copy: copy,
        language.copy4: copy4,
        language.commit_copies: commit_copies,
        language.wait_copies: wait_copies,
        language.single: lambda: None,
    }

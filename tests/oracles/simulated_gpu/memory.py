"""Memory of a simulated GPU: pointers that know their bounds, and who wrote what, and when.

A stamp says when a thread did something: its number, its block, and the barriers of the block and
of the grid before. Two threads clash where no barrier that both have passed lies between them.
"""

import ctypes
from bisect import bisect_right

import numpy as np
from fusednn.kernels.intrinsics.pointers import view_at

from .running import NOW

POISON = 0x7A7A7A7A7A7A7A7A
"""What integers hold that nobody has written; NaN in floats."""

SHARED_ADDRESSES = 1 << 56
"""Addresses from here on are those of shared memory; no array of the host lies there."""

PLACE_SIZE, BLOCK_SIZE = 1 << 20, 1 << 32


class RaceError(RuntimeError):
    """Two threads use an element at the same time, and one writes it."""


class RangeError(IndexError):
    """An element outside of the memory that the pointer was made from."""


def poison_of(dtype):
    """What memory of a type holds before it is written."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return dtype.type(np.nan)
    return np.int64(POISON).astype(dtype)


def dtype_of(like):
    """The type of elements that are like a number."""
    return np.dtype(getattr(like, "dtype", np.int64 if isinstance(like, int) else np.float64))


class Races:
    """Who has read and written which address since the launch began.

    Of the readers the last one of another block than that of the last, the last but one, and the
    last are known: one of them clashes with whoever should not write.
    """

    def __init__(self):
        self.written, self.seen = {}, {}

    @staticmethod
    def clash(before, now):
        """Whether another thread's stamp is of the same time."""
        if before[3] != now[3]:
            return False
        return before[1] != now[1] or (before[2] == now[2] and before[0] != now[0])

    def read(self, address, cells):
        """Notes that the present thread reads."""
        now, before = NOW.stamp, self.written.get(address)
        if before is not None and before is not now and self.clash(before, now):
            self.complain("reads", address, cells, "writes", before)
        seen = self.seen.get(address)
        if seen is None:
            self.seen[address] = now, now, now
        elif seen[-1] is not now:
            elsewhere, before, last = seen
            elsewhere = elsewhere if last[1] == now[1] else last
            self.seen[address] = elsewhere, (before if last[0] == now[0] else last), now

    def write(self, address, cells, changes):
        """Notes that the present thread writes; two that write the same value are no race."""
        now, before = NOW.stamp, self.written.get(address)
        if before is not None and before is not now and changes and self.clash(before, now):
            self.complain("writes", address, cells, "writes", before)
        for seen in self.seen.get(address, ()):
            if seen is not now and self.clash(seen, now):
                self.complain("writes", address, cells, "reads", seen)
        self.written[address] = now

    @staticmethod
    def complain(does, address, cells, other, stamp):
        number = stamp[0] - stamp[1] * NOW.threads
        raise RaceError(
            f"{NOW} {does} element {(address - cells.address) // cells.itemsize} of {cells.name} "
            f"that thread {number} of block {stamp[1]} {other}, with no barrier between"
        )


class Cells:
    """An array as elements of one type.

    Parameters
    ----------
    array : ndarray
        One axis.
    address : int
    name : str
        In messages.
    races : Races or None
        None: they are the thread's own.
    """

    def __init__(self, array, address, name, races=None):
        self.array, self.address, self.name, self.races = array, address, name, races
        self.n, self.itemsize, self.dtype = len(array), array.itemsize, array.dtype

    def load(self, k):
        if self.races is not None:
            self.races.read(self.address + k * self.itemsize, self)
        return self.array[k]

    def store(self, k, value):
        before = self.array[k]
        self.array[k] = value
        if self.races is not None:
            changes = before.tobytes() != self.array[k].tobytes()
            self.races.write(self.address + k * self.itemsize, self, changes)


class SharedCells(Cells):
    """Shared memory as one call of `shared` sees it: what other calls have put there is nothing.

    `makers` has the number of the call that wrote each element.
    """

    def __init__(self, array, makers, address, races, call):
        super().__init__(array, address, "shared memory", races)
        self.makers, self.call, self.poison = makers, call, poison_of(array.dtype)

    def load(self, k):
        value = super().load(k)
        return value if self.makers[k] == self.call else self.poison

    def store(self, k, value):
        super().store(k, value)
        self.makers[k] = self.call


class Pointer:
    """The twin of a pointer: elements of `cells` from `at` on."""

    __slots__ = ("at", "cells")

    def __init__(self, cells, at=0):
        self.cells, self.at = cells, at

    def place(self, i):
        """The element's number in the cells."""
        k = self.at + int(i)  # which may be narrow
        if not 0 <= k < self.cells.n:
            raise RangeError(f"{NOW} uses element {k} of {self.cells.name} (of {self.cells.n})")
        return k

    def __getitem__(self, i):
        return self.cells.load(self.place(i))

    def __setitem__(self, i, value):
        self.cells.store(self.place(i), value)

    @property
    def address(self):
        """In bytes."""
        return self.cells.address + self.at * self.cells.itemsize

    @property
    def place_on_host(self):
        """Where the host has it, for code that is compiled for the host."""
        return self.cells.array.ctypes.data + self.at * self.cells.itemsize


class Memory:
    """The arrays that device code may use, by their addresses."""

    def __init__(self):
        self.starts, self.arrays, self._cells, self.races = [], [], {}, Races()
        self._given = np.zeros(0, np.uint8)

    def add(self, array, name="an array"):
        """Lets device code use an array of the host's; its elements lie side by side."""
        start = array.ctypes.data
        size = max((array.strides[0] * array.shape[0]) if array.ndim else 1, array.nbytes)
        at = bisect_right(self.starts, start)
        if at and self.starts[at - 1] == start:
            if self.arrays[at - 1].nbytes >= size:
                return
            del self.starts[at - 1], self.arrays[at - 1]
            at -= 1
        self.starts.insert(at, start)
        self.arrays.insert(at, _bytes_at(array, size))
        self._cells.clear()

    def begin(self, shared=0):
        """A launch begins: it sees all that was written before.

        It gives a block so many bytes of shared memory, which hold nothing.
        """
        self.races = Races()
        self._cells.clear()
        self.remove(self._given)
        self._given = np.full(shared, POISON & 255, np.uint8)
        if shared:
            self.add(self._given, "the shared memory of the launch")

    def remove(self, array):
        """Forgets an array."""
        if array.ctypes.data in self.starts:
            at = self.starts.index(array.ctypes.data)
            del self.starts[at], self.arrays[at]
            self._cells.clear()

    def given(self, like):
        """The shared memory that the launch gives its only block."""
        return self.pointer(self._given.ctypes.data, dtype_of(like))

    def pointer(self, address, dtype):
        """The pointer to an address; what lies there is known when it is used."""
        found = self._cells.get((address, dtype))
        if found is None:
            found = self._cells[address, dtype] = self._find(int(address), np.dtype(dtype))
        return Pointer(*found)

    def _find(self, address, dtype):
        at = bisect_right(self.starts, address) - 1
        while at >= 0 and address >= self.starts[at] + self.arrays[at].nbytes:
            at -= 1  # an array may lie inside another, which begins before it
        if at >= 0:
            start, memory = self.starts[at], self.arrays[at]
            if address % dtype.itemsize:
                raise RangeError(f"address {address:#x} is none of elements of {dtype}")
            first = -start % dtype.itemsize
            n = (memory.nbytes - first) // dtype.itemsize
            key = start + first, dtype, "cells"
            if key not in self._cells:
                array = memory[first : first + n * dtype.itemsize].view(dtype)
                name = f"the memory at {start:#x}"
                self._cells[key] = Cells(array, start + first, name, self.races)
            return self._cells[key], (address - start - first) // dtype.itemsize
        name = f"address {address:#x}, where no memory is"
        return Cells(np.empty(0, dtype), address, name), 0

    def shared(self, place, n, like):
        """The shared memory of a call at a place of the code."""
        thread, dtype = NOW.place, dtype_of(like)
        call = thread.calls[place] = thread.calls.get(place, 0) + 1
        areas = thread.block.shared
        if place not in areas:
            address = SHARED_ADDRESSES + thread.block.number * BLOCK_SIZE
            address += len(areas) * PLACE_SIZE
            made = np.full(n, poison_of(dtype), dtype), np.zeros(n, np.int64), address
            areas[place] = made
        array, makers, address = areas[place]
        if len(array) != n or array.dtype != dtype:
            raise TypeError(f"shared memory at {place} had {len(array)} of {array.dtype} before")
        return Pointer(SharedCells(array, makers, address, self.races, call))


class Anywhere(Memory):
    """Memory for code of which only a part is simulated: every address may be used."""

    def _find(self, address, dtype):
        return Cells(view_at(address, dtype), address, "memory"), 0


def _bytes_at(array, size):
    buffer = (ctypes.c_char * size).from_address(array.ctypes.data)
    return np.frombuffer(buffer, np.uint8)


def local(n, like):
    """Memory of the thread's own."""
    dtype = dtype_of(like)
    return Pointer(Cells(np.full(n, poison_of(dtype), dtype), 0, "local memory"))

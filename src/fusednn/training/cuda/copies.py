"""Copies of the host's arrays on a device, and which of both is newer."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from ctypes import c_uint8
from typing import NamedTuple

import numpy as np

from fusednn.plan.cuda.bounds import byte_bounds

from .device import Device

ALIGNMENT = 256
"""Bytes between the beginnings of copies; each is followed by some that nothing else uses, as
kernels may read a vector beyond the end."""


class Extent(NamedTuple):
    """Memory of the host from `start` to `stop`, and where its copy begins."""

    start: int
    stop: int
    copy: int


class Copies:
    """The memory of arrays of the host, copied to a device.

    Views share the copy of what they are views of, if that is there already. What is written is
    there as a whole; else memory may have two copies.

    Parameters
    ----------
    device : Device
    """

    def __init__(self, device: Device):
        self._device = device
        self._extents: list[Extent] = []  # by their starts
        self._starts: list[int] = []
        self._alive: list[np.ndarray] = []
        self._allocated: list[int] = []
        self._fetched: set[Extent] = set()  # which the host has as they are on the device

    def add(self, arrays: Iterable[np.ndarray], unread: Iterable[np.ndarray]) -> None:
        """Makes copies of arrays that have none.

        Parameters
        ----------
        arrays : iterable of ndarray
        unread : iterable of ndarray
            Whole arrays of them whose values nothing reads before they are written.

        Raises
        ------
        MemoryError
            As `Device.allocate` does; then no copy was made.
        """
        arrays = [array for array in arrays if array.size]
        missing = _merged([byte_bounds(array) for array in arrays])
        missing = [bounds for bounds in missing if self._find(*bounds) is None]
        if not missing:
            return
        sizes = [
            (stop - start) // ALIGNMENT * ALIGNMENT + 2 * ALIGNMENT for start, stop in missing
        ]
        at = self._device.allocate(sum(sizes))
        self._allocated.append(at)
        self._alive += arrays
        written_first = {byte_bounds(array)[0] for array in unread if array.size}
        for (start, stop), size in zip(missing, sizes, strict=True):
            extent = Extent(start, stop, at)
            self._extents.append(extent)
            if start not in written_first:
                self._device.upload(at, _bytes_at(start, stop))
            self._fetched.add(extent)
            at += size
        self._extents.sort()
        self._starts = [extent.start for extent in self._extents]

    def address(self, array: np.ndarray) -> int:
        """The address of an array's copy; of an empty array, any that is not 0."""
        if not array.size:
            return self._allocated[0]
        start, stop = byte_bounds(array)
        extent = self._find(start, stop)
        assert extent is not None
        return extent.copy + start - extent.start

    def push(self, arrays: Iterable[np.ndarray]) -> None:
        """Copies arrays to the device, if it has copies: contiguous ones, which the host wrote."""
        for array in arrays:
            if array.size and self._find(*byte_bounds(array)) is not None:
                self.write(array, array)

    def write(self, array: np.ndarray, values: np.ndarray) -> None:
        """Copies other values than an array's to where its copy is, if there are any."""
        if values.size:
            self._device.upload(self.address(array), values.reshape(-1).view(np.uint8))

    def send(self, array: np.ndarray, values: np.ndarray) -> None:
        """As `write`, but the host leaves the values alone until it has waited."""
        self._device.send(self.address(array), values.reshape(-1).view(np.uint8))

    def pull(self, arrays: Iterable[np.ndarray]) -> None:
        """Copies contiguous arrays back, unless the host has them as they are on the device."""
        for array in arrays:
            if not array.size:
                continue
            start, stop = byte_bounds(array)
            flat, extents = array.reshape(-1).view(np.uint8), self._within(start, stop)
            assert extents  # else the host would read what it has written itself
            for extent in extents:
                if extent in self._fetched:
                    continue
                first, last = max(start, extent.start), min(stop, extent.stop)
                part = flat[first - start : last - start]
                self._device.download(part, extent.copy + first - extent.start)
                if last - first == extent.stop - extent.start:
                    self._fetched.add(extent)

    def copy(self, targets: Iterable[np.ndarray], sources: Iterable[np.ndarray]) -> None:
        """Overwrites the copies of whole contiguous arrays by those of others, on the device."""
        targets = list(targets)
        self.add(targets, targets)
        for target, source in zip(targets, sources, strict=True):
            if not target.size:
                continue
            self._device.copy(self.address(target), self.address(source), target.nbytes)
            self._fetched.difference_update(self._within(*byte_bounds(target)))

    def note_run(self) -> None:
        """Notes that the device may have written all copies."""
        self._fetched.clear()

    def close(self) -> None:
        """Frees the copies."""
        for address in self._allocated:
            self._device.free(address)
        for kept in (self._extents, self._starts, self._alive, self._allocated, self._fetched):
            kept.clear()

    def _find(self, start: int, stop: int) -> Extent | None:
        """The copy that has all of some memory."""
        last = bisect_right(self._starts, start)
        for extent in reversed(self._extents[:last]):
            if stop <= extent.stop:
                return extent
        return None

    def _within(self, start: int, stop: int) -> list[Extent]:
        """The copies that have a part of some memory."""
        return [extent for extent in self._extents if extent.start < stop and start < extent.stop]


def _merged(bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pieces of memory, those that overlap as one."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(bounds):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        else:
            found.append((start, stop))
    return found


def _bytes_at(start: int, stop: int) -> np.ndarray:
    return np.ctypeslib.as_array((c_uint8 * (stop - start)).from_address(start))

"""Reads the tensors of an open safetensors file one by one.

The safetensors library only writes the files. To read, it would map a file into memory, and the
process would end if another program truncated the file; and it accepts headers of 100 MB.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
from collections.abc import Iterable
from io import BufferedIOBase
from typing import Any, NamedTuple

import numpy as np

from .fields import Refused, keyed, refuse

MOST_HEADER = 1 << 22
"""The most bytes of a header, enough for some 200,000 labels or names of columns."""

DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
"""The types of tensors that fusednn's files contain."""

MOST_NESTING = 200
"""The deepest nesting of lists and objects; reading takes several nested calls for each level."""

MOST_DIMENSIONS = 8
MOST_ELEMENTS = 1 << 40


class Entry(NamedTuple):
    """A tensor's type, shape, and bytes, counted from the beginning of the file."""

    dtype: np.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


class Entries:
    """The tensors of a file: of one that is read, or that is to be written.

    Parameters
    ----------
    entries : dict
        An `Entry` for each name.
    """

    def __init__(self, entries: dict[str, Entry]):
        self.entries = entries
        self.elements = sum(math.prod(entry.shape) for entry in entries.values())

    def check(self, name: str, shape: tuple[int, ...], dtype: np.dtype | type) -> None:
        """Refuses a file without this tensor, or one of another shape or dtype."""
        if name not in self.entries:
            raise Refused(f"it has no tensor {name!r}")
        entry = self.entries[name]
        if entry.shape != shape or entry.dtype != dtype:
            raise Refused(
                f"tensor {name!r} is {entry.dtype.name} of shape {list(entry.shape)}, but"
                f" {np.dtype(dtype).name} of shape {list(shape)} is expected"
            )


class Tensors(Entries):
    """A safetensors file; reads and checks its header.

    Parameters
    ----------
    file : binary file
        Open and seekable.

    Attributes
    ----------
    metadata : dict of str to str
    entries : dict of str to Entry
    elements : int
        Elements of all tensors together; checked against the size of the file.

    Raises
    ------
    Refused
        If it is not a safetensors file, or its header is longer than `MOST_HEADER`.
    """

    def __init__(self, file: BufferedIOBase):
        self._file = file
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        first = file.read(8)
        length = int.from_bytes(first, "little")
        if len(first) < 8 or length > size - 8:
            raise Refused("it is no safetensors file, or its end is missing")
        if length > MOST_HEADER:
            raise Refused(f"its header has {length} bytes, more than {MOST_HEADER}")
        header = parsed(file.read(length), "its header")
        self.metadata = _metadata(header.pop("__metadata__", {}))
        super().__init__({name: _entry(name, value) for name, value in header.items()})
        self._place(8 + length, size)

    def _place(self, start: int, size: int) -> None:
        """Makes offsets relative to the file, and checks that each byte belongs to one tensor."""
        end = start
        for name, entry in sorted(self.entries.items(), key=lambda item: item[1][2:]):
            if entry.start + start != end:
                raise Refused(f"tensor {reprlib.repr(name)} does not begin where another ends")
            end = entry.stop + start
            self.entries[name] = entry._replace(start=entry.start + start, stop=end)
        if end != size:
            raise Refused(f"its tensors end at byte {end}, but it has {size}")

    def read(self, name: str) -> np.ndarray:
        """Reads a tensor into a new array in the machine's byte order."""
        dtype, shape, start, stop = self.entries[name]
        array = np.empty(shape, dtype)
        self._file.seek(start)
        # readinto of an unbuffered or a growing file may stop early
        if self._file.readinto(array.reshape(-1).view(np.uint8).data) != stop - start:
            raise Refused(f"it became shorter while {reprlib.repr(name)} was read")
        if dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
            raise Refused(f"tensor {reprlib.repr(name)} has bools other than 0 and 1")
        return array.astype(dtype.newbyteorder("="), copy=False)


def parsed(found: bytes | str, what: str) -> dict[str, Any]:
    """Parses a JSON object.

    Raises
    ------
    Refused
        If the text is not a JSON object, repeats a key, has NaN or infinity, or is nested too
        deeply.
    """
    try:
        text = found.decode() if isinstance(found, bytes) else found
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except Refused as error:
        raise Refused(f"{what} has {error}") from None
    except (ValueError, RecursionError):
        raise Refused(f"{what} is no JSON text that can be read") from None
    if type(value) is not dict:
        raise refuse(what, "a JSON object", value)
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        level = [child for part in level for child in _children(part)]
    if depth > MOST_NESTING:
        raise Refused(f"{what} is nested deeper than {MOST_NESTING}")
    return value


def _children(value: Any) -> Iterable[Any]:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("a key twice")
    return found


def _no_constant(name: str) -> None:
    raise Refused(f"the number {name}")


def _metadata(value: object) -> dict[str, str]:
    if type(value) is not dict or not all(type(part) is str for part in value.values()):
        raise refuse("__metadata__", "an object of texts", value)
    return value


def _entry(name: str, value: object) -> Entry:
    where = f"tensor {reprlib.repr(name)}"
    found = keyed(value, where, ("dtype", "shape", "data_offsets"))
    if type(found["dtype"]) is not str or found["dtype"] not in DTYPES:
        raise Refused(f"{where} has the dtype {reprlib.repr(found['dtype'])}, which is not known")
    dtype = DTYPES[found["dtype"]]
    shape, offsets = (_counts(where, key, found[key]) for key in ("shape", "data_offsets"))
    if len(shape) > MOST_DIMENSIONS or len(offsets) != 2:
        raise Refused(f"{where} has a shape or data_offsets of a wrong length")
    start, stop = offsets
    if math.prod(max(part, 1) for part in shape) > MOST_ELEMENTS:  # NumPy's limit ignores zeros
        raise Refused(f"{where} has a shape of too many elements")
    if math.prod(shape) * dtype.itemsize != stop - start:
        raise Refused(f"{where} has a shape that does not fit its bytes")
    return Entry(dtype, shape, start, stop)


def _counts(where: str, key: str, value: object) -> tuple[int, ...]:
    if type(value) is not list or not all(
        type(part) is int and 0 <= part < 1 << 62 for part in value
    ):
        raise refuse(f"{key} of {where}", "a list of whole numbers from 0", value)
    return tuple(value)

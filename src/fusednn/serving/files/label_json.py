"""Converts arrays of labels and names to JSON values, and back to arrays of the same type."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .fields import Refused, keyed, refuse

OBJECT = "object"
_TEXT = re.compile(r"str([1-9][0-9]{0,6})")
_NUMBERS = tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
_KINDS = {
    "bool": (bool,),
    **dict.fromkeys(_NUMBERS, (int,)),
    **dict.fromkeys(("float16", "float32", "float64"), (float, int)),
}
"""The Python types of the values in each type of array."""

MOST_CHARACTERS = 1 << 22
"""The most characters of an array of strings, each counted with the width of the longest."""


def written(array: np.ndarray) -> dict[str, Any]:
    """Converts a vector of bools, integers, floats or strings to a JSON value.

    Raises
    ------
    TypeError
        If the vector holds anything else.
    """
    dtype = array.dtype
    if dtype.kind == "O":
        name = OBJECT if all(isinstance(value, str) for value in array) else ""
    elif dtype.kind == "U":
        name = f"str{dtype.itemsize // 4}"
        name = name if array.size * dtype.itemsize // 4 <= MOST_CHARACTERS else ""
    else:
        name = dtype.name if dtype.name in _KINDS else ""
    values = array.tolist() if name and array.ndim == 1 else None
    if values is None or (dtype.kind == "f" and not np.isfinite(array).all()):
        raise TypeError("neither finite numbers, bools nor strings")
    if name == OBJECT:  # np.str_ and other subclasses of str become plain strings
        values = [str.__str__(value) for value in values]
    return {"dtype": name, "values": values}


def read(value, where: str) -> np.ndarray:
    """Reads an array from a JSON value.

    Raises
    ------
    Refused
        If the value does not describe an array.
    """
    found = keyed(value, where, ("dtype", "values"))
    name, values = found["dtype"], found["values"]
    if type(values) is not list:
        raise refuse(f"{where}.values", "a list", values)
    text = _TEXT.fullmatch(name) if type(name) is str else None
    if name == OBJECT or text:
        return _strings(values, int(text[1]) if text else None, where)
    if type(name) is not str or name not in _KINDS:
        raise refuse(f"{where}.dtype", "a type of labels", name)
    if not all(type(part) in _KINDS[name] for part in values):
        raise Refused(f"{where}.values must all be of {name}")
    try:
        with np.errstate(over="ignore"):  # becomes infinite, and differs from `values` below
            array = np.array(values, name)
    except OverflowError:
        raise Refused(f"{where}.values must all be of {name}") from None
    if array.tolist() != values:
        raise Refused(f"{where}.values must all be of {name}")
    return array


def _strings(values: list, width: int | None, where: str) -> np.ndarray:
    if not all(type(part) is str for part in values):
        raise Refused(f"{where}.values must all be texts")
    array = np.empty(len(values), object)
    array[:] = values
    if width is None:
        return array
    if width * len(values) > MOST_CHARACTERS:
        raise Refused(f"{where} must not take more than {MOST_CHARACTERS} characters")
    fixed = array.astype(f"U{width}")
    if fixed.tolist() != values:
        raise Refused(f"{where}.values must be texts of at most {width} characters")
    return fixed

"""Values of a model's notes, checked: each raises TypeError or ValueError for another type."""

from __future__ import annotations

import math
from typing import Any


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError
    return value


def flag(value: Any) -> bool:
    """True or False; 1 and 0 are neither."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def items(value: Any) -> list[Any]:
    """A list; the letters of a text are none."""
    if not isinstance(value, list):
        raise TypeError
    return value


def whole(value: Any) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def finite(value: Any) -> float:
    """A number that float64 can hold."""
    if isinstance(value, (bool, str)) or not math.isfinite(value):
        raise ValueError
    return float(value)

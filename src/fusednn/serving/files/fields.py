"""Checks of the values in a file's header."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable
from typing import Any

Check = Callable[[Any, str], Any]
"""Checks a value, given its place in the header, and converts it; raises `Refused`."""

MOST_TEXT = 10_000
"""The most characters of a text, and so of the messages that contain it."""


class Refused(ValueError):
    """What is wrong with a file; the caller adds the beginning and the full stop."""


def refuse(where: str, wanted: str, value: object) -> Refused:
    """The error for an unexpected value."""
    found = reprlib.repr(value)
    if isinstance(value, list | dict):
        found = "a list" if isinstance(value, list) else "an object"
    return Refused(f"{where} must be {wanted}, not {found}")


def whole(least: int, most: int) -> Check:
    """An integer from `least` to `most`."""

    def check(value, where):
        if type(value) is not int or not least <= value <= most:
            raise refuse(where, f"an integer from {least} to {most}", value)
        return value

    return check


def number(least: float, most: float) -> Check:
    """A finite number from `least` to `most`, as a float."""

    def check(value, where):
        if type(value) not in (int, float) or not least <= value <= most:
            raise refuse(where, f"a number from {least} to {most}", value)
        return float(value)

    return check


def flag(value, where):
    """True or False."""
    if type(value) is not bool:
        raise refuse(where, "true or false", value)
    return value


def text(value, where):
    """A string of at most `MOST_TEXT` characters."""
    if type(value) is not str or len(value) > MOST_TEXT:
        raise refuse(where, f"a text of at most {MOST_TEXT} characters", value)
    return value


def one_of(names) -> Check:
    """One of the given strings."""

    def check(value, where):
        if type(value) is not str or value not in names:
            raise refuse(where, f"one of {', '.join(names)}", value)
        return value

    return check


def optional(check: Check) -> Check:
    """None, or a value that passes the check."""
    return lambda value, where: None if value is None else check(value, where)


def list_of(check: Check, least: int = 0, most: float = math.inf) -> Check:
    """A list of `least` to `most` values that pass the check; becomes a tuple."""

    def checked(value, where):
        if type(value) is not list or not least <= len(value) <= most:
            some = f"at least {least}" if most == math.inf else f"{least} to {most}"
            raise refuse(where, f"a list of {some} values", value)
        return tuple(check(part, f"{where}[{at}]") for at, part in enumerate(value))

    return checked


def keyed(value, where: str, keys) -> dict:
    """An object with exactly these keys."""
    if type(value) is not dict:
        raise refuse(where, "an object", value)
    lost, new = set(keys) - set(value), set(value) - set(keys)
    if lost:
        raise Refused(f"{where} lacks {min(lost)!r}")
    if new:
        raise Refused(f"{where} has {reprlib.repr(min(new))}, which is not known there")
    return value


def record(checks: dict[str, Check]) -> Check:
    """An object with exactly these keys, each with its own check."""

    def check(value, where):
        found = keyed(value, where, checks)
        return {key: own(found[key], f"{where}.{key}") for key, own in checks.items()}

    return check

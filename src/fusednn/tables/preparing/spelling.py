"""Spells categories alike that files and tables in memory write differently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from fusednn.tables.columns import number_text
from fusednn.tables.dates import ISO, Form
from fusednn.tables.frames.declared import BOOLEANS, DATES, NUMBERS, Kind, Moments
from fusednn.tables.numbers import PLAIN


def _number(text: str) -> str:
    """1.0 and 01 are 1. Whole numbers stay exact, however large they are."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if digits.isascii() and digits.isdigit():
        whole = digits.lstrip("0") or "0"
        return f"-{whole}" if text[0] == "-" and whole != "0" else whole
    number = PLAIN.number(text)
    return text if number is None else number_text(np.float64(number))


def _boolean(text: str) -> str:
    """polars writes true, R TRUE, a database 1."""
    return {"true": "True", "1": "True", "false": "False", "0": "False"}.get(text.lower(), text)


def _date(text: str) -> str:
    """A day is its midnight."""
    for zoned in (False, True):
        moments = Form(ISO, zoned).moments([text])
        if not np.isnat(moments[0]):
            return Moments(moments, zoned).strings[0]
    return text


SPELLINGS: Final[dict[Kind, Callable[[str], str]]] = {
    NUMBERS: _number,
    BOOLEANS: _boolean,
    DATES: _date,
}
"""How a frame spells a text that is of a declared type; a text that is not stays as it is."""


def spelling(kind: Kind | None, other: Kind | None) -> Callable[[str], str] | None:
    """
    How to compare texts of one kind with those of another; None if as they are.

    Only texts of a file, which declares no types, need another spelling.
    """
    if (kind is None) == (other is None):
        return None
    declared = other if kind is None else kind
    return None if declared is None else SPELLINGS.get(declared)

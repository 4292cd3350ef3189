"""Prepares one row that is a dict, in microseconds; the bits are those of `Preparation.inputs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fusednn.tables.columns import number_text
from fusednn.tables.frames.declared import BOOLEANS, NUMBERS, TEXTS

from .features import Category, Quantity
from .preparation import Preparation
from .scaling import Scale, scaled

_Cell = tuple[str, Callable[[Any], str | None], dict[str, np.ndarray], np.ndarray, slice]

MOST_WHOLE = 2**53
"""Whole numbers from here on are left to the way of all tables."""


class OneRow:
    """
    Prepares single rows.

    Parameters
    ----------
    preparation : Preparation
    dtype : str or dtype, default="float32"
        The type of the inputs.
    """

    def __init__(self, preparation: Preparation, dtype: str | np.dtype = "float32"):
        self._dtype = np.dtype(dtype)
        self._known = len(preparation.features) if preparation.named else -1
        self._width = len(preparation.names) + len(preparation.code_names)
        self._quantities: list[str] = []
        self._categories: list[_Cell] = []
        scales: list[Scale] = []
        scaled_at, numbered, flagged, missing_of = [], [], [], []
        at, coded = 0, len(preparation.names)
        for one in preparation.features:
            width = len(one.numbers) + len(one.flags)
            if isinstance(one, Quantity):
                if one.scale.factor > 0:
                    scaled_at.append(at)
                    numbered.append(len(self._quantities))
                if one.indicator:
                    flagged.append(at + width - 1)
                    missing_of.append(len(self._quantities))
                self._quantities.append(one.name)
                scales.append(one.scale)
            elif isinstance(one, Category) and one.kind in _TEXTS:
                is_code = one.becomes == "codes"
                place = slice(coded, coded + 1) if is_code else slice(at, at + width)
                self._categories.append(
                    (one.name, _TEXTS[one.kind], *_inputs_of(one, self._dtype), place)
                )
                coded += is_code
            else:  # dates, and columns of text files
                self._known = -1
            at += width
        self._scaled_at, self._numbered = np.array(scaled_at, int), np.array(numbered, int)
        self._flagged, self._missing_of = np.array(flagged, int), np.array(missing_of, int)
        chosen = [scales[place] for place in numbered]
        self._centers = np.array([scale.center for scale in chosen])
        self._factors = np.array([scale.factor for scale in chosen])

    def inputs(self, record: Mapping[str, Any]) -> np.ndarray | None:
        """
        The values and, behind them, the codes of a row.

        Parameters
        ----------
        record : dict
            A value for each column.

        Returns
        -------
        ndarray of shape (1, n_inputs + n_codes), or None
            None if the row is none of plain numbers, texts and booleans of the columns' types;
            `Preparation.inputs` then prepares or refuses it.
        """
        if len(record) != self._known:
            return None
        row = np.zeros((1, self._width), self._dtype)
        cells = row[0]
        try:
            for name, text_of, known, unseen, place in self._categories:
                value = record[name]
                text = None if value is None else text_of(value)
                if text is None and value is not None:
                    return None
                cells[place] = unseen if text is None else known.get(text, unseen)
            found = [record[name] for name in self._quantities]
        except KeyError:
            return None
        if not found:
            return row
        for at, value in enumerate(found):
            if value is None:
                found[at] = np.nan
            elif type(value) is not float and not _is_whole(value):
                return None
        numbers = np.array(found, np.float64)
        if np.isinf(numbers).any():
            return None
        cells[self._scaled_at] = scaled(numbers[self._numbered], self._centers, self._factors)
        if len(self._flagged):
            cells[self._flagged] = np.where(np.isnan(numbers[self._missing_of]), 1.0, -1.0)
        return row


def _is_whole(value: Any) -> bool:
    return type(value) is int and -MOST_WHOLE < value < MOST_WHOLE


def _number_text(value: Any) -> str | None:
    if type(value) is float:
        return number_text(np.float64(value))
    return str(value) if _is_whole(value) else None


_TEXTS: dict[Any, Callable[[Any], str | None]] = {
    TEXTS: lambda value: value if type(value) is str else None,
    BOOLEANS: lambda value: str(value) if type(value) is bool else None,
    NUMBERS: _number_text,
}
"""The text of a category's value in a dict, by the type of its column; None of other types."""


def _inputs_of(one: Category, dtype: np.dtype) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The inputs of each category, and of a missing or unseen one."""
    if one.becomes == "codes":
        codes = np.arange(len(one.categories) + 1, dtype=dtype)[:, np.newaxis]
        return dict(zip(one.categories, codes[1:], strict=True)), codes[0]
    rows = np.empty((len(one.categories) + 1, len(one.flags)), dtype)
    if one.flags:
        one.write_flags(rows, np.arange(len(rows)))
    return dict(zip(one.categories, rows[1:], strict=True)), rows[0]

"""The notes in a model's file that say how a table becomes the network's inputs."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from .dates import ORDERS, PARTS, Form
from .decimals import found_notation
from .encoding import Encoding
from .errors import TableError
from .inputs import Dates, Input, Numbers, Words
from .note_values import finite, items, text
from .numbers import FIRST_MISSING, OTHER, Notation
from .table import Table
from .target import Target

KEY, VERSION = "table", 2
READ = 1, 2
"""Versions that can be read. Version 1 had neither dates nor notations."""


class Tabular(NamedTuple):
    """
    How a model encodes tables, as its notes store it.

    Parameters
    ----------
    encoding : Encoding
    target : Target
    scale : tuple of float
        Mean and standard deviation of the target, by which training standardises it; 0 and 1 for
        classes. The saved network's outputs are in the target's own units.
    notation : Notation
        Notation of the training table, which is expected of other tables too.
    """

    encoding: Encoding
    target: Target
    scale: tuple[float, float] = (0.0, 1.0)
    notation: Notation = Notation()

    def found_notation(self, table: Table, decimal: str | None = None) -> Notation:
        """
        Detect the number notation of a table whose columns have the training table's names.

        Parameters
        ----------
        table : Table
        decimal : {".", ","}, default=None
            The table's decimal sign. None: detected.

        Raises
        ------
        TableError
            See `decimals.found_notation`.
        """
        numbers = {part.name for part in self.encoding.inputs if isinstance(part, Numbers)}
        if not self.target.classify:
            numbers.add(self.target.name)
        places = [place for place, name in enumerate(table.names) if name in numbers]
        return found_notation(table, places, self.notation, decimal)

    def to_notes(self) -> dict[str, Any]:
        """The notes, as values for JSON."""
        encoding, target, notation = self.encoding, self.target, self.notation
        return {
            KEY: {
                "version": VERSION,
                "columns": list(encoding.columns),
                "header": encoding.header,
                "target": target.name,
                "labels": None if target.labels is None else list(target.labels),
                "whole": target.whole,
                "unit": target.unit,
                "scale": list(self.scale),
                "decimal": notation.decimal,
                "grouped": notation.grouped,
                "missing": sorted(notation.missing),
                "stated": sorted(notation.stated),
                "inputs": [_input_notes(part) for part in encoding.inputs],
            }
        }

    @classmethod
    def from_notes(cls, notes: dict[str, Any], path: Path) -> Tabular:
        """
        Read the notes of a file.

        Raises
        ------
        TableError
            If the notes are missing or damaged.
        """
        found = notes.get(KEY)
        if found is None:
            raise TableError(f"{path} does not say how a table becomes its inputs", "fitted")
        try:
            if found["version"] not in READ:
                raise TableError(f"{path} was made by a later fusednn: install a later version")
            return cls._read(found)
        except TableError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError):
            raise TableError(f"{path} has damaged notes on its table", "again") from None

    @classmethod
    def _read(cls, found: dict[str, Any]) -> Tabular:
        columns = tuple(map(text, items(found["columns"])))
        labels = None if found["labels"] is None else tuple(map(text, items(found["labels"])))
        unit = text(found.get("unit", ""))
        target = Target(text(found["target"]), labels, bool(found["whole"]), unit)
        if labels is not None and target.whole:
            target.classes  # noqa: B018 - raises for labels that are not numbers
        encoding = Encoding(
            columns, bool(found["header"]), target.name, tuple(map(_input, items(found["inputs"])))
        )
        mean, deviation = map(finite, items(found["scale"]))
        used = {part.name for part in encoding.inputs}
        if not used <= set(columns) - {target.name} or not used or deviation <= 0:
            raise ValueError
        return cls(encoding, target, (mean, deviation), _notation(found))


def _notation(found: dict[str, Any]) -> Notation:
    """Reads the notation; notes of version 1 have none."""
    decimal = found.get("decimal", ".")
    if decimal not in OTHER:
        raise ValueError
    missing, stated = (
        frozenset(map(text, items(found.get(key, list(before)))))
        for key, before in (("missing", FIRST_MISSING), ("stated", ()))
    )
    return Notation(decimal, bool(found.get("grouped", False)), missing, stated)


def _input_notes(part: Input) -> dict[str, Any]:
    if isinstance(part, Numbers):
        return {"name": part.name, "fill": part.fill, "unit": part.unit}
    if isinstance(part, Words):
        return {"name": part.name, "categories": list(part.categories)}
    return {
        "name": part.name,
        "dates": part.form.order,
        "zoned": part.form.zoned,
        "start": part.start,
        "medians": dict(part.medians),
    }


def _input(found: dict[str, Any]) -> Input:
    name = text(found["name"])
    if "dates" in found:
        order, start, medians = text(found["dates"]), text(found["start"]), found["medians"]
        if order not in ORDERS or not medians or not set(medians) <= set(PARTS):
            raise ValueError
        if date.fromisoformat(start).isoformat() != start:
            raise ValueError
        fills = tuple((part, finite(medians[part])) for part in PARTS if part in medians)
        return Dates(name, Form(order, bool(found["zoned"])), start, fills)
    if "fill" in found:
        return Numbers(name, finite(found["fill"]), text(found.get("unit", "")))
    categories = tuple(None if word is None else text(word) for word in items(found["categories"]))
    if not categories or len(set(categories)) < len(categories):
        raise ValueError
    return Words(name, categories)

"""
The preparation of a table as notes in a model's file.

docs/internals/tables.md describes them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from fusednn.tables.dates import ORDERS, PARTS, Form
from fusednn.tables.errors import TableError
from fusednn.tables.frames.declared import BOOLEANS, FARTHEST, KINDS, NUMBERS
from fusednn.tables.note_values import finite, flag, items, text, whole
from fusednn.tables.numbers import CURRENCIES, PERCENT

from .features import Category, Feature, Moment, Quantity
from .preparation import Preparation
from .scaling import Scale

KEY, VERSION = "preparation", 1
DAY = re.compile(r"-?\d+-\d\d-\d\d", re.ASCII)


def to_notes(preparation: Preparation) -> dict[str, Any]:
    """The notes, as values for JSON."""
    return {
        KEY: {
            "version": VERSION,
            "named": preparation.named,
            "features": [_feature_notes(feature) for feature in preparation.features],
        }
    }


def from_notes(notes: dict[str, Any], path: object) -> Preparation:
    """
    Read the notes of a file.

    Parameters
    ----------
    notes : dict
    path : object
        The file, for messages.

    Raises
    ------
    TableError
        If the notes are missing, of a later version, or damaged.
    """
    found = notes.get(KEY)
    if found is None:
        raise TableError(f"{path} does not say how a table becomes its inputs", "fitted")
    try:
        if whole(found["version"]) > VERSION:
            raise TableError(f"{path} was made by a later fusednn: install a later version")
        if found["version"] < 1 or set(found) != {"version", "named", "features"}:
            raise ValueError
        features = tuple(map(_feature, items(found["features"])))
        if not features or len({one.name for one in features}) < len(features):
            raise ValueError
        read = Preparation(flag(found["named"]), features)
        if not (read.names or read.code_names):
            raise ValueError
        return read
    except TableError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise TableError(f"{path} has damaged notes on its table", "again") from None


def _feature_notes(one: Feature) -> dict[str, Any]:
    if isinstance(one, Quantity):
        return {
            "name": one.name,
            "scale": list(one.scale),
            "indicator": one.indicator,
            "spike": one.spike,
            "unit": one.unit,
        }
    if isinstance(one, Category):
        return {
            "name": one.name,
            "kind": one.kind,
            "categories": list(one.categories),
            "becomes": one.becomes,
            "scales": [list(scale) for scale in one.scales],
        }
    return {
        "name": one.name,
        "dates": one.form.order,
        "zoned": one.form.zoned,
        "start": one.start,
        "parts": {part: list(scale) for part, scale in one.parts},
        "indicator": one.indicator,
    }


def _feature(found: dict[str, Any]) -> Feature:
    name = text(found["name"])
    read = _category if "categories" in found else _moment if "dates" in found else _quantity
    feature = read(name, found)
    if set(_feature_notes(feature)) != set(found):
        raise ValueError
    return feature


def _quantity(name: str, found: dict[str, Any]) -> Quantity:
    scale, unit = _scale(found["scale"]), text(found["unit"])
    spike = None if found["spike"] is None else finite(found["spike"])
    if spike not in (None, scale.center) or unit not in ("", PERCENT, *CURRENCIES):
        raise ValueError
    return Quantity(name, scale, flag(found["indicator"]), spike, unit)


def _moment(name: str, found: dict[str, Any]) -> Moment:
    order, start, parts = text(found["dates"]), text(found["start"]), found["parts"]
    if order not in ORDERS or not isinstance(parts, dict) or not set(parts) <= set(PARTS):
        raise ValueError
    if not DAY.fullmatch(start) or str(np.datetime64(start, "D")) != start:
        raise ValueError
    if abs(np.datetime64(start, "Y").astype(int)) > FARTHEST:
        raise ValueError
    scales = tuple((part, _scale(parts[part])) for part in PARTS if part in parts)
    if not all(scale.factor for _, scale in scales):
        raise ValueError
    form = Form(order, flag(found["zoned"]))
    return Moment(name, form, start, scales, flag(found["indicator"]))


def _category(name: str, found: dict[str, Any]) -> Category:
    kind, becomes = found["kind"], found["becomes"]
    categories = tuple(map(text, items(found["categories"])))
    if kind not in (None, *KINDS) or len(set(categories)) < len(categories):
        raise ValueError
    if kind == NUMBERS:
        list(map(float, categories))  # raises for a word
    if kind == BOOLEANS and not set(categories) <= {"True", "False"}:
        raise ValueError
    fit = {
        "nothing": len(categories) < 2,
        "sign": len(categories) == 2,
        "flags": bool(categories),
        "codes": bool(categories),
    }
    read = Category(name, kind, categories, becomes, tuple(map(_scale, items(found["scales"]))))
    if not fit[becomes] or len(read.scales) not in (0, len(read.flags)):
        raise ValueError
    return read


def _scale(found: Any) -> Scale:
    center, factor = map(finite, items(found))
    if factor < 0:
        raise ValueError
    return Scale(center, factor)

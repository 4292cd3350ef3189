"""Reads tables for the presets of `fusednn fit` that prepare them by themselves."""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

from fusednn.command.terminal.errors import UserError
from fusednn.tables.labelled import Labelled
from fusednn.tables.learning import learned_encoding
from fusednn.tables.table import Table
from fusednn.tables.tabular import Tabular

from .narration import notes_on_kinds, notes_on_left_out, notes_on_reading, notes_on_target
from .preparing import chosen, labelled_as, read, split


class Rows(NamedTuple):
    """The columns that a model reads, and the targets."""

    table: Table
    y: np.ndarray


class RawWork(NamedTuple):
    """
    What a model of raw tables learns from.

    Parameters
    ----------
    tabular : Tabular
        How the table was read. Its encoding says which columns are used and which of them are
        numbers, but the model prepares them by itself.
    samples : Rows
    held_out : Rows or None
        Rows that decide in place of folds.
    categorical : list of int
        Indices of the columns, among those used, that are categories whatever their type.
    notes : list of str
    """

    tabular: Tabular
    samples: Rows
    held_out: Rows | None
    categorical: list[int]
    notes: list[str]


def learn_raw(options: argparse.Namespace, table: Table) -> RawWork:
    """Finds the target and the columns of a table."""
    labelled, drop, categorical, notation = chosen(options, table, "float64")
    rows, held_out = split(options, labelled, 0.0)
    learned = learned_encoding(labelled.table, labelled.place, rows, drop, categorical)
    tabular = Tabular(learned.encoding, labelled.target, notation=notation)
    names = labelled.table.names
    places = [names.index(part.name) for part in learned.encoding.inputs]
    notes = [
        *notes_on_reading(labelled.table),
        *notes_on_target(labelled),
        *notes_on_kinds(learned, labelled.table),
        *notes_on_left_out(learned),
    ]
    held = _rows(tabular, labelled, held_out) if held_out.size else None
    if options.validation_table is not None:
        held = _own_table(options, tabular, notes)
    return RawWork(
        tabular,
        _rows(tabular, labelled, rows),
        held,
        [number for number, place in enumerate(places) if place in categorical],
        notes,
    )


def used_columns(tabular: Tabular, table: Table) -> Table:
    """The columns of a table that a model of raw tables reads, in its order."""
    places = {name: number for number, name in reversed(list(enumerate(table.names)))}
    columns = [table.columns[places[part.name]] for part in tabular.encoding.inputs]
    return table._replace(columns=columns, header=tabular.encoding.header)


def _rows(tabular: Tabular, labelled: Labelled, rows: np.ndarray) -> Rows:
    table = used_columns(tabular, labelled.table)
    if len(rows) < table.rows:
        table = table.take(rows).trimmed()
    return Rows(table, labelled.y[rows])


def _own_table(options: argparse.Namespace, tabular: Tabular, notes: list[str]) -> Rows:
    path = options.validation_table
    table = read(path, tabular.encoding.header)
    notes.extend(f"{path.name}: {note}" for note in notes_on_reading(table))
    other = labelled_as(tabular, table, path, "float64")
    if not len(other.y):
        raise UserError(f"{path} has no rows with a target: give another --validation-table")
    return _rows(tabular, other, np.arange(len(other.y)))

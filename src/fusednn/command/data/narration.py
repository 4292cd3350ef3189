"""Notes on how a table was read and encoded, printed by the commands."""

from __future__ import annotations

import numpy as np

from fusednn.tables.columns import Column, TextColumn
from fusednn.tables.errors import shown
from fusednn.tables.inputs import Dates, Numbers, Words
from fusednn.tables.labelled import Labelled
from fusednn.tables.learning import Learned
from fusednn.tables.table import Table, listed


def notes_on_reading(table: Table) -> list[str]:
    """Notes on a fallback encoding and on renamed columns."""
    notes = []
    if table.encoding:
        notes.append(f"read in {table.encoding}, a Western encoding, for it is not UTF-8")
    renamed = [f"{given} to {name}" for given, name in table.renamed()]
    if renamed:
        notes.append(f"renamed columns whose names are there twice: {listed(renamed)}")
    return notes


def notes_on_target(labelled: Labelled) -> list[str]:
    """Notes on which column is the target, and how many rows have no target."""
    name = labelled.table.names[labelled.place]
    notes = [f"target: column {repr(name) if labelled.table.header else name}"]
    if not labelled.table.header:
        notes[0] += " (there is no header)"
    if not labelled.target.classify:
        notes.extend(_note_on_writing([labelled.table.columns[labelled.place]]))
    if labelled.without:
        rows = "row" if labelled.without == 1 else "rows"
        notes.append(f"left out {labelled.without:,} {rows} with no target")
    return notes


def notes_on_encoding(learned: Learned, table: Table) -> list[str]:
    """Notes on what the columns became, and which were left out."""
    notes = notes_on_kinds(learned, table)
    dates = [part for part in learned.encoding.inputs if isinstance(part, Dates)]
    if dates:
        which = "a column" if len(dates) == 1 else f"{len(dates)} columns"
        count = sum(len(part.inputs) for part in dates)
        notes.append(f"{which} of dates became {count} inputs of numbers")
    words = [part for part in learned.encoding.inputs if isinstance(part, Words)]
    if words:
        which = "a column" if len(words) == 1 else f"{len(words)} columns"
        flags = sum(len(part.categories) for part in words)
        notes.append(f"{which} of words became {flags} one-hot inputs")
    if learned.missing:
        notes.append(f"{learned.missing:,} missing values: medians, or a category of their own")
    return [*notes, *notes_on_left_out(learned)]


def notes_on_kinds(learned: Learned, table: Table) -> list[str]:
    """Notes on what the columns were taken for, where that may be doubted."""
    notes = []
    by_name = {column.name: column for column in table.columns}
    for name in learned.odd:
        row, word = by_name[name].first_word() or (0, "")
        notes.append(f"{name} is taken as words, for it is {shown(word)} in {table.place(row)}")
    for name in learned.resembling:
        row, word = by_name[name].first_word() or (0, "")
        taken = "left out" if name in learned.useless else "taken as words"
        notes.append(
            f"{name} looks like numbers or dates in a form that is not read"
            f" ({table.place(row)}: {shown(word)}); it is {taken}"
        )
    for name in learned.digits:
        notes.append(
            f"{name} has numbers that its file says are texts, so categories: store them as"
            " numbers if they are quantities"
        )
    for name in learned.unsure:
        notes.append(
            f"{name} is taken as words, for which number is the month is not sure: write dates as"
            " 2024-05-31"
        )
    numbers = [part for part in learned.encoding.inputs if isinstance(part, Numbers)]
    notes.extend(_note_on_writing([by_name[part.name] for part in numbers]))
    return notes


def notes_on_left_out(learned: Learned) -> list[str]:
    """Notes on the columns that were left out."""
    notes = []
    if learned.useless:
        left_out = ", ".join(learned.useless)
        notes.append(f"left out {left_out} (empty, or nearly all different words)")
    if learned.indexes:
        notes.append(f"left out {', '.join(learned.indexes)} (an index without a name)")
    return notes


def _note_on_writing(columns: list[Column]) -> list[str]:
    """An example of each column's numbers that contain more than digits and a decimal point."""
    found = []
    for column in columns:
        reading = column.distinct.reading if isinstance(column, TextColumn) else None
        if reading is None:
            continue
        texts, place = column.values, reading.formatted
        missing = np.isnan(reading.numbers)
        if place < 0 and column.distinct.notation.decimal == ",":
            known = zip(texts, missing, strict=True)
            place = next(
                (i for i, (text, gone) in enumerate(known) if "," in text and not gone), -1
            )
        if place >= 0 and not missing[place]:
            found.append(f"{texts[place]} in {column.name} is {reading.numbers[place]:.15g}")
    return [f"read as numbers: {listed(found, '; ')}"] if found else []

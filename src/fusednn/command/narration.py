"""What was found in a table, for people."""

from __future__ import annotations

from fusednn.tables.encoding import Learned
from fusednn.tables.inputs import Dates, Words
from fusednn.tables.labelled import Labelled
from fusednn.tables.table import Table


def notes_on_target(labelled: Labelled) -> list[str]:
    """Which column is the target, and how many rows have none."""
    name = labelled.table.names[labelled.place]
    notes = [f"target: column {repr(name) if labelled.table.header else name}"]
    if not labelled.table.header:
        notes[0] += " (there is no header)"
    if labelled.without:
        notes.append(f"left out {labelled.without:,} rows with no target")
    return notes


def notes_on_encoding(learned: Learned, table: Table) -> list[str]:
    """What the columns became, and which were left out."""
    notes = []
    for number in learned.odd:
        column = table.columns[number]
        row, word = column.first_word() or (0, "")
        notes.append(
            f"{column.name} is taken as words, for it is {word!r} in {table.place(row)}: if that"
            " is a missing value, leave it empty"
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
    dates = [part for part in learned.encoding.inputs if isinstance(part, Dates)]
    if dates:
        which = "a column" if len(dates) == 1 else f"{len(dates)} columns"
        numbers = sum(len(part.inputs) for part in dates)
        notes.append(f"{which} of dates became {numbers} inputs of numbers")
    words = [part for part in learned.encoding.inputs if isinstance(part, Words)]
    if words:
        which = "a column" if len(words) == 1 else f"{len(words)} columns"
        flags = sum(len(part.categories) for part in words)
        notes.append(f"{which} of words became {flags} one-hot inputs")
    if learned.missing:
        notes.append(f"{learned.missing:,} missing values: medians, or a category of their own")
    if learned.useless:
        left_out = ", ".join(learned.useless)
        notes.append(f"left out {left_out} (empty, or nearly all different words)")
    if learned.indexes:
        notes.append(f"left out {', '.join(learned.indexes)} (an index without a name)")
    return notes

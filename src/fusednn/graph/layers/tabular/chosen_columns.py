"""Which columns an op on some of them copies."""

from __future__ import annotations

from collections.abc import Collection


def plain_of(fan_in: int, columns: Collection[int]) -> list[int]:
    """The columns of the input that are not chosen, in their order."""
    chosen = set(columns)
    return [column for column in range(fan_in) if column not in chosen]

"""The cases of all ops, by their names."""

from cases.ops import (
    of_attention,
    of_augmentations,
    of_codes,
    of_games,
    of_lengths,
    of_norms,
    of_products,
    of_recurrences,
    of_singular,
    of_tables,
    of_tokens,
    of_updates,
    of_windows,
    on_rows,
)

ROOMS = (
    *(on_rows, of_attention, of_augmentations, of_games, of_lengths, of_norms, of_products),
    *(of_codes, of_recurrences, of_singular, of_tables, of_tokens, of_updates, of_windows),
)
CASES = {case.__name__: case for room in ROOMS for case in room.CASES}

"""The columns of what networks read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.tables.preparing.preparation import Preparation


class Columns(NamedTuple):
    """
    What the columns of networks' inputs are: values, then codes.

    Parameters
    ----------
    numbers : tuple of int
        The values that are scaled numbers.
    values : int
        The count of numbers and flags, which come first.
    counts : tuple of int
        The number of codes of each column of codes; these come next.
    """

    numbers: tuple[int, ...]
    values: int
    counts: tuple[int, ...]

    @classmethod
    def of(cls, preparation: Preparation) -> Columns:
        """The columns of prepared tables."""
        numbers = tuple(np.flatnonzero(preparation.are_numbers).tolist())
        return cls(numbers, len(preparation.names), tuple(preparation.code_counts))

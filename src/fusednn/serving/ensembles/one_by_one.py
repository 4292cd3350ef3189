"""Prepares few rows that are dicts one by one, without a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fusednn.tables.preparing.one_row import OneRow
from fusednn.tables.preparing.preparation import Preparation

MOST_ROWS = 16
"""A table of more rows takes less time than they do."""


class OneByOne:
    """Prepares lists of few dicts.

    Parameters
    ----------
    preparation : Preparation
    dtype : dtype
        The type of the networks.
    """

    def __init__(self, preparation: Preparation, dtype: np.dtype):
        self._row = OneRow(preparation, dtype)

    def inputs(self, X: Any) -> np.ndarray | None:
        """The columns that members read; None if X has to become a table.

        Parameters
        ----------
        X : object
            What a user gave.
        """
        if type(X) is not list or not 0 < len(X) <= MOST_ROWS:
            return None
        rows = []
        for record in X:
            row = self._row.inputs(record) if isinstance(record, Mapping) else None
            if row is None:
                return None
            rows.append(row)
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

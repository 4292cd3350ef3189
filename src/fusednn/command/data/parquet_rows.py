"""Writes Parquet files block by block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


class ParquetRows:
    """
    Context manager that writes blocks of rows to a new Parquet file.

    Parameters
    ----------
    arrow : module
        The module pyarrow.
    path : Path
    """

    def __init__(self, arrow: Any, path: Path):
        self._arrow, self._path = arrow, path
        self._file: Any = None

    def __enter__(self) -> ParquetRows:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, columns: dict[str, list[str] | np.ndarray]) -> None:
        """Adds rows. The first block decides the columns and their types."""
        kinds = {
            name: self._arrow.string() if isinstance(part, list) else None
            for name, part in columns.items()
        }
        arrays = [self._arrow.array(part, kinds[name]) for name, part in columns.items()]
        rows = self._arrow.Table.from_arrays(arrays, list(columns))
        if self._file is None:
            self._file = self._arrow.parquet.ParquetWriter(self._path, rows.schema)
        self._file.write_table(rows)

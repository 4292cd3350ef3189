"""Imports pyarrow on first use."""

from __future__ import annotations

from typing import Any

from fusednn.tables.errors import TableError


def pyarrow_or_none() -> Any:
    """pyarrow, or None if it is not installed."""
    try:
        import pyarrow
    except ImportError:
        return None
    return pyarrow


def pyarrow() -> Any:
    """
    pyarrow with its Parquet module.

    Raises
    ------
    TableError
        If pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise TableError(
            "Parquet files need pyarrow: `pip install 'pyarrow>=16'`, or give a CSV file"
        ) from None
    return pyarrow

"""The preparation of a table: from columns to a network's inputs."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from fusednn.tables.columns import Column
from fusednn.tables.table import Table

from .features import Category, Feature, Moment, Quantity, moments_of
from .matching import matched_columns


class Inputs(NamedTuple):
    """
    A network's inputs.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_inputs)
        Scaled numbers and flags.
    codes : ndarray of int32 of shape (n_rows, n_codes)
        Categories for embeddings; 0 is a missing or unseen one.
    """

    values: np.ndarray
    codes: np.ndarray


class Preparation(NamedTuple):
    """
    How a table becomes a network's inputs. Plain values: the same rows give the same bits.

    Parameters
    ----------
    named : bool
        Whether the training table names its columns; otherwise they are known by position.
    features : tuple of Quantity, Moment or Category
        For each column of the training table.
    """

    named: bool
    features: tuple[Feature, ...]

    @property
    def columns(self) -> list[str]:
        """Names of the training table's columns."""
        return [feature.name for feature in self.features]

    @property
    def names(self) -> list[str]:
        """Names of the inputs that are values."""
        return [name for one in self.features for name in (*one.numbers, *one.flags)]

    @property
    def are_numbers(self) -> np.ndarray:
        """Mask of the values that are scaled numbers, not flags."""
        parts = [(len(one.numbers), len(one.flags)) for one in self.features]
        counts = np.array(parts, int).ravel()
        return np.repeat(np.tile([True, False], len(parts)), counts)

    @property
    def spiky(self) -> list[str]:
        """Names of columns of numbers more than nine tenths of which are one number."""
        return [
            one.name
            for one in self.features
            if isinstance(one, Quantity) and one.spike is not None
        ]

    @property
    def code_names(self) -> list[str]:
        """Names of the columns that become codes."""
        return [one.name for one in self._coded]

    @property
    def code_counts(self) -> list[int]:
        """The number of codes of each of these columns, with code 0."""
        return [len(one.categories) + 1 for one in self._coded]

    @property
    def _coded(self) -> list[Category]:
        return [
            one for one in self.features if isinstance(one, Category) and one.becomes == "codes"
        ]

    def inputs(
        self,
        table: Table,
        dtype: str | np.dtype = "float32",
        *,
        ignore_others: bool = False,
        unseen: Counter[str] | None = None,
    ) -> Inputs:
        """
        Prepare a table.

        Parameters
        ----------
        table : Table
            The columns of the training table, in any order if they have names.
        dtype : str or dtype, default="float32"
            The type of the values. They are computed in float64.
        ignore_others : bool, default=False
            Whether further columns are ignored, as in files.
        unseen : Counter, optional
            Adds the number of rows of an unseen category for each column.

        Returns
        -------
        Inputs

        Raises
        ------
        TableError
            If a column is missing, is one too many, or has another type; a number is infinite,
            or a text is not a date.
        """
        found = self.matched(table, ignore_others=ignore_others, unseen=unseen)
        values = np.empty((table.rows, len(self.names)), dtype)
        codes = np.empty((table.rows, len(self.code_names)), np.int32)
        found.write(values, codes)
        return Inputs(values, codes)

    def matched(
        self,
        table: Table,
        *,
        ignore_others: bool = False,
        unseen: Counter[str] | None = None,
    ) -> Matched:
        """
        The columns of a table, ready to be prepared block by block; see `inputs`.

        Raises
        ------
        TableError
            If a column is missing, is one too many, or has another type, or a text is not a date.
        """
        columns = matched_columns(self.features, self.named, table, ignore_others)
        found: list[Column | np.ndarray] = []
        for feature, column in zip(self.features, columns, strict=True):
            found.append(_read(feature, column, table))
            if unseen is not None and isinstance(feature, Category):
                strange = (feature.codes(column) == 0) & ~column.missing()
                if strange.any():
                    unseen[feature.name] += int(np.count_nonzero(strange))
        return Matched(self.features, table, found)


def _read(feature: Feature, column: Column, table: Table) -> Column | np.ndarray:
    """Codes of categories and dates, since each distinct text is looked up once; else a column."""
    if isinstance(feature, Category):
        return feature.codes(column)
    return moments_of(column, table, feature.form) if isinstance(feature, Moment) else column


class Matched(NamedTuple):
    """
    A table's columns in the order of the training table's.

    Parameters
    ----------
    features : tuple of Quantity, Moment or Category
    table : Table
    columns : list of Column or ndarray
        Codes of categories, dates as datetime64[us], and columns of numbers.
    """

    features: tuple[Feature, ...]
    table: Table
    columns: list[Column | np.ndarray]

    def write(self, values: np.ndarray, codes: np.ndarray, first: int = 0) -> None:
        """
        Prepare as many rows as `values` has.

        Parameters
        ----------
        values, codes : ndarray
            See `Inputs`; written to.
        first : int, default=0
            The table's first row.

        Raises
        ------
        TableError
            If a number is infinite, or a value is no number.
        """
        rows = slice(first, first + len(values))
        table = self.table
        if len(values) < table.rows:  # of a block; messages tell its rows' places in the table
            table = table._replace(columns=(), numbers=table.numbers[rows])
        at = coded = 0
        for feature, column in zip(self.features, self.columns, strict=True):
            width = len(feature.numbers) + len(feature.flags)
            inputs = values[:, at : at + width]
            at += width
            if isinstance(feature, Quantity):
                assert not isinstance(column, np.ndarray)
                feature.write(inputs, column.take(rows), table)
                continue
            assert isinstance(column, np.ndarray)
            if isinstance(feature, Moment):
                feature.write_moments(inputs, column[rows])
            elif feature.becomes == "codes":
                codes[:, coded] = column[rows]
                coded += 1
            elif width:
                feature.write_flags(inputs, column[rows])

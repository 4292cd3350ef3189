"""The preparation of a table: from columns to a network's inputs."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from fusednn.tables.table import Table

from .features import Category, Feature, Quantity
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
        columns = matched_columns(self.features, self.named, table, ignore_others)
        values = np.empty((table.rows, len(self.names)), dtype)
        codes = np.empty((table.rows, len(self.code_names)), np.int32)
        at = coded = 0
        for feature, column in zip(self.features, columns, strict=True):
            width = len(feature.numbers) + len(feature.flags)
            feature.write(values[:, at : at + width], column, table)
            at += width
            if not isinstance(feature, Category):
                continue
            if feature.becomes == "codes":
                codes[:, coded] = feature.codes(column)
                coded += 1
            if unseen is not None:
                strange = (feature.codes(column) == 0) & ~column.missing()
                unseen[feature.name] += int(np.count_nonzero(strange))
        return Inputs(values, codes)

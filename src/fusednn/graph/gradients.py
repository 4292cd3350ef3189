"""The kinds of gradients that parameters have."""

from __future__ import annotations

from typing import NamedTuple

from .arrays import Array


class Walk(NamedTuple):
    """Which rows of each sample of an array are in its runs, counted in its positions.

    Parameters
    ----------
    run, row : int
        From one run's first row to the next run's, and from one row of a run to the next.
    first : int
        The first row of the first run.
    """

    run: int
    row: int
    first: int = 0


class Runs(NamedTuple):
    """Pairs of rows of two arrays, x and dz, run by run in each sample.

    Parameters
    ----------
    per_sample, length : int
        Runs of each sample, and rows of each run.
    x, dz : Walk
    taps : tuple of int
        Rows of x that stand side by side in place of one, counted from it.
    """

    per_sample: int
    length: int
    x: Walk
    dz: Walk
    taps: tuple[int, ...] = (0,)

    def rows_of_x(self) -> int:
        """Rows that a sample of x has at least."""
        return self._last(self.x) + max(self.taps) + 1

    def rows_of_dz(self) -> int:
        """Rows that a sample of dz has at least."""
        return self._last(self.dz) + 1

    def _last(self, walk: Walk) -> int:
        return walk.first + (self.per_sample - 1) * walk.run + (self.length - 1) * walk.row


class Sum(NamedTuple):
    """The sum over the batch of x^T dz, in the order of samples, runs and rows.

    Parameters
    ----------
    x : Array or None
        (I,) in each row; None is a one, so that it is the sum of dz.
    dz : Array
        (O,) in each row.
    runs : Runs or None
        Which rows meet; weights are then (taps I, O). None: all rows of both, of which there are
        as many.
    """

    x: Array | None
    dz: Array
    runs: Runs | None = None


class Partials(NamedTuple):
    """The sum of what chunks of samples left, in order.

    Parameters
    ----------
    partials : Array
        Over CHUNKS, of the parameter's shape, and in the form in which a machine has that.
    """

    partials: Array


class Given(NamedTuple):
    """What a call has computed."""

    values: Array


class Lookups(NamedTuple):
    """Rows of a table: the sum of part of dz over the samples whose code a row belongs to.

    Parameters
    ----------
    x : Array
        The data.
    column : int
        The column of the data that holds the codes.
    dz : Array
    first : int
        The first column of dz that belongs to the table.
    """

    x: Array
    column: int
    dz: Array
    first: int


Gradient = Sum | Partials | Given | Lookups

"""The kinds of gradients that parameters have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .arrays import SAMPLES, Array


class Walk(NamedTuple):
    """Which rows of a sample are in its runs; rows are numbered by position.

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
        Offsets of the rows of x that are concatenated into one.
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
        (I,) in each row; None is ones, which give the sum of dz.
    dz : Array
        (O,) in each row.
    runs : Runs or None
        Which rows are paired; the weights are then (taps I, O). None: each row of x with the same
        row of dz.
    """

    x: Array | None
    dz: Array
    runs: Runs | None = None


class Partials(NamedTuple):
    """The sum of the gradients of all chunks, in order.

    Parameters
    ----------
    partials : Array
        Over CHUNKS, with the parameter's shape and its layout in memory.
    """

    partials: Array


class Given(NamedTuple):
    """A gradient that a call computes."""

    values: Array


class Lookups(NamedTuple):
    """The gradient of a table: a row's is the sum of part of dz over the samples with its code.

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


class TokenLookups(NamedTuple):
    """The gradient of a table of tokens: a row's is the sum of dz over the steps with its code.

    Parameters
    ----------
    x : Array
        The data, whose columns all hold codes.
    dz : Array
        A row for each column of the data.
    left_out : int or None
        The code whose row has the gradient zero.
    """

    x: Array
    dz: Array
    left_out: int | None


class Both(NamedTuple):
    """The gradient of a table of tokens that are also the weights of the last layer: the sum.

    Parameters
    ----------
    product : Sum or Partials
        The gradient of the weights (I, O), the table transposed.
    lookups : TokenLookups
    """

    product: Sum | Partials
    lookups: TokenLookups


class Sums(NamedTuple):
    """The gradient of weights (I, O) that two layers have, one of them transposed: the sum.

    Parameters
    ----------
    own, turned : Sum
        Those of the two; the second pairs the rows of dz (I,) with those of x (O,).
    """

    own: Sum
    turned: Sum


class PerPosition(NamedTuple):
    """The gradient of a table with a row for each position: the sum of dz's over the samples.

    Parameters
    ----------
    dz : Array
    """

    dz: Array


Gradient = Sum | Partials | Given | Lookups | TokenLookups | Both | Sums | PerPosition


def arrays_read(gradients: Iterable[Gradient]) -> Iterator[Array]:
    """The arrays over samples that gradients read when all rows are done."""
    for gradient in gradients:
        if isinstance(gradient, Both | Sums):
            yield from arrays_read(gradient)
            continue
        for array in gradient:
            if isinstance(array, Array) and array.over == SAMPLES:
                yield array

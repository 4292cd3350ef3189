"""The kinds of gradients that parameters have."""

from __future__ import annotations

from typing import NamedTuple

from .arrays import Array


class Sum(NamedTuple):
    """The sum over all rows of the batch of x^T dz.

    Parameters
    ----------
    x : Array or None
        (I,) in each row; None is a one, so that it is the sum of dz.
    dz : Array
        (O,) in each row, in as many rows.
    """

    x: Array | None
    dz: Array


class Partials(NamedTuple):
    """The sum of what the chunks of the batch's rows left in places of their own, in order."""

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
        Of the data, where the codes are.
    dz : Array
    first : int
        The first column of dz that belongs to the table.
    """

    x: Array
    column: int
    dz: Array
    first: int


Gradient = Sum | Partials | Given | Lookups

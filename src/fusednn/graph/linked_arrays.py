"""Arrays that belong together: weights and what they are made of, states before and after."""

from __future__ import annotations

from typing import NamedTuple

from .arrays import Array


class Normed(NamedTuple):
    """Weight-normalised weights: each column of v, scaled to its norm.

    Parameters
    ----------
    w : Array
        The weights.
    v, norms : int
        The numbers of the parameters that they are computed from, (I, O) and (O,).
    """

    w: Array
    v: int
    norms: int


class Turned(NamedTuple):
    """Weights (I, O) that are a parameter (O, I) transposed; neither has a copy in a graph.

    Parameters
    ----------
    w, parameter : Array
    """

    w: Array
    parameter: Array


class Scaled(NamedTuple):
    """Weights that are a parameter over an estimate of its largest singular value.

    In a graph's gradients the parameter's number stands for the gradient by these weights.

    Parameters
    ----------
    w, parameter : Array
        They have one shape, whose last axis is that of the columns.
    """

    w: Array
    parameter: Array


class Carried(NamedTuple):
    """What a network keeps from one run to the next: zeros at first.

    Parameters
    ----------
    before, after : Array
        Over samples, of one shape: as a call reads it, and as it leaves it for the next run.
    """

    before: Array
    after: Array

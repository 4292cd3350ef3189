"""What a parameter of a network is."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

DRAWN = "drawn"
"""The first value of weights is drawn, as the layer's initialisation says."""


class Parameter(NamedTuple):
    """The facts of a parameter, without its layout in memory.

    Parameters
    ----------
    name : str
        Its name in files and messages.
    shape : tuple of int
        As users see it.
    start : float or str
        Its first value, or DRAWN.
    rate, decay : float
        Factors of the learning rate, and of its decay and L1 term; 0 turns them off.
    largest : float
        The largest norm of a column; infinite: no bound.
    trained : bool
        Whether it has a gradient.
    least : float
        The least value that it may have.
    shown : bool
        Whether users see it.
    finite : bool
        Whether every value must be finite; else an infinite value means no bound.
    exact : bool
        Whether it is float64 in every network.
    scale : float
        It is this times what the optimizer trains, and what decay and the L1 term are about.
    """

    name: str
    shape: tuple[int, ...]
    start: float | str = 0.0
    rate: float = 1.0
    decay: float = 0.0
    largest: float = inf
    trained: bool = True
    least: float = -inf
    shown: bool = True
    finite: bool = True
    exact: bool = False
    scale: float = 1.0


def biases_of(op: Any) -> Parameter:
    """The biases of an op, one for each of its outputs."""
    rate = op.rate * op.bias_rate
    return Parameter("biases", (op.fan_out,), DRAWN, rate, trained=op.bias, shown=op.bias)

"""A network as calls of ops on named arrays: what a trace records and plans are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .arrays import Array
from .gradients import Gradient
from .linked_arrays import Carried, Normed, Scaled, Turned
from .parameters import Parameter


class Varied(NamedTuple):
    """Noise whose strength varies from step to step.

    Parameters
    ----------
    kind : str
        "dropout", "alpha" or "noise".
    amount : float
        The share that is dropped, or the deviation, by which factors are multiplied.
    schedule : object
        What gives the factors; it can be hashed and compared.
    """

    kind: str
    amount: float
    schedule: object


class Call(NamedTuple):
    """One op on named operands.

    Parameters
    ----------
    op : str
    out : dict of str to Array
        The arrays that it writes; no other call writes them.
    given : dict of str to object
        What it reads: arrays, numbers, names of functions.
    once : bool
        Whether it runs once, after the calls before it have run for all samples of the batch;
        else it runs for blocks of samples.
    arrays : tuple of Array
        The arrays over samples that it reads or writes.
    lengths : Array or None
        The rows of each sample that it runs for, the first ones; None: all, or those of an operand
        `lengths` of its own.
    layer : Layer or None
        Whose forward pass it is of.
    """

    op: str
    out: Mapping[str, Array]
    given: Mapping[str, Any]
    once: bool = False
    arrays: tuple[Array, ...] = ()
    lengths: Array | None = None
    layer: Any = None


class Graph(NamedTuple):
    """A network as calls, forward and perhaps backward.

    Parameters
    ----------
    x, logits : Array
        The data, and the last op's output.
    losses : Array or None
        One for each sample and group of outputs; in training.
    parameters : tuple of (Parameter, Array)
        In the order of the network.
    normed : tuple of Normed
        The weight-normalised weights.
    prepared : tuple of Call
        Calls on parameters alone; they run before all others, again when a parameter has changed.
    calls : tuple of Call
        All other calls, in order.
    gradients : dict of int to Gradient
        The gradients by the parameters' numbers.
    dx : Array or None
        The gradient by the data, if asked for.
    outputs : tuple of Array
        The output of each op.
    streams : int
        The number of random streams.
    lengths : dict of Array to Array
        The steps of each sample, of arrays with a time axis in a graph for padded series. Their
        other rows are padding, which may hold anything.
    carried : tuple of Carried
        What is kept from one run to the next.
    turned : tuple of Turned
        The weights that are a parameter transposed.
    scaled : tuple of Scaled
        The weights that are a parameter over its largest singular value.
    varied : tuple of Varied
        The noise that varies from step to step; calls name it by its number.
    """

    x: Array
    logits: Array
    losses: Array | None
    parameters: tuple[tuple[Parameter, Array], ...]
    normed: tuple[Normed, ...]
    prepared: tuple[Call, ...]
    calls: tuple[Call, ...]
    gradients: Mapping[int, Gradient]
    dx: Array | None
    outputs: tuple[Array, ...]
    streams: int
    lengths: Mapping[Array, Array]
    carried: tuple[Carried, ...] = ()
    turned: tuple[Turned, ...] = ()
    scaled: tuple[Scaled, ...] = ()
    varied: tuple[Varied, ...] = ()

    @property
    def is_random(self) -> bool:
        """Whether some of its calls draw random numbers."""
        return self.streams > 0

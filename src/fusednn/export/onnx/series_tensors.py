"""Tensors of series of any number of steps, with the lengths of the samples beside them.

Padding is found in X itself, as steps that are NaN in all features. Steps behind a sample's length
may hold anything, and are cleared only before an op that would read them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.graph.time_axis import Series
from fusednn.graph.windows import Windows

from .graph import Graph


class Steps(NamedTuple):
    """The steps of a tensor of series.

    Parameters
    ----------
    most : str
        A tensor (1,) of int64: the steps of the longest.
    lengths : str
        A tensor (N,) of int64: the steps of each sample.
    """

    most: str
    lengths: str


class SeriesTensor(NamedTuple):
    """A tensor of series.

    Parameters
    ----------
    name : str
        Rows (N steps, C), or with `first` (N, C, steps).
    width : int
        C.
    steps : Steps
    is_clear : bool
        Whether steps behind a sample's length are zeros.
    first : bool
    """

    name: str
    width: int
    steps: Steps
    is_clear: bool = False
    first: bool = False

    def as_rows(self, graph: Graph) -> SeriesTensor:
        """The same as rows."""
        if not self.first:
            return self
        x = graph.node("Transpose", self.name, perm=[0, 2, 1])
        return self.renamed(graph.node("Reshape", x, graph.indices("rows", [-1, self.width])))

    def renamed(self, rows: str) -> SeriesTensor:
        """The same samples in a tensor of rows."""
        return self._replace(name=rows, first=False)

    def axes(self, graph: Graph) -> str:
        """A tensor (N, steps, C)."""
        if self.first:
            return graph.node("Transpose", self.name, perm=[0, 2, 1])
        sizes = graph.indices("samples", [-1]), self.steps.most, graph.indices("c", [self.width])
        return graph.node("Reshape", self.name, graph.node("Concat", *sizes, axis=0))

    def channels_first(self, graph: Graph) -> str:
        """A tensor (N, C, steps)."""
        if self.first:
            return self.name
        return graph.node("Transpose", self.axes(graph), perm=[0, 2, 1])

    def filled(self, graph: Graph, value: float = 0.0) -> SeriesTensor:
        """The same with a value in the steps behind each length."""
        if value == 0 and self.is_clear:
            return self
        axis = 1 if self.first else 2
        x = self.name if self.first else self.axes(graph)
        mask = graph.node("Unsqueeze", within(graph, self.steps), graph.indices("axes", [axis]))
        found = graph.node("Where", mask, x, graph.number(value))
        if not self.first:
            found = graph.node("Reshape", found, graph.indices("rows", [-1, self.width]))
        return self._replace(name=found, is_clear=value == 0)


def within(graph: Graph, steps: Steps) -> str:
    """A tensor (N, steps) of bool: whether a step lies within its sample's length."""
    numbers = step_numbers(graph, steps.most)
    lengths = graph.node("Unsqueeze", steps.lengths, graph.indices("axes", [1]))
    return graph.node("Less", numbers, lengths)


def step_numbers(graph: Graph, count: str) -> str:
    """A tensor (steps,) of int64: 0, 1, 2 and so on."""
    zero, one = graph.number(0, np.int64), graph.number(1, np.int64)
    last = graph.node("Squeeze", count, graph.indices("axes", [0]))
    return graph.node("Range", zero, last, one)


def read_series(graph: Graph, x: str, series: Series, has_axes: bool) -> SeriesTensor:
    """The data (N, *axes), or rows, as series; padding becomes zeros."""
    features = series.features
    if not has_axes:
        axes = [0, *(-1 if size == series.steps else size for size in series.axes(series.steps))]
        if series.steps == features:
            axes = [0, *series.axes(series.steps)]
        x = graph.node("Reshape", x, graph.indices("axes", axes))
    if series.channels_first:
        x = graph.node("Transpose", x, perm=[0, 2, 1])
    count = graph.node("Gather", graph.node("Shape", x), graph.indices("steps", [1]), axis=0)
    real = graph.cast(graph.node("Not", graph.node("IsNaN", x)), np.int64)
    place = graph.node("Add", step_numbers(graph, count), graph.number(1, np.int64))
    places = graph.node("Mul", graph.largest(real, axis=2), place)
    steps = Steps(count, graph.largest(places, axis=1))
    rows = graph.node("Reshape", x, graph.indices("rows", [-1, features]))
    return SeriesTensor(rows, features, steps).filled(graph)


def counted(graph: Graph, count: str, windows: Windows) -> str:
    """How many windows series of so many steps have: int64 of any shape to the same."""
    [taps], [stride], [(before, after)], [dilation] = windows[1:5]

    def number(value: int) -> str:
        return graph.number(value, np.int64)

    left = graph.node("Add", count, number(before + after - dilation * (taps - 1) - 1))
    found = graph.node("Div", left, number(stride)) if stride > 1 else left
    found = graph.node("Add", found, number(1))
    if windows.overhangs and stride > 1:
        begins = graph.node("Mul", found, number(stride))
        within_it = graph.node("Less", begins, graph.node("Add", count, number(before)))
        uneven = graph.node("Less", number(0), graph.node("Mod", left, number(stride)))
        more = graph.cast(graph.node("And", within_it, uneven), np.int64)
        found = graph.node("Add", found, more)
    return found


def after_windows(graph: Graph, steps: Steps, windows: Windows) -> Steps:
    """The steps of the output of a layer over windows."""
    if _keeps(windows):
        return steps
    return Steps(*(counted(graph, part, windows) for part in steps))


def _keeps(windows: Windows) -> bool:
    [taps], [stride], [(before, after)], [dilation] = windows[1:5]
    return stride == 1 and before + after == dilation * (taps - 1)

"""Tensors of samples: as rows with channels last, or with channels first as ONNX's operators."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from .graph import Graph


class Tensor(NamedTuple):
    """A tensor of samples.

    Parameters
    ----------
    name : str
    shape : tuple of int or None
        None: rows (N positions, C), with channels last. Else channels first: (C, *sizes), for
        (N, C, *sizes).
    """

    name: str
    shape: tuple[int, ...] | None = None

    def rows(self, graph: Graph) -> Tensor:
        """The same samples as rows."""
        if self.shape is None:
            return self
        channels, *sizes = self.shape
        x = self.name
        if prod(sizes) > 1 and channels > 1:
            x = graph.node("Transpose", x, perm=[0, *range(2, len(sizes) + 2), 1])
        return Tensor(graph.node("Reshape", x, graph.indices("rows", [-1, channels])))

    def channels_first(self, graph: Graph, shape: tuple[int, ...]) -> Tensor:
        """The same samples with channels first; `shape` is (C, *sizes)."""
        if self.shape is not None:
            return self
        channels, *sizes = shape
        if channels == 1:
            axes = graph.indices("axes", [-1, *shape])
            return Tensor(graph.node("Reshape", self.name, axes), shape)
        x = graph.node("Reshape", self.name, graph.indices("axes", [-1, *sizes, channels]))
        perm = [0, len(sizes) + 1, *range(1, len(sizes) + 1)]
        return Tensor(graph.node("Transpose", x, perm=perm), shape)

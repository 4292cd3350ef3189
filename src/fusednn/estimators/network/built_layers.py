"""Built layers: ops with the descriptions that they are of, and a description's place."""

from __future__ import annotations

from typing import Any, NamedTuple

from fusednn import layers as specs
from fusednn.graph.layers.layer import Layer


class BuiltLayer(NamedTuple):
    """An op and its description.

    Parameters
    ----------
    op : fusednn.graph.layers.layer.Layer
    spec : fusednn.layers.Layer or None
        None for the scaling of `standardize`.
    inner, shortcut : BuiltLayers or None
        The layers inside a residual block, and those of its shortcut.
    """

    op: Any
    spec: specs.Layer | None
    inner: BuiltLayers | None = None
    shortcut: BuiltLayers | None = None


class BuiltLayers(NamedTuple):
    """The ops of a list of descriptions.

    Parameters
    ----------
    pieces : tuple of BuiltLayer
    homes : tuple of int or None
        For each description the index of its piece; None if it became a part of the piece before
        it, such as an activation after a dense layer.
    """

    pieces: tuple[BuiltLayer, ...]
    homes: tuple[int | None, ...]

    @property
    def ops(self) -> tuple[Layer, ...]:
        """The ops of all pieces."""
        return tuple(piece.op for piece in self.pieces)

    @property
    def has_trained(self) -> bool:
        """Whether training changes a parameter."""
        return any(one.trained for op in self.ops for one in op.parameters())

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of input and output columns."""
        return self.pieces[0].op.fan_in, self.pieces[-1].op.fan_out


def parts_of(piece: BuiltLayer) -> list[BuiltLayers]:
    """What is inside a residual block, and beside it."""
    return [part for part in (piece.inner, piece.shortcut) if part is not None]


class Position(NamedTuple):
    """The position of a layer in the user's list, for messages."""

    name: str
    spec: object

    def refuse(self, why: str) -> ValueError:
        """Makes the error that names the layer and the reason."""
        return ValueError(f"{self.name} is {self.spec!r}: {why}.")


def place_of(built: BuiltLayers, number: int) -> Position:
    """The layer of an op, by the op's number."""
    return Position(f"layers[{built.homes.index(number)}]", built.pieces[number].spec)

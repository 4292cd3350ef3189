"""Ties the dense layers of a decoder to those of an encoder: the same weights, transposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fusednn import layers as specs
from fusednn.estimators.network.built_layers import BuiltLayers, Position
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.tied import Mirrored

OWN = {"init": None, "weight_norm": False, "max_norm": None, "decay_factor": 1.0}
"""Options of a dense layer that say something of its weights, with their defaults."""


class DenseLayer(NamedTuple):
    """A dense layer of a list.

    Parameters
    ----------
    place : Position
    home : int
        The index of its piece.
    op : Dense
    """

    place: Position
    home: int
    op: Dense


def mirrored_list(layers: Sequence[specs.Layer], built: BuiltLayers) -> tuple[specs.Layer, ...]:
    """The decoder of an encoder: its dense layers from the last to the first.

    Each has as many units as the encoder's has inputs, and the last activation between that one
    and the dense layer before it. A `PReLU` has slopes of its own; norms and dropout are left out.
    """
    found: list[list[specs.Layer]] = []
    activation: str | specs.Layer = "identity"
    for spec, home in zip(layers, built.homes, strict=True):
        if isinstance(spec, specs.Dense):
            assert home is not None
            units = built.pieces[home].op.fan_in
            if isinstance(activation, str):
                found.append([specs.Dense(units, activation)])
            else:
                found.append([specs.Dense(units), activation])
            activation = spec.activation
        elif found:  # what comes before the first dense layer is none of the decoder's
            activation = _activation_of(spec) or activation
    return tuple(spec for pair in reversed(found) for spec in pair)


def _activation_of(spec: specs.Layer) -> str | specs.Layer | None:
    """An activation as `Dense` takes it, or with its slopes as a layer; None of other layers."""
    if isinstance(spec, specs.PReLU):
        return spec
    if not isinstance(spec, specs.Activation) or spec.name == "identity":
        return None
    return spec.name if spec.slope is None else spec


def tied_decoder(
    names: tuple[str, str], lists: Sequence[Sequence], encoder: BuiltLayers, decoder: BuiltLayers
) -> BuiltLayers:
    """The decoder, with the weights of the encoder in its dense layers.

    Parameters
    ----------
    names : tuple of str
        The names of the lists in messages.
    lists : sequence of two sequences of specs.Layer
    encoder, decoder : BuiltLayers

    Raises
    ------
    ValueError
        If a dense layer has no counterpart of the opposite shape, or options of its own weights.
    """
    own, other = (
        _dense_layers(name, layers, built)
        for name, layers, built in zip(names, lists, (encoder, decoder), strict=True)
    )
    first, second = names
    if not own or len(own) != len(other):
        raise ValueError(
            f"tied=True gives each dense layer of {second} the weights of one of {first},"
            f" transposed, but {first} has {len(own)} of them and {second} has {len(other)}."
        )
    pieces = list(decoder.pieces)
    for source, layer in zip(reversed(own), other, strict=True):
        _check(source, layer)
        op = layer.op
        rate = op.rate * op.bias_rate
        mirrored = Mirrored(op.fan_in, op.fan_out, op.after, op.bias, rate, of=source.home)
        pieces[layer.home] = pieces[layer.home]._replace(op=mirrored)
    return decoder._replace(pieces=tuple(pieces))


def _dense_layers(name: str, layers: Sequence, built: BuiltLayers) -> list[DenseLayer]:
    return [
        DenseLayer(Position(f"{name}[{number}]", layers[number]), home, built.pieces[home].op)
        for number, home in enumerate(built.homes)
        if home is not None and isinstance(built.pieces[home].op, Dense)
    ]


def _check(source: DenseLayer, layer: DenseLayer) -> None:
    """Raises ValueError for layers of which one cannot have the weights of the other."""
    op = source.op
    if op.weight_norm:
        raise source.place.refuse("with tied=True its weights cannot be normalised")
    if (op.fan_out, op.fan_in) != (layer.op.fan_in, layer.op.fan_out):
        raise layer.place.refuse(
            f"with tied=True it leads back from {op.fan_out} to {op.fan_in} columns, as"
            f" {source.place.name} leads there, but it leads from {layer.op.fan_in} to"
            f" {layer.op.fan_out}"
        )
    for name, default in OWN.items():
        if getattr(layer.place.spec, name) != default:
            raise layer.place.refuse(
                f"with tied=True it has the weights of {source.place.name}: give {name} there"
            )

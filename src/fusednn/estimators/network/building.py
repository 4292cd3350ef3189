"""Builds ops with sizes from descriptions of layers; names the layer that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import prod

from fusednn import layers as specs
from fusednn.graph.layers.attention import Gate
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.layer import Layer, shapes_along, with_after
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.untrained import GaussianNoise, Identity, Standardize
from fusednn.layers.attention import Gated

from .attentions import attention, block_layers, check_heads, check_rotary, positions, products
from .built_layers import BuiltLayer, BuiltLayers, Position
from .list_ends import reshape_of_data
from .recurrences import recurrent
from .single_ops import (
    activation_of,
    dense_of,
    embedding_of,
    epilogue_of,
    parametric_of,
    token_embedding_of,
)
from .tabular import TABULAR, tabular
from .windows import RECURRENT, WINDOWED, axes_for, check_axes, windowed


def build(
    layers: Sequence, output: specs.Dense, shape: tuple[int, ...], *, scaled: bool
) -> BuiltLayers:
    """Builds the ops of the hidden layers and the output layer.

    Parameters
    ----------
    layers : sequence of specs.Layer
        The hidden layers.
    output : specs.Dense
    shape : tuple of int
        The axes of a sample of the data; one axis: its columns.
    scaled : bool
        Whether the network begins with the scaling of `standardize`.

    Returns
    -------
    BuiltLayers
        `homes` has an entry for each hidden layer, and one for the output layer.

    Raises
    ------
    ValueError
        If a layer does not fit; the message names it by its position.
    """
    pieces, homes = _begun(layers, shape, scaled)
    check_rotary(layers)
    width = shapes_along([piece.op for piece in pieces], (prod(shape),))[-1][-1]
    if scaled and not any(isinstance(piece.op, Standardize) for piece in pieces):
        pieces += (BuiltLayer(Standardize(width), None),)
    place = Position(f"layers[{len(layers)}]", output)
    last = BuiltLayer(dense_of(place, output, width), output)
    return BuiltLayers((*pieces, last), (*homes, len(pieces)))


def first_ops(layers: Sequence, shape: tuple[int, ...], *, scaled: bool) -> tuple[Layer, ...]:
    """Builds the ops of a network's first layers, without the output layer."""
    return _begun(layers, shape, scaled).ops


def axes_read(layers: Sequence, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of samples as a list reads them, channels last, from those of the data."""
    first = reshape_of_data(layers, shape)
    if first is None:
        return axes_for(layers, shape)
    return Reshape(first.shape, first.channels == "first").out_shape(first.shape)


def _begun(layers, shape: tuple[int, ...], scaled: bool) -> BuiltLayers:
    """Builds the ops of a list for the data, whose samples are rows, whatever their axes."""
    keeps = reshape_of_data(layers, shape) is None
    shape = axes_for(layers, shape) if keeps else (prod(shape),)
    pieces = [BuiltLayer(Reshape(shape), None)] if len(shape) > 1 else []
    return _built(layers, shape, "layers", scaled, pieces)


def _built(
    layers, shape: tuple[int, ...], where: str, scaled: bool, before: Sequence[BuiltLayer] = (),
    turned: bool = False,
) -> BuiltLayers:  # fmt: skip
    """Builds the ops of a list for samples of this shape; `where` names the list in messages.

    With `turned` attention has rotary positions, as behind the description of these.
    """
    pieces: list[BuiltLayer] = list(before)
    homes: list[int | None] = []
    for position, spec in enumerate(layers):
        place = Position(f"{where}[{position}]", spec)
        if not isinstance(spec, specs.Layer):
            hint = ", an instance, not the class" if isinstance(spec, type) else ""
            raise ValueError(
                f"{place.name} must be a layer of fusednn.layers{hint}; got {spec!r}."
            )
        if scaled and isinstance(spec, specs.TokenEmbedding):
            raise place.refuse("standardize cannot scale its tokens")
        if isinstance(spec, specs.PositionalEncoding) and spec.kind == "rotary":
            turned = True
            homes.append(None)
            continue
        # scaling comes before all layers, but after an embedding, whose codes are not scaled, and
        # after axes, which make it one by channel
        if scaled and (pieces or not isinstance(spec, specs.Embedding | specs.Reshape)):
            pieces.append(BuiltLayer(Standardize(shape[-1]), None))
            scaled = False
        after = epilogue_of(place, spec, pieces[-1].op.after if pieces else None)
        if after is not None and pieces[-1].spec is not None:
            pieces[-1] = pieces[-1]._replace(op=with_after(pieces[-1].op, after))
            homes.append(None)
            continue
        at_start = where == "layers" and not pieces
        pieces.append(_piece(place, spec, shape, at_start, turned, _before(where, pieces)))
        homes.append(len(pieces) - 1)
        shape = pieces[-1].op.out_shape(shape)
    return BuiltLayers(tuple(pieces), tuple(homes))


def _before(where: str, pieces: Sequence[BuiltLayer]) -> Sequence[Layer]:
    """The ops between the data and the next layer of a list; for an inner list that is a block."""
    found = [piece.op for piece in pieces]
    return found if where == "layers" else [Identity(1), *found]


def _piece(
    place: Position, spec, shape: tuple[int, ...], at_start: bool, turned: bool,
    before: Sequence[Layer],
) -> BuiltLayer:  # fmt: skip
    width = shape[-1]
    match spec:
        case specs.Dense():
            return BuiltLayer(dense_of(place, spec, width), spec)
        case specs.Activation():
            return BuiltLayer(Identity(width, activation_of(place, spec.name, spec.slope)), spec)
        case specs.Dropout() | specs.AlphaDropout():
            after = epilogue_of(place, spec, Epilogue())
            assert after is not None
            return BuiltLayer(Identity(width, after), spec)
        case specs.GaussianNoise(deviation, schedule):
            noise = GaussianNoise(width, deviation=float(deviation), schedule=schedule)
            return BuiltLayer(noise, spec)
        case specs.ParametricActivation():
            return BuiltLayer(parametric_of(place, spec, width), spec)
        case specs.PReLU():
            rectifier = PReLU(width, rate=float(spec.rate_factor), start=float(spec.slope))
            return BuiltLayer(rectifier, spec)
        case specs.Scale(rate, decay):
            return BuiltLayer(Scaling(width, rate=float(rate), decay=float(decay)), spec)
        case specs.BatchNorm(momentum, epsilon, rate):
            op = BatchNorm(width, rate=float(rate), momentum=float(momentum))
            return BuiltLayer(replace(op, epsilon=float(epsilon)), spec)
        case specs.LayerNorm(epsilon, rate) | specs.RMSNorm(epsilon, rate):
            centered = isinstance(spec, specs.LayerNorm)
            row_norm = LayerNorm(width, rate=float(rate), centered=centered)
            return BuiltLayer(replace(row_norm, epsilon=float(epsilon)), spec)
        case specs.Output():
            raise place.refuse(
                "it is the output layer of a classifier or regressor: the last of `layers`"
            )
        case specs.Residual():
            return _residual(place, spec, shape, turned)
        case specs.MultiHeadAttention() | specs.TransformerBlock():
            check_heads(place.refuse, spec, shape, turned)
            if isinstance(spec, specs.MultiHeadAttention):
                inner = _attention(place, spec, shape, turned)
            else:
                inner = _block(place, spec, shape, turned)
            return BuiltLayer(Chain(inner.ops), spec, inner)
        case specs.PositionalEncoding():
            check_axes(place.refuse, spec, shape)
            return BuiltLayer(positions(spec, shape), spec)
        case Gated(units):
            return BuiltLayer(Gate(int(units)), spec)
        case specs.Reshape(sizes, channels):
            if prod(sizes) != prod(shape):
                found = f" of {prod(shape)} elements" * (len(shape) > 1)
                raise place.refuse(
                    f"it received {_as_text(shape)}{found} and expected {prod(sizes)} elements"
                )
            return BuiltLayer(Reshape(sizes, channels == "first"), spec)
        case specs.Flatten():
            return BuiltLayer(Reshape((prod(shape),)), spec)
        case specs.Layer() if isinstance(spec, WINDOWED):
            activation = partial(activation_of, place)
            return BuiltLayer(windowed(place.refuse, spec, shape, activation), spec)
        case specs.Layer() if isinstance(spec, RECURRENT):
            return BuiltLayer(recurrent(place.refuse, spec, shape), spec)
        case specs.Layer() if isinstance(spec, TABULAR):
            return BuiltLayer(tabular(place.refuse, spec, width, before), spec)
        case specs.Embedding():
            if place.name == "layers[0]" and len(shape) > 1:
                raise place.refuse(f"it received {_as_text(shape)} and expected columns of X")
            if not at_start:
                raise place.refuse("it reads columns of the data, so it must be the first layer")
            return BuiltLayer(embedding_of(place, spec, width), spec)
        case specs.TokenEmbedding():
            if place.name == "layers[0]" and len(shape) > 1:
                raise place.refuse(f"it received {_as_text(shape)} and expected one token a step")
            if not at_start:
                raise place.refuse("it reads the tokens of X, so it must be the first layer")
            return BuiltLayer(token_embedding_of(spec, width), spec)
    raise place.refuse("networks do not support this layer")


def _attention(
    place: Position, spec: specs.MultiHeadAttention, shape: tuple[int, ...], turned: bool
) -> BuiltLayers:
    """A dense layer to queries, keys and values, attention, and a dense layer."""
    op = attention(spec, shape[-1], turned)
    before, behind = products(spec, op)
    pieces = (
        BuiltLayer(dense_of(place, before, shape[-1]), before),
        BuiltLayer(op, None),
        BuiltLayer(dense_of(place, behind, op.fan_out), behind),
    )
    return BuiltLayers(pieces, (0, 2))


def _block(
    place: Position, spec: specs.TransformerBlock, shape: tuple[int, ...], turned: bool
) -> BuiltLayers:
    if spec.activation != "swiglu":
        activation_of(place, spec.activation)
    return _built(block_layers(spec, shape[-1]), shape, place.name, False, turned=turned)


def _residual(
    place: Position, spec: specs.Residual, shape: tuple[int, ...], turned: bool
) -> BuiltLayer:
    if not spec.layers:
        raise place.refuse("it has no layers inside")
    built, beside = (
        _built(some, shape, f"{place.name}.{name}", False, turned=turned)
        for name, some in (("layers", spec.layers), ("shortcut", spec.shortcut or ()))
    )
    found, added = (shapes_along(one.ops, shape)[-1] for one in (built, beside))
    if found == added:
        shortcut = beside if beside.pieces else None
        return BuiltLayer(Residual(built.ops, shortcut=beside.ops), spec, built, shortcut)
    if spec.shortcut is not None:
        raise place.refuse(
            f"its layers end with {_as_text(found)}, but its shortcut with {_as_text(added)}"
        )
    same, ends = "the same", _as_text(found)
    if len(shape) == len(found) == 1:
        same, ends = "as many", str(found[0])
    raise place.refuse(
        f"it received {_as_text(shape)} and expected {same} at its end, not {ends}; `shortcut`"
        " takes layers that give x that shape"
    )


def _as_text(shape: tuple[int, ...]) -> str:
    """The shape of a sample, for messages."""
    return f"{shape[0]} columns" if len(shape) == 1 else f"axes {shape}"

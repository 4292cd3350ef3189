"""Builds ops with sizes from descriptions of layers; names the layer that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

from fusednn import layers as specs
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.layer import Layer, shapes_along
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.untrained import GaussianNoise, Identity, Standardize
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.plan.binding.activations import epilogue

from .initializers import INITIALIZERS

ALIASES = {"sigmoid": "logistic", "swish": "silu"}
SOFTMAX = "softmax"


class BuiltLayer(NamedTuple):
    """An op and its description.

    Parameters
    ----------
    op : fusednn.graph.layers.layer.Layer
    spec : fusednn.layers.Layer or None
        None for the scaling of `standardize`.
    inner : BuiltLayers or None
        The layers inside a residual block.
    """

    op: Any
    spec: specs.Layer | None
    inner: BuiltLayers | None = None


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
    def sizes(self) -> tuple[int, int]:
        """The numbers of input and output columns."""
        return self.pieces[0].op.fan_in, self.pieces[-1].op.fan_out


class Position(NamedTuple):
    """The position of a layer in the user's list, for messages."""

    name: str
    spec: object

    def refuse(self, why: str) -> ValueError:
        """Makes the error that names the layer and the reason."""
        return ValueError(f"{self.name} is {self.spec!r}: {why}.")


def divided(layers: Sequence, outputs: int, link: str) -> tuple[list, specs.Dense]:
    """Splits a list into the hidden layers and the output layer.

    The output layer is the list's last layer if that has a softmax, otherwise a new one.

    Parameters
    ----------
    layers : sequence of specs.Layer
    outputs : int
        The number of outputs that the targets need.
    link : str
        The output function that the targets need.

    Returns
    -------
    hidden : list of specs.Layer
    output : specs.Dense
        Without its softmax, which the loss applies.

    Raises
    ------
    ValueError
        If the list ends in a softmax, or a number of units, that the targets do not need.
    """
    layers = list(layers)
    units = output_units(layers)
    for position, spec in enumerate(layers[-1:], start=len(layers) - 1):
        name = getattr(spec, "activation", getattr(spec, "name", None))
        if name == SOFTMAX and link != SOFTMAX:
            place = Position(f"layers[{position}]", spec)
            raise place.refuse(f"softmax does not fit these targets, whose outputs are {link!r}")
    if layers and isinstance(layers[-1], specs.Activation) and layers[-1].name == SOFTMAX:
        layers.pop()
    if units is None:
        return layers, specs.Dense(outputs)
    last = layers.pop()
    if units != outputs:
        place = Position(f"layers[{len(layers)}]", last)
        raise place.refuse(f"as the output layer it must have {outputs} units for these targets")
    return layers, replace(last, activation="identity")


def output_units(layers: Sequence) -> int | None:
    """The units of the list's own output layer, or None without one.

    That is a last `Dense(units, "softmax")`, or `Dense(units)` before `Activation("softmax")`.
    """
    if layers and getattr(layers[-1], "name", None) == SOFTMAX:
        layers = layers[:-1]
        plain = {"identity", SOFTMAX}
    else:
        plain = {SOFTMAX}
    last = layers[-1] if layers else None
    return last.units if isinstance(last, specs.Dense) and last.activation in plain else None


def width_taken(layers: Sequence) -> int | None:
    """The number of input columns that the list needs, or None if any number will do."""
    for spec in layers:
        if isinstance(spec, specs.Dense):
            return None
        if isinstance(spec, specs.Reshape):
            return prod(spec.shape)
        if isinstance(spec, specs.Residual):
            units = [inner.units for inner in spec.layers if isinstance(inner, specs.Dense)]
            return units[-1] if units else width_taken(spec.layers)
    return None


def build(layers: Sequence, output: specs.Dense, inputs: int, *, scaled: bool) -> BuiltLayers:
    """Builds the ops of the hidden layers and the output layer.

    Parameters
    ----------
    layers : sequence of specs.Layer
        The hidden layers.
    output : specs.Dense
    inputs : int
        Columns of the data.
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
    pieces, homes = _built(layers, (inputs,), "layers", scaled)
    shape = shapes_along([piece.op for piece in pieces], (inputs,))[-1]
    if len(shape) > 1:
        place = Position(f"layers[{len(layers) - 1}]", layers[-1])
        raise place.refuse(
            f"it puts out samples of shape {shape}, but the output layer takes one row of each;"
            " put Flatten() behind it"
        )
    [width] = shape
    if scaled and not any(isinstance(piece.op, Standardize) for piece in pieces):
        pieces += (BuiltLayer(Standardize(width), None),)
    place = Position(f"layers[{len(layers)}]", output)
    last = BuiltLayer(_dense(place, output, width), output)
    return BuiltLayers((*pieces, last), (*homes, len(pieces)))


def first_ops(layers: Sequence, inputs: int, *, scaled: bool) -> tuple[Layer, ...]:
    """Builds the ops of a network's first layers, without the output layer."""
    return _built(layers, (inputs,), "layers", scaled).ops


def _built(layers, shape: tuple[int, ...], where: str, scaled: bool) -> BuiltLayers:
    """Builds the ops of a list for samples of this shape; `where` names the list in messages."""
    pieces: list[BuiltLayer] = []
    homes: list[int | None] = []
    for position, spec in enumerate(layers):
        place = Position(f"{where}[{position}]", spec)
        if not isinstance(spec, specs.Layer):
            hint = ", an instance, not the class" if isinstance(spec, type) else ""
            raise ValueError(
                f"{place.name} must be a layer of fusednn.layers{hint}; got {spec!r}."
            )
        # scaling comes before all layers, but after an embedding, whose codes are not scaled
        if scaled and (pieces or not isinstance(spec, specs.Embedding)):
            pieces.append(BuiltLayer(Standardize(shape[-1]), None))
            scaled = False
        after = _epilogue(place, spec, pieces[-1].op.after if pieces else None)
        if after is not None and pieces[-1].spec is not None:
            pieces[-1] = pieces[-1]._replace(op=_with_after(pieces[-1].op, after))
            homes.append(None)
            continue
        at_start = where == "layers" and position == 0
        pieces.append(_piece(place, spec, shape, at_start))
        homes.append(len(pieces) - 1)
        shape = pieces[-1].op.out_shape(shape)
    return BuiltLayers(tuple(pieces), tuple(homes))


def _with_after(op, after: Epilogue):
    return op._replace(after=after) if hasattr(op, "_replace") else replace(op, after=after)


def _epilogue(place: Position, spec, before: Epilogue | None) -> Epilogue | None:
    """Returns the epilogue of the op before with the layer added, or None if it does not fit.

    An epilogue holds one activation, then one dropout.
    """
    if before is None or before.dropout:
        return None
    match spec:
        case specs.Activation() if before == Epilogue():
            return _activation(place, spec.name, spec.slope)
        case specs.Dropout(rate):
            return before._replace(dropout=float(rate), alpha=False)
        case specs.AlphaDropout(rate):
            return before._replace(dropout=float(rate), alpha=True)
    return None


def _activation(place: Position, name: str, slope: float | None = None) -> Epilogue:
    if name == SOFTMAX:
        raise place.refuse("softmax is for the output only, which applies it by itself")
    known = ALIASES.get(name, name)
    if known not in ACTIVATIONS:
        names = ", ".join(sorted([*ACTIVATIONS, *ALIASES]))
        raise place.refuse(f"there is no activation {name!r}; expected one of {names}")
    return epilogue(known, () if slope is None else (float(slope),))


def _dense(place: Position, spec: specs.Dense, width: int) -> Dense:
    if spec.init is not None and spec.init not in INITIALIZERS:
        names = ", ".join(INITIALIZERS)
        raise place.refuse(f"there is no initialisation {spec.init!r}; expected one of {names}")
    return Dense(
        width,
        int(spec.units),
        _activation(place, spec.activation),
        bias=bool(spec.bias),
        rate=float(spec.rate_factor),
        decay=float(spec.decay_factor),
        max_norm=float("inf") if spec.max_norm is None else float(spec.max_norm),
        weight_norm=bool(spec.weight_norm),
    )


def _piece(place: Position, spec, shape: tuple[int, ...], at_start: bool) -> BuiltLayer:
    width = shape[-1]
    match spec:
        case specs.Dense():
            return BuiltLayer(_dense(place, spec, width), spec)
        case specs.Activation():
            return BuiltLayer(Identity(width, _activation(place, spec.name, spec.slope)), spec)
        case specs.Dropout() | specs.AlphaDropout():
            rate, alpha = float(spec.rate), isinstance(spec, specs.AlphaDropout)
            return BuiltLayer(Identity(width, Epilogue(dropout=rate, alpha=alpha)), spec)
        case specs.GaussianNoise(deviation):
            return BuiltLayer(GaussianNoise(width, deviation=float(deviation)), spec)
        case specs.PReLU():
            rectifier = PReLU(width, rate=float(spec.rate_factor), start=float(spec.slope))
            return BuiltLayer(rectifier, spec)
        case specs.BatchNorm(momentum, epsilon, rate):
            norm = BatchNorm(width, rate=float(rate), momentum=float(momentum))
            return BuiltLayer(replace(norm, epsilon=float(epsilon)), spec)
        case specs.LayerNorm(epsilon, rate) | specs.RMSNorm(epsilon, rate):
            centered = isinstance(spec, specs.LayerNorm)
            op = LayerNorm(width, rate=float(rate), centered=centered, epsilon=float(epsilon))
            return BuiltLayer(op, spec)
        case specs.Residual(inner):
            return _residual(place, spec, inner, shape)
        case specs.Reshape(sizes, channels):
            if prod(sizes) != prod(shape):
                raise place.refuse(
                    f"it received {_as_text(shape)} and expected {prod(sizes)} elements"
                )
            return BuiltLayer(Reshape(sizes, channels == "first"), spec)
        case specs.Flatten():
            return BuiltLayer(Reshape((prod(shape),)), spec)
        case specs.Embedding():
            if not at_start:
                raise place.refuse("it reads columns of the data, so it must be the first layer")
            return BuiltLayer(_embedding(place, spec, width), spec)
    raise place.refuse("networks do not support this layer")


def _residual(place: Position, spec, inner, shape: tuple[int, ...]) -> BuiltLayer:
    if not inner:
        raise place.refuse("it has no layers inside")
    built = _built(inner, shape, f"{place.name}.layers", False)
    found = shapes_along(built.ops, shape)[-1]
    if found != shape:
        same, ends = "the same", _as_text(found)
        if len(shape) == len(found) == 1:
            same, ends = "as many", str(found[0])
        raise place.refuse(
            f"it received {_as_text(shape)} and expected {same} at its end, not {ends}"
        )
    return BuiltLayer(Residual(built.ops), spec, built)


def _as_text(shape: tuple[int, ...]) -> str:
    """The shape of a sample, for messages."""
    return f"{shape[0]} columns" if len(shape) == 1 else f"axes {shape}"


def vector_sizes(spec: specs.Embedding, categories: Sequence[int]) -> list[int]:
    """The number of elements of a vector, for each column of codes."""
    return [spec.size or min(50, (count + 1) // 2) for count in categories]


def _embedding(place: Position, spec: specs.Embedding, width: int) -> Embedding:
    largest = max(spec.columns)
    if largest >= width:
        raise place.refuse(f"it received {width} columns and expected at least {largest + 1}")
    assert spec.categories is not None  # the estimator has set them from the data
    return Embedding(
        width,
        tuple(spec.columns),
        tuple(spec.categories),
        tuple(vector_sizes(spec, spec.categories)),
        rate=float(spec.rate_factor),
        decay=float(spec.decay_factor),
    )

"""What a list of descriptions says of its ends: its output layer, and the data it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from fusednn import layers as specs
from fusednn.graph.layers.reshape import Reshape

from .built_layers import Position

SOFTMAX = "softmax"


def divided(layers: Sequence, outputs: int, link: str) -> tuple[list, specs.Dense]:
    """Splits a list into the hidden layers and the output layer.

    The output layer is the list's last layer if that is an `Output` or has a softmax, otherwise a
    new one.

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
    if layers and isinstance(layers[-1], specs.Output):
        return layers[:-1], layers[-1].dense(outputs)
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


def has_output(layers: Sequence) -> bool:
    """Whether the list has its own output layer."""
    return bool(layers) and (
        isinstance(layers[-1], specs.Output) or output_units(layers) is not None
    )


def output_units(layers: Sequence) -> int | None:
    """The units that the list gives its output layer, or None where the targets decide.

    It gives some with a last `Dense(units, "softmax")`, or `Dense(units)` before
    `Activation("softmax")`.
    """
    last = layers[-1] if layers else None
    if isinstance(last, specs.Activation) and last.name == SOFTMAX:
        layers = layers[:-1]
        plain = {"identity", SOFTMAX}
    else:
        plain = {SOFTMAX}
    last = layers[-1] if layers else None
    return last.units if isinstance(last, specs.Dense) and last.activation in plain else None


def width_taken(layers: Sequence) -> int | None:
    """A number of input columns that suits the list, or None if any number will do."""
    for spec in layers:
        if isinstance(spec, specs.Dense):
            return None
        if isinstance(spec, specs.Reshape):
            return prod(spec.shape)
        if isinstance(spec, specs.Periodic | specs.PiecewiseLinear):
            if spec.columns is not None:
                return max(spec.columns) + 1
            if isinstance(spec, specs.PiecewiseLinear) and not isinstance(spec.edges, str):
                return len(spec.edges)
            return None
        if isinstance(spec, specs.Residual):
            units = [inner.units for inner in spec.layers if isinstance(inner, specs.Dense)]
            return units[-1] if units else width_taken(spec.layers)
    return None


def reshape_of_data(layers: Sequence, shape: tuple[int, ...]) -> specs.Reshape | None:
    """The list's first `Reshape` if its axes are those of the data, whatever axes X has.

    That is so if X has columns, or these axes, or if the channels come first: X's axes then do not
    say which its channels are. Another first `Reshape` changes the axes of X.
    """
    first = layers[0] if layers else None
    if not isinstance(first, specs.Reshape) or prod(first.shape) != prod(shape):
        return None
    is_first = first.channels == "first"
    if len(shape) > 1 and not is_first and shape not in Reshape(first.shape).axes_read:
        return None
    return first

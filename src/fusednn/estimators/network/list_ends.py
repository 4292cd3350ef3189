"""What a list of descriptions says of its ends: its output layer, and the columns it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from fusednn import layers as specs

from .built_layers import Position

SOFTMAX = "softmax"


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

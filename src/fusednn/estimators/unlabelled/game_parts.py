"""Builds a generator and a discriminator from their lists."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from fusednn import layers as specs
from fusednn.estimators.network.built_layers import BuiltLayer, BuiltLayers, Position
from fusednn.graph.game import is_piecewise_linear
from fusednn.graph.layers.epilogue import NOTHING
from fusednn.graph.layers.layer import Layer, walked, with_after
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.untrained import GaussianNoise, Standardize

from .lists import (
    Pair,
    built_list,
    check_end,
    flat_at_end,
    joined,
    shape_behind,
    with_noise,
)

NAMES = "generator", "discriminator"


def paired_players(
    generator: Sequence, discriminator: Sequence, inputs: int, axes: tuple[int, ...],
    noise: float, scaled: tuple[bool, bool] = (False, False),
) -> Pair:  # fmt: skip
    """Builds both networks.

    Parameters
    ----------
    generator, discriminator : sequence of specs.Layer
        The latter with its output layer.
    inputs : int
        The numbers that the generator gets.
    axes : tuple of int
        The axes of a sample of X.
    noise : float
        The standard deviation of the noise that the discriminator's input gets.
    scaled : tuple of bool
        Whether the generator ends, and the discriminator begins, with a scaling by the range of X.

    Raises
    ------
    ValueError
        If a layer does not fit, or the generator does not end with samples of X or has no weights.
    """
    maker = built_list("generator", generator, (inputs,))
    check_end("generator", generator, shape_behind(maker, (inputs,)), axes)
    if not maker.has_trained:
        raise ValueError("generator has no weights, so there is nothing to train.")
    maker = _activated_flat(flat_at_end(maker, (inputs,)))
    if scaled[0]:
        maker = _with_scaling(maker, len(maker.pieces), prod(axes))
    judge = with_noise(built_list("discriminator", discriminator, axes), noise)
    if scaled[1]:  # behind what reads the axes of X
        judge = _with_scaling(judge, 1, judge.ops[0].fan_out)
    pair = Pair(joined(maker, judge), len(maker.pieces), axes)
    for name, ops in zip(NAMES, halves(pair), strict=True):
        _check_ops(name, ops, prod(axes) if name == NAMES[1] else inputs)
    return pair


def _activated_flat(built: BuiltLayers) -> BuiltLayers:
    """The list with the activation behind the reshape that it may end with.

    An image of one channel has a vector for each pixel, its row flat has none to spare.
    """
    if len(built.pieces) < 2:
        return built
    *others, before, last = built.pieces
    is_plain = isinstance(last.op, Reshape) and last.op.after == NOTHING
    if not is_plain or before.op.after.dropout:
        return built
    moved = (
        before._replace(op=with_after(before.op, NOTHING)),
        last._replace(op=with_after(last.op, before.op.after)),
    )
    return BuiltLayers((*others, *moved), built.homes)


def _with_scaling(built: BuiltLayers, at: int, width: int) -> BuiltLayers:
    """The list with a scaling before piece number `at`, or at its end."""
    piece = BuiltLayer(Standardize(width), None)
    homes = tuple(home if home is None or home < at else home + 1 for home in built.homes)
    return BuiltLayers((*built.pieces[:at], piece, *built.pieces[at:]), homes)


def set_scaling(pair: Pair, arrays: list[np.ndarray], middle: float, half: float) -> None:
    """Sets the scalings of both lists: from [-1, 1] to the range of X, and back. In place."""
    number = 0
    for at, op in enumerate(pair.built.ops):
        if isinstance(op, Standardize):
            makes = at < pair.first
            arrays[number][:] = -middle / half if makes else middle
            arrays[number + 1][:] = half if makes else 1 / half
        number += len(op.parameters())


def halves(pair: Pair) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """The ops of the generator, and those of the discriminator."""
    ops = pair.built.ops
    return ops[: pair.first], ops[pair.first :]


def with_output(
    discriminator: Sequence, axes: tuple[int, ...], outputs: int
) -> tuple[specs.Layer, ...]:
    """The discriminator's list with its output layer."""
    shape = shape_behind(built_list("discriminator", discriminator, axes), axes)
    flat = (specs.Flatten(),) if len(shape) > 1 else ()
    return (*discriminator, *flat, specs.Dense(outputs))


def _check_ops(name: str, ops: Sequence[Layer], columns: int) -> None:
    """Refuses options of layers that a game does not have."""
    for op, _ in walked(ops, (columns,)):
        if getattr(op, "weight_norm", False):
            raise ValueError(f"{name} has weight_norm=True, which adversarial training lacks.")
        if getattr(op, "max_norm", float("inf")) < float("inf"):
            raise ValueError(f"{name} has max_norm, which adversarial training lacks.")


def check_penalty(discriminator: Sequence, ops: Sequence[Layer], is_default: bool = False) -> None:
    """Refuses a gradient penalty for a discriminator whose slopes are not known in pieces."""
    if is_piecewise_linear(ops):
        return
    instead = "set spectral_norm=True instead"
    for number, spec in enumerate(discriminator):
        if isinstance(spec, specs.Flatten | specs.Reshape):
            continue
        flat = isinstance(spec, specs.Dense | specs.Activation)
        name = getattr(spec, "activation", getattr(spec, "name", None))
        if flat and name in ("identity", "relu", "leaky_relu"):
            continue
        if is_default:
            raise ValueError(
                "penalty needs dense layers, but the default discriminator of images has"
                f" convolutions: {instead}."
            )
        place = Position(f"discriminator[{number}]", spec)
        raise place.refuse(
            "penalty needs dense layers with activation 'identity', 'relu' or 'leaky_relu';"
            f" for other layers {instead}"
        )
    if any(isinstance(op, GaussianNoise) for op in ops):
        raise ValueError(f"penalty does not go with instance_noise: {instead}.")
    if any(op.after.dropout for op in ops):
        raise ValueError(f"penalty needs layers without dropout: {instead}.")
    raise ValueError("penalty needs samples that are rows: begin discriminator with Flatten().")

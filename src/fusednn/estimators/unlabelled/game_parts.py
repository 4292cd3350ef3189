"""Builds a generator and a discriminator, and says what is wrong with a game."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from fusednn import layers as specs
from fusednn.estimators.network.built_layers import Position
from fusednn.graph.game import is_piecewise_linear
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer import Layer, walked

from .lists import (
    Pair,
    built_list,
    check_end,
    flat_at_end,
    joined,
    shape_behind,
    with_noise,
)

LEAST_VARIETY = 0.2
"""Generated rows that spread less than this share of the data's spread are alike."""

CERTAIN = 0.99
"""A discriminator that judges this share of rows rightly has won."""

LEAST_PUSH = 1e-3
"""A gradient below this share of its largest has vanished."""

RECENT = 3
"""The last passes that a diagnosis looks at."""

NAMES = "generator", "discriminator"


def paired_players(
    generator: Sequence, discriminator: Sequence, inputs: int, axes: tuple[int, ...], noise: float
) -> Pair:
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

    Raises
    ------
    ValueError
        If a layer does not fit, or the generator does not end with samples of X.
    """
    maker = built_list("generator", generator, (inputs,))
    check_end("generator", generator, shape_behind(maker, (inputs,)), axes)
    maker = flat_at_end(maker, (inputs,))
    judge = with_noise(built_list("discriminator", discriminator, axes), noise)
    pair = Pair(joined(maker, judge), len(maker.pieces), axes)
    for name, ops in zip(NAMES, halves(pair), strict=True):
        _check_ops(name, ops, prod(axes) if name == NAMES[1] else inputs)
    return pair


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


def check_penalty(discriminator: Sequence, ops: Sequence[Layer]) -> None:
    """Refuses a gradient penalty for a discriminator whose slopes are not known in pieces."""
    if is_piecewise_linear(ops):
        return
    for number, spec in enumerate(discriminator):
        flat = isinstance(spec, specs.Dense | specs.Activation)
        name = getattr(spec, "activation", getattr(spec, "name", None))
        if not flat or name not in ("identity", "relu", "leaky_relu"):
            place = Position(f"discriminator[{number}]", spec)
            raise place.refuse(
                "penalty needs dense layers without options, with activation 'identity', 'relu'"
                " or 'leaky_relu'; for other layers choose loss='hinge' without a penalty"
            )
    if not all(isinstance(op, Dense) for op in ops):
        raise ValueError("penalty does not go with instance_noise.")
    raise ValueError("penalty needs dense layers without dropout and weight_norm.")


def troubles_of(history: dict[str, list[float]]) -> list[str]:
    """The well-known failures that a history shows, a message for each."""
    found: list[str] = []
    last = {name: values[-RECENT:] for name, values in history.items()}
    if not last.get("variety"):
        return found
    if max(last["variety"]) < LEAST_VARIETY:
        found.append(
            f"Generated samples are alike (mode collapse): they spread {last['variety'][-1]:.2f}"
            " times as much as the data. Lower learning_rate_init, take more latent numbers, or"
            " set instance_noise or penalty."
        )
    if len(last["accuracy"]) == RECENT and min(last["accuracy"]) > CERTAIN:
        found.append(
            f"The discriminator wins: it judges {last['accuracy'][-1]:.1%} of the rows rightly."
            " Lower discriminator_learning_rate_init, or set label_smoothing or instance_noise."
        )
    push = history["push"]
    if max(last["push"]) < LEAST_PUSH * max(push):
        found.append(
            "The gradient that the discriminator hands to the generator has vanished: it is"
            f" {last['push'][-1] / max(push):.1e} times its largest norm. Choose"
            " loss='least_squares', or 'wasserstein' with a penalty."
        )
    return found

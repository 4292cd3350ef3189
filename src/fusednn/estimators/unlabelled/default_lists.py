"""The lists of layers that are used where the user gives none; they follow from X's width."""

from __future__ import annotations

from math import prod

from fusednn import layers as specs

LEAST_UNITS, MOST_UNITS = 64, 512
"""Bounds of the units of a hidden layer."""

ACTIVATION = "silu"
"""A smooth one: with "relu" the error on other digits than those of the fit is a tenth larger."""

MOST_NUMBERS = 32
"""The most numbers of a code."""


def numbers_of(columns: int) -> int:
    """How many numbers a code has: a quarter of the columns, within bounds."""
    return max(1, min(MOST_NUMBERS, -(-columns // 4)))


def units_of(columns: int) -> int:
    """The units of the hidden layer beside the data: four times its columns, within bounds."""
    return max(LEAST_UNITS, min(MOST_UNITS, 4 * columns))


def default_encoder(axes: tuple[int, ...]) -> tuple[specs.Layer, ...]:
    """Two hidden layers, and the code."""
    columns = prod(axes)
    units = units_of(columns)
    flat = (specs.Flatten(),) if len(axes) > 1 else ()
    hidden = specs.Dense(units, ACTIVATION), specs.Dense(units // 2, ACTIVATION)
    return (*flat, *hidden, specs.Dense(numbers_of(columns)))


def default_decoder(axes: tuple[int, ...]) -> tuple[specs.Layer, ...]:
    """The same layers in the opposite order, and the data."""
    columns = prod(axes)
    units = units_of(columns)
    hidden = specs.Dense(units // 2, ACTIVATION), specs.Dense(units, ACTIVATION)
    return (*hidden, specs.Dense(columns))

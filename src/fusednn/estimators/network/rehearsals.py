"""The axes of samples that a list of layers takes: data for `warmup`, which has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from fusednn import layers as specs

from .building import build
from .first_layer import has_tokens
from .list_ends import SOFTMAX, divided, output_units, width_taken
from .windows import takes_images

SIZES = 8, 16, 28, 32, 64, 128
"""Rows, columns or steps that are tried."""


def axes_taken(layers: Sequence) -> tuple[int, ...]:
    """The smallest axes that are found to suit the layers, columns before axes.

    Where none suit, some that they are meant for, so that the fit says what is wrong.
    """
    units = output_units(layers)
    hidden, output = divided(layers, units or 1, SOFTMAX)
    columns = (width_taken(layers) or 4,)
    tried = [columns, *axes_tried(hidden)]
    if has_tokens(hidden):
        first = hidden[0]
        hidden[0] = replace(first, count=first.count or 2 + (first.padding or 0))
        tried = [(steps,) for steps in SIZES]
    for shape in tried:
        try:
            build(hidden, output, shape, scaled=False)
        except ValueError:
            continue
        return shape
    return tried[1] if takes_images(layers) else columns


def axes_tried(layers: Sequence) -> Iterator[tuple[int, ...]]:
    """The axes of images, then of series, of few channels, or of as many as a layer has."""
    channels = list(dict.fromkeys([3, 1, *sorted(_channels(layers))]))
    for size, count in product(SIZES, channels):
        yield size, size, count
    for size, count in product(SIZES, channels):
        yield size, count


def _channels(layers: Sequence) -> set[int]:
    """The numbers of groups, filters and units of all layers; for attention two for each head."""
    found = set()
    for spec in layers:
        found |= {getattr(spec, name, 1) or 1 for name in ("groups", "filters", "units")}
        found.add(2 * getattr(spec, "heads", 1))
        if isinstance(spec, specs.Residual):
            found |= _channels([*spec.layers, *(spec.shortcut or ())])
    return found

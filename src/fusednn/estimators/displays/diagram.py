"""Tables of a network's layers, for its HTML representation."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from math import prod

from fusednn import layers as specs
from fusednn.estimators.input.steps import axes_of
from fusednn.estimators.network.building import build
from fusednn.estimators.network.list_ends import SOFTMAX, divided, output_units
from fusednn.graph.layers.layer import shapes_along
from fusednn.graph.layers.tied import Tied

STYLE = "border-collapse: collapse; font-family: monospace; margin-top: 0.5em"
CELL = "border: 1px solid #8888; padding: 0.2em 0.8em; text-align: right"


def layers_html(sizes, activation, out_activation) -> str:
    """Makes an HTML table of layers: units, activation, shape of the weights, parameters.

    Parameters
    ----------
    sizes : list of int
        Units of each layer, the input first.
    activation : str
        The activation of the hidden layers.
    out_activation : str
        The output function.
    """
    rows = [("layer", "units", "activation", "weights", "parameters")]
    rows.append(("input", str(sizes[0]), "", "", ""))
    total = 0
    last = len(sizes) - 2
    for number, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        count = (fan_in + 1) * fan_out
        total += count
        name = "output" if number == last else f"hidden {number}"
        function = out_activation if number == last else activation
        shape = f"{fan_in} \u00d7 {fan_out} + {fan_out}"
        rows.append((name, str(fan_out), function, shape, f"{count:,}"))
    rows.append(("total", "", "", "", f"{total:,}"))
    return rows_html(rows)


def rows_html(rows) -> str:
    """Makes an HTML table of rows of text; the first row is the head."""
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{escape(text)}</td>' for text in row) + "</tr>"
        for row in rows
    )
    return f'<table class="fusednn-layers" style="{STYLE}">{body}</table>'


def described(built, layers, shape) -> list[tuple[str, str, str]]:
    """Makes the rows of a table of layers: the shape of each output, and parameters.

    Parameters
    ----------
    built : BuiltLayers
    layers : sequence of fusednn.layers.Layer
        The hidden layers.
    shape : tuple of int
        The axes of a sample of the data.
    """

    def text_of(shape):
        return " \u00d7 ".join(map(str, shape))

    rows = [("layer", "output", "parameters"), ("input", text_of(shape), "")]
    shapes = shapes_along(built.ops, (built.ops[0].fan_in,))[1:]
    total = 0
    for number, home in enumerate(built.homes):
        name = repr(layers[number]) if number < len(layers) else "output"
        if home is None:  # part of the layer before it
            rows.append((name, rows[-1][1], ""))
            continue
        op = built.pieces[home].op
        count = sum(prod(parameter.shape) for parameter in op.parameters())
        total += count
        shown = "tied" if isinstance(op, Tied) else f"{count:,}"
        rows.append((name, text_of(shapes[home]), shown))
    rows.append(("total", "", f"{total:,}"))
    return rows


def table_of(estimator) -> str:
    """The table of an estimator's list of layers.

    Before the fit there is one if the list begins with `Reshape`, which gives all shapes.
    """
    if estimator._is_built():
        built, layers = estimator._built_layers, estimator.layers_
        return rows_html(described(built, layers, axes_of(estimator)))
    layers = estimator.layers if isinstance(estimator.layers, list | tuple) else []
    if not layers or not isinstance(layers[0], specs.Reshape):
        return ""
    return _known_table(layers, (prod(layers[0].shape),), bool(estimator.standardize))


def _known_table(layers, shape, scaled: bool) -> str:
    """A table of the layers before the fit; nothing if the list does not fit together."""
    units = output_units(layers)
    try:
        hidden, output = divided(layers, units or 1, SOFTMAX)
        built = build(hidden, output, shape, scaled=scaled)
    except ValueError:
        return ""
    rows = described(built, hidden, shape)
    return rows_html(rows if units else rows[:-2])  # the output waits for the targets

"""Whether a list of layers is a language model: it reads tokens, and no step sees a later one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fusednn import layers as specs
from fusednn.estimators.network.building import build
from fusednn.estimators.network.built_layers import BuiltLayer, BuiltLayers, Position
from fusednn.estimators.network.list_ends import SOFTMAX, divided, has_output
from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.columnwise import Columnwise
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer import Layer, shapes_along
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tied import Tied

STEPWISE = Dense | Columnwise | Gate | Positions | Residual | Chain
"""Ops that give each step a row from that step alone, or that hold others."""


def check_first(layers: Sequence) -> None:
    """Refuses a list that does not begin with tokens, or pads them."""
    if not layers or not isinstance(layers[0], specs.TokenEmbedding):
        found = f"layers[0] is {layers[0]!r}" if layers else "layers is empty"
        raise ValueError(f"A language model reads tokens, but {found}: begin with TokenEmbedding.")
    if layers[0].padding is not None:
        raise Position("layers[0]", layers[0]).refuse(
            "texts are joined to one and none is padded, so leave `padding` out"
        )


def built_model(layers: Sequence, count: int, context: int, tied: bool) -> BuiltLayers:
    """Builds the ops of a language model.

    Parameters
    ----------
    layers : sequence of Layer
    count, context : int
        The number of codes, and steps of a window.
    tied : bool
        Whether the output layer's weights are the vectors of the tokens.

    Raises
    ------
    ValueError
        If a layer does not fit or looks ahead, or cannot be tied; the message names it.
    """
    if tied and has_output(layers):
        raise Position(f"layers[{len(layers) - 1}]", layers[-1]).refuse(
            "with tied=True the vectors of the tokens are the weights of the output layer, so"
            " leave this one out, or set tied=False"
        )
    hidden, output = divided(layers, count, SOFTMAX)
    built = build(hidden, output, (context,), scaled=False)
    for place, op in _places(built, hidden):
        for one in _all_of(op):
            if reason := _refused(one):
                raise place.refuse(f"in a language model {reason}")
    if not tied:
        return built
    width = shapes_along(built.ops[:-1], (context,))[-1][-1]
    if width != layers[0].size:
        raise ValueError(
            f"tied=True makes the vectors of layers[0], of {layers[0].size} numbers, the weights"
            f" of the output layer, but the layers before it end with {width} columns: end with"
            f" Dense({layers[0].size}), or set tied=False."
        )
    last = BuiltLayer(Tied(width, count), None)
    return built._replace(pieces=(*built.pieces[:-1], last))


def _places(built: BuiltLayers, specs: Sequence) -> Iterator[tuple[Position, Layer]]:
    """Each description but the first with its op."""
    for number, home in enumerate(built.homes[1 : len(specs)], 1):
        if home is not None:
            yield Position(f"layers[{number}]", specs[number]), built.pieces[home].op


def _all_of(op: Layer) -> Iterator[Layer]:
    """An op and those inside it."""
    yield op
    for name in ("inner", "shortcut"):
        for one in getattr(op, name, ()):
            yield from _all_of(one)


def _refused(op: Layer) -> str:
    """Why an op cannot be in a language model; empty if it can."""
    match op:
        case Attention():
            return "" if op.causal else "it would look ahead: it needs causal=True"
        case Recurrent():
            if op.both:
                return "it would look ahead: it goes from the last step to the first too"
            return "" if op.sequences else "each step needs a row: it needs return_sequences=True"
        case Convolution() if len(op.windows.sizes) == 1:
            [taps], [stride], [(before, after)], [dilation] = op.windows[1:5]
            if stride == 1 and after == 0 and before == dilation * (taps - 1):
                return ""
            return 'it would look ahead: it needs stride 1 and padding="causal"'
    return "" if isinstance(op, STEPWISE) else "each step needs a row from those before it alone"


def attends(ops: Sequence[Layer]) -> bool:
    """Whether the network sees no more than the steps that its attention keeps."""
    return any(isinstance(one, Attention) for op in ops for one in _all_of(op))


def has_positions(ops: Sequence[Layer]) -> bool:
    """Whether a table of positions fixes the most steps."""
    return any(isinstance(one, Positions) for op in ops for one in _all_of(op))

"""The graphs of adversarial training: a generator and a discriminator that share arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .arrays import FLOAT64, NETWORK, ROWS, Array
from .calls import Call, Graph
from .gradients import Gradient, Sum
from .layers.dense import Dense
from .layers.epilogue import NONE, NOTHING, OF_OUTPUT
from .layers.layer import Layer
from .layers.reshape import Reshape
from .network import loss_calls
from .trace import Trace


class GeneratorGraph(NamedTuple):
    """The generator's step, through a discriminator that is not trained.

    Parameters
    ----------
    graph : Graph
        Its parameters are those of both.
    made : Array
        The generated rows, which are complete when the first segments are over.
    dmade : Array or None
        The gradient by these rows, which the discriminator hands back.
    segments : int
        How many segments give the generated rows.
    """

    graph: Graph
    made: Array
    dmade: Array | None
    segments: int


def generator_graph(
    generator: Sequence[Layer], discriminator: Sequence[Layer], scaled: bool = False
) -> GeneratorGraph:
    """Generated rows; then the discriminator's answer to them, and the way back to the noise.

    `scaled`: the discriminator's weights are divided by their largest singular value.
    """
    trace = Trace(Array((generator[0].fan_in,)), trains=True, noisy=True)
    [*_, made] = trace.along(generator, _gathered(trace))
    segments = 1 + sum(call.once for call in trace.calls)
    trace.call_once("wait", {"out": Array((1,), NETWORK)})
    behind, trace.tape = trace.tape, []
    trace.is_frozen, trace.is_scaled = True, scaled
    [*_, found] = trace.along(discriminator, made)
    dlogits, losses = loss_calls(trace, found, groups=1, mixed=False)
    trace.losses = losses
    dmade = trace.back(dlogits, trace.tape)
    trace.back(dmade, behind)
    return GeneratorGraph(_graph(trace, found, losses), made, dmade, segments)


def discriminator_graph(discriminator: Sequence[Layer], scaled: bool = False) -> Graph:
    """The discriminator's step on gathered rows, of data and generated."""
    trace = Trace(Array((discriminator[0].fan_in,)), trains=True, noisy=True)
    trace.is_scaled = scaled
    [*_, found] = trace.along(discriminator, _gathered(trace))
    dlogits, losses = loss_calls(trace, found, groups=1, mixed=False)
    trace.losses = losses
    trace.back(dlogits, trace.tape)
    return _graph(trace, found, losses)


def is_piecewise_linear(ops: Sequence[Layer]) -> bool:
    """Whether `penalty_graph` takes these ops: dense, with slopes that are constant in pieces.

    Reshapes between that leave a row's elements as they are do not count.
    """
    shape: tuple[int, ...] = (ops[0].fan_in,)
    for op in ops:
        plain = isinstance(op, Reshape) and not op.channels_first and op.after == NOTHING
        if not plain and not (_is_piecewise(op) and len(shape) == 1):
            return False
        shape = op.out_shape(shape)
    return True


def _is_piecewise(op: Layer) -> bool:
    return (
        isinstance(op, Dense)
        and not op.weight_norm
        and not op.after.dropout
        and op.after.activation in PIECEWISE
    )


PIECEWISE = "identity", "relu", "leaky_relu"


def penalty_graph(discriminator: Sequence[Layer], factor: float, scaled: bool = False) -> Graph:
    """The gradient penalty on mixtures of data and generated rows, and its gradient.

    The discriminator's derivative by its input is a chain of products: from the output back, each
    layer multiplies by its weights and slopes, d = (d_next w^T) slopes. The slopes are constant in
    pieces, so the derivative of a function of the last d by the weights runs along the same chain
    the other way: u_next = (u w) slopes, and the gradient of w is the sum of u^T d_next.
    """
    trace = Trace(Array((discriminator[0].fan_in,)), trains=True)
    trace.is_scaled = scaled
    x = _gathered(trace)
    layers = []
    for op in discriminator:
        if isinstance(op, Reshape):  # between rows it changes nothing
            continue
        assert isinstance(op, Dense)
        w, b = trace.take(op.parameters())
        out = Array((op.fan_out,))
        given = {"b": b, "floor": op.after.floor, "storage": ""}
        trace.call("dense", {"out": out}, x=x, w=w, **given)
        x = op.after.trace(trace, out, floored=True)
        layers.append((op, w, x))
    d = Array(x.shape)
    trace.call("pick_class", {"dlogits": d}, logits=x)
    gradients: dict[int, Gradient] = {}
    pulled = []
    for op, w, out in reversed(layers):
        d = _times_slopes(trace, op, out, d)
        pulled.append(d)
        before = Array((op.fan_in,))
        trace.call("dense_backward", {"dx": before}, dz=d, w=w)
        d = before
    losses = Array((1,), ROWS, FLOAT64)
    u = Array(d.shape)
    trace.call("penalize", {"out": u, "losses": losses}, x=d, factor=float(factor))
    for number, ((op, w, out), dz) in enumerate(zip(layers, reversed(pulled), strict=True)):
        gradients[2 * number] = Sum(u, dz)
        if number + 1 < len(layers):
            after = Array((op.fan_out,))
            no_floor = {"b": None, "floor": float("-inf"), "storage": ""}
            trace.call("dense", {"out": after}, x=u, w=w, **no_floor)
            u = _times_slopes(trace, op, out, after)
    graph = _graph(trace, x, losses)
    return graph._replace(gradients=gradients)


def _times_slopes(trace: Trace, op: Dense, out: Array, d: Array) -> Array:
    """A gradient times the slopes of a layer's activation where its output is `out`."""
    if op.after.derivative == NONE:
        return d
    assert op.after.derivative == OF_OUTPUT
    found, after = Array(d.shape), op.after
    named = {"activation": after.activation, "constants": after.constants}
    trace.call("differentiate", {"dx": found}, dout=d, out=out, **named)
    return found


def _gathered(trace: Trace) -> Array:
    """The rows of a batch, copied."""
    x = Array(trace.x.shape)
    trace.call("gather", {"out": x}, x=trace.x, order="own", padded=False)
    return x


def _graph(trace: Trace, logits: Array, losses: Array) -> Graph:
    calls: list[Call] = trace.calls
    return Graph(
        trace.x,
        logits,
        losses,
        tuple(trace.parameters),
        tuple(trace.normed),
        tuple(trace.prepared),
        tuple(calls),
        trace.gradients,
        None,
        (),
        trace.streams,
        trace.lengths,
        tuple(trace.carried),
        scaled=tuple(trace.scaled),
        varied=tuple(trace.varied),
    )

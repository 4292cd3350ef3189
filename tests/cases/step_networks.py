"""Networks over series of any length that can be run step by step, and layers that cannot."""

from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.untrained import Standardize
from fusednn.graph.windows import Windows
from fusednn.plan.binding.activations import epilogue

CHANNELS, MOST = 3, 11


def causal(inputs, filters, taps, steps, dilation=1, activation="identity", **more):
    reach = dilation * (taps - 1)
    windows = Windows((steps,), (taps,), (1,), ((reach, 0),), (dilation,))
    return Convolution(inputs, filters, windows, epilogue(activation), **more)


def convolutions(steps):
    """Reads one channel, all, each by itself and groups; gives the output of each step."""
    return (
        causal(3, 8, 3, steps, activation="relu"),
        Residual(
            (causal(8, 8, 2, steps, 4, "tanh", groups=8), LayerNorm(8), Dense(8, 8)),
            shortcut=(causal(8, 8, 1, steps),),
        ),
        causal(8, 6, 3, steps, 2, groups=2),
        PReLU(6),
        Periodic(6, (1,), 3, 2),
        PiecewiseLinear(7, (0, 4), (1, 2), 3),
        PiecewiseLinear(11, (2,), (3,)),
        Parametric(13, function=epilogue("gelu")),
        Scaling(13),
        Dense(13, 2),
    )


def mixed(steps):
    """Recurrences behind convolutions; the last gives its last state."""
    return (
        Standardize(3),
        causal(3, 16, 4, steps, 2, "gelu"),
        BatchNorm(16, epilogue("silu")),
        causal(16, 16, 2, steps, 3, groups=16),
        causal(16, 17, 1, steps),
        Residual((Recurrent(17, 17, "gru", sequences=True),)),
        causal(17, 12, 2, steps),
        causal(12, 6, 3, steps, groups=2),
        Recurrent(6, 4, "tanh", sequences=True),
        Recurrent(4, 5, "lstm", after=epilogue("tanh")),
        Dense(5, 3),
    )


def attending(width, size, heads, key_heads, base=0.0):
    """Causal attention between its two products."""
    op = Attention(size, heads, key_heads, causal=True, base=base)
    return Dense(width, op.fan_in), op, Dense(op.fan_out, width)


def rotary(steps):
    """Two blocks with rotary positions, shared key heads, root mean squares and gates."""
    blocks = [
        (
            Residual((LayerNorm(12, centered=False), *attending(12, 6, 4, 2, 100.0))),
            Residual((LayerNorm(12), Dense(12, 20), Gate(10), Dense(10, 12))),
        )
        for _ in range(2)
    ]
    return Dense(3, 12), *(op for block in blocks for op in block), Dense(12, 5)


def learned(steps):
    """Positions of `MOST` steps, norms behind the branches, one key head."""
    return (
        Dense(3, 10, epilogue("tanh")),
        Positions(MOST, 10),
        Residual(attending(10, 5, 2, 1)),
        LayerNorm(10),
        Residual((Dense(10, 30, epilogue("gelu")), Dense(30, 10))),
        LayerNorm(10),
        Recurrent(10, 4, "gru"),
        Dense(4, 3),
    )


STEPPED = {
    "LSTM": lambda steps: (Recurrent(3, 21, "lstm"), Dense(21, 2)),
    "GRU, sequences": lambda steps: (Recurrent(3, 21, "gru", sequences=True), Dense(21, 6)),
    "RNN, sequences": lambda steps: (
        Recurrent(3, 17, "tanh", sequences=True),
        LayerNorm(17),
        Recurrent(17, 4, "relu", sequences=True),
    ),
    "convolutions": convolutions,
    "mixed": mixed,
    "rotary attention": rotary,
    "learned positions": learned,
}
"""Ops by the number of steps; the parameters are the same for any number."""


def ops_of(name, steps):
    """The ops of a network of `STEPPED`, with the samples' axes before them."""
    return Reshape((steps, CHANNELS)), *STEPPED[name](steps)

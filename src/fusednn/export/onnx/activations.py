"""Each activation as ONNX operators, stable for any finite number.

ONNX Runtime has no float64 kernels of Elu, Selu, Softplus, Erf and HardSigmoid, and has PRelu's
only in some opsets; attributes are float32. So float64 networks use simpler operators, which keep
all digits. A sigmoid that is a factor is written as a division: runtimes bound Sigmoid away from
0, and a large other factor would make that visible.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fusednn.graph.layers.epilogue import Epilogue

# the kernels' constants, so that no digits are written twice
from fusednn.kernels.activations import _CUBIC, _TWICE_ROOT
from fusednn.kernels.coefficients import CDF, CDF_FIRST, CDF_MOST, CDF_SHIFT
from fusednn.plan.binding.activations import constants_of

from .graph import Graph

_MISH_MOST = 20.0
"""From here up Mish equals the identity, to the last bit of float64."""


def add_activation(graph: Graph, x: str, after: Epilogue) -> str:
    """Adds an activation of x, and returns the name of its output.

    Raises
    ------
    TypeError
        If ONNX has no form of the activation.
    """
    if after.activation not in FORMS:
        raise TypeError(f"ONNX has no form of the activation {after.activation!r} here")
    return FORMS[after.activation](graph, x, constants_of(after))


def _identity(graph: Graph, x: str, constants) -> str:
    return x


def _operator(kind: str) -> Callable[..., str]:
    """The form of an activation that is one operator without attributes."""
    return lambda graph, x, constants: graph.node(kind, x)


def prelu(graph: Graph, x: str, slopes: str) -> str:
    """PReLU: x, multiplied by its slope where x is negative; `slopes` names a constant."""
    if graph.dtype == np.float32:
        return graph.node("PRelu", x, slopes)
    below = graph.node("Mul", graph.node("Min", x, graph.number(0)), slopes)
    return graph.node("Add", graph.node("Relu", x), below)


def _leaky_relu(graph: Graph, x: str, constants) -> str:
    return prelu(graph, x, graph.number(constants[0]))


def _elu(graph: Graph, x: str, constants) -> str:
    scale, size = constants
    if graph.dtype == np.float32:
        if scale == 1:
            return graph.node("Elu", x, alpha=size)
        return graph.node("Selu", x, gamma=scale, alpha=size / scale)
    zero, one = graph.number(0), graph.number(1)
    below = graph.node("Sub", graph.node("Exp", graph.node("Min", x, zero)), one)
    below = graph.node("Mul", below, graph.number(size))
    above = graph.node("Mul", graph.node("Max", x, zero), graph.number(scale))
    return graph.node("Add", above, below)


def _softplus(graph: Graph, x: str, constants) -> str:
    if graph.dtype == np.float32:
        return graph.node("Softplus", x)
    small = graph.node("Exp", graph.node("Neg", graph.node("Abs", x)))
    rest = graph.node("Log", graph.node("Add", small, graph.number(1)))
    return graph.node("Add", graph.node("Relu", x), rest)


def _gated(graph: Graph, x: str, y: str) -> str:
    """x sigmoid(y) = x / (1 + exp(-y)); it is 0 where exp(-y) is infinite."""
    below = graph.node("Exp", graph.node("Neg", y))
    return graph.node("Div", x, graph.node("Add", below, graph.number(1)))


def _silu(graph: Graph, x: str, constants) -> str:
    return _gated(graph, x, x)


def _gelu_tanh(graph: Graph, x: str, constants) -> str:
    cubic = graph.node("Mul", graph.node("Mul", x, x), graph.number(_TWICE_ROOT * _CUBIC))
    return _gated(
        graph, x, graph.node("Mul", x, graph.node("Add", cubic, graph.number(_TWICE_ROOT)))
    )


def _gelu(graph: Graph, x: str, constants) -> str:
    if graph.dtype == np.float32:
        cdf = graph.node("Erf", graph.node("Div", x, graph.number(2**0.5)))
        cdf = graph.node("Add", cdf, graph.number(1))
        return graph.node("Mul", graph.node("Mul", x, graph.number(0.5)), cdf)
    zero, one = graph.number(0), graph.number(1)
    a = graph.node("Min", graph.node("Abs", x), graph.number(CDF_MOST[1]))
    square = graph.node("Mul", graph.node("Mul", a, a), graph.number(-0.5))
    q = graph.node("Div", one, graph.node("Add", a, graph.number(CDF_SHIFT[1])))
    t = graph.node("Sub", graph.node("Mul", graph.node("Add", a, a), q), one)
    coefficients = [CDF_FIRST[1], *CDF[1]]
    value = graph.number(coefficients.pop())
    for coefficient in reversed(coefficients):
        value = graph.node("Add", graph.node("Mul", value, t), graph.number(coefficient))
    tail = graph.node("Mul", graph.node("Mul", q, value), graph.node("Exp", square))
    cdf = graph.node("Where", graph.node("Less", x, zero), tail, graph.node("Sub", one, tail))
    return graph.node("Mul", x, cdf)


def _mish(graph: Graph, x: str, constants) -> str:
    """With w = exp(x), tanh(log(1 + w)) is n / (n + 2), n = w (w + 2)."""
    two = graph.number(2)
    w = graph.node("Exp", graph.node("Min", x, graph.number(_MISH_MOST)))
    n = graph.node("Mul", w, graph.node("Add", w, two))
    return graph.node("Mul", x, graph.node("Div", n, graph.node("Add", n, two)))


def _hard_swish(graph: Graph, x: str, constants) -> str:
    raised = graph.node("Add", x, graph.number(3))
    gate = graph.node("Clip", raised, graph.number(0), graph.number(6))
    return graph.node("Mul", x, graph.node("Mul", gate, graph.number(1 / 6)))


FORMS: dict[str, Callable[..., str]] = {
    "identity": _identity,
    "relu": _operator("Relu"),
    "tanh": _operator("Tanh"),
    "logistic": _operator("Sigmoid"),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _elu,
    "softplus": _softplus,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "mish": _mish,
    "hard_swish": _hard_swish,
}
"""For each of `kernels.activations.ACTIVATIONS`, a function of a graph, the name of the input and
the activation's constants; it returns the name of the output."""

"""Activations: forward and backward side by side, and the one table of them.

Both work in place on `n` adjacent elements of a row block while it is in the cache. The backward
form takes the *output* of the forward one, so a network keeps one buffer per layer; where the
derivative does not follow from the output, training runs a third form, which leaves it in a
buffer of *slopes* of its own. `constants` are an activation's own, in the type of the elements.
"""

from typing import NamedTuple

from ._jit import kernel
from .intrinsics.scalars import cast
from .maths import sigmoid, tanh

CODES = IDENTITY, RELU, TANH, LOGISTIC = tuple(range(4))


@kernel
def relu_backward(dout, out, n, constants):
    """dout = 0 where out <= 0; the forward form is the micro-kernel's floor."""
    zero = cast(0, dout[0])
    for i in range(n):
        dout[i] = dout[i] if out[i] > zero else zero
    return 0


@kernel
def tanh_forward(out, n, constants):
    """out = tanh(out)."""
    for i in range(n):
        out[i] = tanh(out[i])
    return 0


@kernel
def tanh_backward(dout, out, n, constants):
    """dout = dout (1 - out^2)."""
    one = cast(1, dout[0])
    for i in range(n):
        dout[i] = dout[i] * (one - out[i] * out[i])
    return 0


@kernel
def logistic_forward(out, n, constants):
    """out = 1 / (1 + exp(-out))."""
    for i in range(n):
        out[i] = sigmoid(out[i])
    return 0


@kernel
def logistic_backward(dout, out, n, constants):
    """dout = dout out (1 - out)."""
    one = cast(1, dout[0])
    for i in range(n):
        dout[i] = dout[i] * out[i] * (one - out[i])
    return 0


@kernel
def multiply_slopes(dout, slopes, n, constants):
    """dout = dout slopes."""
    for i in range(n):
        dout[i] = dout[i] * slopes[i]
    return 0


@kernel
def activate(out, n, code):
    """The forward form of an activation by its code; ReLU is applied too."""
    if code == RELU:
        zero = cast(0, out[0])
        for i in range(n):
            out[i] = zero if out[i] < zero else out[i]
    elif code == TANH:
        tanh_forward(out, n, out)
    elif code == LOGISTIC:
        logistic_forward(out, n, out)


@kernel
def differentiate(dout, out, n, code):
    """The backward form of an activation by its code."""
    if code == RELU:
        relu_backward(dout, out, n, out)
    elif code == TANH:
        tanh_backward(dout, out, n, out)
    elif code == LOGISTIC:
        logistic_backward(dout, out, n, out)


class Activation(NamedTuple):
    """What a plan needs to know of one activation.

    One with `slopes` has `multiply_slopes` as its backward form. Those with a code can be had
    from the array kernels too.
    """

    code: int | None
    forward: object = None
    backward: object = None
    floor: float = float("-inf")  # the micro-kernel's lower bound
    slopes: object = None
    constants: tuple[float, ...] = ()


ACTIVATIONS = {
    "identity": Activation(IDENTITY),
    "relu": Activation(RELU, backward=relu_backward, floor=0.0),
    "tanh": Activation(TANH, tanh_forward, tanh_backward),
    "logistic": Activation(LOGISTIC, logistic_forward, logistic_backward),
}

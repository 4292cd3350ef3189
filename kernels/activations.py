"""Activations: forward and backward side by side, and the one table of them.

Both work in place on `n` adjacent elements of a row block while it is in the cache. The backward
form takes the *output* of the forward one, so a network keeps one buffer per layer. Where the
derivative cannot be computed from the output, training runs a third form, which also writes the
derivative to a buffer of *slopes*. `constants` are the activation's own, in the type of the
elements.

An activation with slopes has a function of one number that returns the value and the derivative,
since they share the costly parts; the forward form uses the value alone. Both are finite wherever
their limits are: a factor that would overflow beside a factor of 0 is bounded first.
"""

from collections.abc import Callable
from typing import NamedTuple

from ._jit import inline, kernel
from .intrinsics.scalars import cast, fma, pick
from .maths import exp_negated, expm1, normal_parts, sigmoid, softplus, tanh

CODES = IDENTITY, RELU, TANH, LOGISTIC = tuple(range(4))

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer, Unterthiner, Mayr, Hochreiter, Self-Normalizing Neural Networks (2017)."""

_DENSITY_AT_0 = 0.3989422804014327
"""1 / sqrt(2 pi)."""
_TWICE_ROOT = 1.5957691216057308
"""2 sqrt(2 / pi)."""
_CUBIC = 0.044715
_GELU_TANH_MOST = (12.0, 22.0)
"""The gate of gelu_tanh is 1 from here up, and 0 from its negative down."""


@kernel
def relu_forward(out, n, constants):
    """out = max(out, 0); after a product the micro-kernel's floor replaces it."""
    zero = cast(0, out[0])
    for i in range(n):
        out[i] = zero if out[i] < zero else out[i]
    return 0


@kernel
def relu_backward(dout, out, n, constants):
    """dout = 0 where out <= 0."""
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
def leaky_relu_forward(out, n, constants):
    """out = out where out > 0, else slope out; Maas, Hannun, Ng (2013)."""
    slope, zero = constants[0], cast(0, out[0])
    for i in range(n):
        out[i] = out[i] if out[i] > zero else slope * out[i]
    return 0


@kernel
def leaky_relu_backward(dout, out, n, constants):
    """dout = dout where out > 0, else slope dout."""
    slope, zero = constants[0], cast(0, dout[0])
    for i in range(n):
        dout[i] = dout[i] if out[i] > zero else slope * dout[i]
    return 0


@kernel
def elu_forward(out, n, constants):
    """out = scale out where out > 0, else size (exp(out) - 1); Clevert, Unterthiner, Hochreiter
    (2015)."""
    scale, size, zero = constants[0], constants[1], cast(0, out[0])
    for i in range(n):
        z = out[i]
        below = size * expm1(zero if z > zero else z)
        out[i] = scale * z if z > zero else below
    return 0


@kernel
def elu_backward(dout, out, n, constants):
    """dout = dout scale where out > 0, else dout (out + size)."""
    scale, size, zero = constants[0], constants[1], cast(0, dout[0])
    for i in range(n):
        dout[i] = dout[i] * (scale if out[i] > zero else out[i] + size)
    return 0


@kernel
def softplus_forward(out, n, constants):
    """out = log(1 + exp(out)); Dugas et al. (2000)."""
    for i in range(n):
        out[i] = softplus(out[i])
    return 0


@kernel
def softplus_backward(dout, out, n, constants):
    """dout = dout (1 - exp(-out)), which is the logistic function of the input."""
    for i in range(n):
        dout[i] = dout[i] * -expm1(-out[i])
    return 0


@inline
def _gelu(z):
    """z c and c + z c', where c is the normal distribution function."""
    c, e = normal_parts(z)
    # where e is 0 the product is too, however large z is
    return z * c, fma(z, e * cast(_DENSITY_AT_0, z), c)


@kernel
def gelu_forward(out, n, constants):
    """out = out (1 + erf(out / sqrt(2))) / 2; Hendrycks and Gimpel (2016)."""
    for i in range(n):
        out[i] = _gelu(out[i])[0]
    return 0


@kernel
def gelu_slopes(out, slopes, n, constants):
    """out = gelu(out), and slopes = its derivative."""
    for i in range(n):
        out[i], slopes[i] = _gelu(out[i])
    return 0


@inline
def _gelu_tanh(z):
    """z s and s + z s', where s = sigmoid(2 u), u = sqrt(2 / pi) (z + 0.044715 z^3)."""
    most = pick(_GELU_TANH_MOST, z)
    y = -most if z < -most else z
    y = most if y > most else y
    square, twice, one = y * y, cast(_TWICE_ROOT, z), cast(1, z)
    e = exp_negated(y * fma(square, cast(_TWICE_ROOT * _CUBIC, z), twice))
    q = one / (one + e)
    s = (e if y < cast(0, z) else one) * q
    rise = y * fma(square, cast(3 * _TWICE_ROOT * _CUBIC, z), twice)
    return z * s, fma(rise, e * q * q, s)


@kernel
def gelu_tanh_forward(out, n, constants):
    """out = out (1 + tanh(sqrt(2 / pi) (out + 0.044715 out^3))) / 2, which approximates gelu."""
    for i in range(n):
        out[i] = _gelu_tanh(out[i])[0]
    return 0


@kernel
def gelu_tanh_slopes(out, slopes, n, constants):
    """out = gelu_tanh(out), and slopes = its derivative."""
    for i in range(n):
        out[i], slopes[i] = _gelu_tanh(out[i])
    return 0


@inline
def _silu(z):
    """z s and s + z s (1 - s), where s = sigmoid(z)."""
    one = cast(1, z)
    e = exp_negated(z)
    q = one / (one + e)
    s = (e if z < cast(0, z) else one) * q
    return z * s, fma(z, e * q * q, s)


@kernel
def silu_forward(out, n, constants):
    """out = out / (1 + exp(-out)), also called swish; Elfwing, Uchibe, Doya (2017)."""
    for i in range(n):
        out[i] = _silu(out[i])[0]
    return 0


@kernel
def silu_slopes(out, slopes, n, constants):
    """out = silu(out), and slopes = its derivative."""
    for i in range(n):
        out[i], slopes[i] = _silu(out[i])
    return 0


@inline
def _mish(z):
    """z t and its derivative, where t = tanh(softplus(z)), from one exponential and one division.

    With u = exp(-|z|), t = n / (n + m): for negative z n = u (u + 2) and m = 2, else n = 1 + 2 u
    and m = 2 u^2. The derivative of t is 4 w (1 + u) / (n + m)^2, w = u or u^2.
    """
    one, two, negative = cast(1, z), cast(2, z), z < cast(0, z)
    u = exp_negated(z)
    square = u * u
    n = fma(two, u, square if negative else one)
    q = one / fma(two, one if negative else square, n)
    t = n * q
    w = u if negative else square
    return z * t, fma(cast(4, z) * z * w, (one + u) * q * q, t)


@kernel
def mish_forward(out, n, constants):
    """out = out tanh(log(1 + exp(out))); Misra (2019)."""
    for i in range(n):
        out[i] = _mish(out[i])[0]
    return 0


@kernel
def mish_slopes(out, slopes, n, constants):
    """out = mish(out), and slopes = its derivative."""
    for i in range(n):
        out[i], slopes[i] = _mish(out[i])
    return 0


@inline
def _hard_swish(z):
    """z g / 6 and its derivative, where g = z + 3 between 0 and 6."""
    zero, six, half = cast(0, z), cast(6, z), cast(0.5, z)
    raised = z + cast(3, z)
    g = zero if raised < zero else raised
    g = six if g > six else g
    slope = fma(z, cast(1 / 3, z), half)
    slope = zero if raised <= zero else slope
    slope = cast(1, z) if raised >= six else slope
    return z * (g * cast(1 / 6, z)), slope


@kernel
def hard_swish_forward(out, n, constants):
    """out = out min(max(out + 3, 0), 6) / 6; Howard et al., MobileNetV3 (2019)."""
    for i in range(n):
        out[i] = _hard_swish(out[i])[0]
    return 0


@kernel
def hard_swish_slopes(out, slopes, n, constants):
    """out = hard_swish(out), and slopes = its derivative."""
    for i in range(n):
        out[i], slopes[i] = _hard_swish(out[i])
    return 0


@kernel
def multiply_slopes(dout, slopes, n, constants):
    """dout = dout slopes."""
    for i in range(n):
        dout[i] = dout[i] * slopes[i]
    return 0


@kernel
def activate(out, n, code):
    """The forward form of the activation with this code, ReLU included; in place."""
    if code == RELU:
        relu_forward(out, n, out)
    elif code == TANH:
        tanh_forward(out, n, out)
    elif code == LOGISTIC:
        logistic_forward(out, n, out)


@kernel
def differentiate(dout, out, n, code):
    """The backward form of the activation with this code; in place."""
    if code == RELU:
        relu_backward(dout, out, n, out)
    elif code == TANH:
        tanh_backward(dout, out, n, out)
    elif code == LOGISTIC:
        logistic_backward(dout, out, n, out)


class Activation(NamedTuple):
    """What a plan needs to know of one activation.

    One with `slopes` has `multiply_slopes` as its backward form. The array kernels offer those
    with a code too.
    """

    code: int | None
    forward: Callable | None = None
    backward: Callable | None = None
    floor: float = float("-inf")  # the micro-kernel's lower bound, instead of the forward form
    slopes: Callable | None = None
    constants: tuple[float, ...] = ()


ACTIVATIONS = {
    "identity": Activation(IDENTITY),
    "relu": Activation(RELU, relu_forward, relu_backward, floor=0.0),
    "tanh": Activation(TANH, tanh_forward, tanh_backward),
    "logistic": Activation(LOGISTIC, logistic_forward, logistic_backward),
    "leaky_relu": Activation(None, leaky_relu_forward, leaky_relu_backward, constants=(0.01,)),
    "elu": Activation(None, elu_forward, elu_backward, constants=(1.0, 1.0)),
    "selu": Activation(
        None, elu_forward, elu_backward, constants=(SELU_SCALE, SELU_SCALE * SELU_ALPHA)
    ),
    "softplus": Activation(None, softplus_forward, softplus_backward),
    "gelu": Activation(None, gelu_forward, multiply_slopes, slopes=gelu_slopes),
    "gelu_tanh": Activation(None, gelu_tanh_forward, multiply_slopes, slopes=gelu_tanh_slopes),
    "silu": Activation(None, silu_forward, multiply_slopes, slopes=silu_slopes),
    "mish": Activation(None, mish_forward, multiply_slopes, slopes=mish_slopes),
    "hard_swish": Activation(None, hard_swish_forward, multiply_slopes, slopes=hard_swish_slopes),
}

"""The oracle: plain float64 NumPy, one slow function per kernel, under the kernel's name.

A function returns what its kernel writes. Blocks are row by row here: `z` and `t` are (B, C),
while the losses of the kernels take (C, R); class numbers are (B, 1).
"""

import numpy as np
from scipy import special

# -- maths ---------------------------------------------------------------------------------


def exp(x):
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(np.asarray(x, float))


def sigmoid(x):
    e = exp(-np.abs(x))
    return np.where(np.asarray(x) < 0, e, 1.0) / (1 + e)


def softplus(x):
    return np.maximum(np.asarray(x, float), 0) + np.log1p(exp(-np.abs(x)))


# -- activations: <name>_forward, and <name>_backward from the output, or <name>_slopes --------


def identity_forward(z):
    return z


def identity_backward(dout, out):
    return dout


def relu_forward(z):
    return np.where(z < 0, 0.0, z)


def relu_backward(dout, out):
    return np.where(out > 0, dout, 0.0)


def tanh_forward(z):
    return np.tanh(z)


def tanh_backward(dout, out):
    return dout * (1 - out**2)


def logistic_forward(z):
    return sigmoid(z)


def logistic_backward(dout, out):
    return dout * out * (1 - out)


def leaky_relu_forward(z):
    return np.where(z > 0, z, 0.01 * z)


def leaky_relu_backward(dout, out):
    return np.where(out > 0, dout, 0.01 * dout)


def elu_forward(z):
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def elu_backward(dout, out):
    return np.where(out > 0, dout, dout * (out + 1))


SELU = 1.0507009873554805, 1.6732632423543772


def selu_forward(z):
    scale, alpha = SELU
    return scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def selu_backward(dout, out):
    scale, alpha = SELU
    return np.where(out > 0, scale * dout, dout * (out + scale * alpha))


def softplus_forward(z):
    return softplus(z)


def softplus_backward(dout, out):
    return dout * -np.expm1(-out)


def gelu_forward(z):
    return z * special.ndtr(z)


def gelu_slopes(z):
    density = exp(-(np.clip(z, -50, 50) ** 2) / 2) / np.sqrt(2 * np.pi)
    return special.ndtr(z) + z * density


def _gelu_tanh_parts(z):
    """The argument of tanh, which is 1 long before 50, and its derivative."""
    z = np.clip(z, -50, 50)
    root = np.sqrt(2 / np.pi)
    return root * (z + 0.044715 * z**3), root * (1 + 3 * 0.044715 * z**2)


def gelu_tanh_forward(z):
    return z * sigmoid(2 * _gelu_tanh_parts(z)[0])


def gelu_tanh_slopes(z):
    u, du = _gelu_tanh_parts(z)
    return sigmoid(2 * u) + 2 * np.clip(z, -50, 50) * sigmoid(2 * u) * sigmoid(-2 * u) * du


def silu_forward(z):
    return z * sigmoid(z)


def silu_slopes(z):
    return sigmoid(z) + z * (sigmoid(z) * sigmoid(-z))


def mish_forward(z):
    return z * np.tanh(softplus(z))


def mish_slopes(z):
    z = np.clip(z, -800, 300)  # 0 and 1 from there on
    return np.tanh(softplus(z)) + z * sigmoid(z) / np.cosh(softplus(z)) ** 2


def hard_swish_forward(z):
    return z * (np.clip(z + 3, 0, 6) / 6)


def hard_swish_slopes(z):
    return np.where(z <= -3, 0.0, np.where(z >= 3, 1.0, z / 3 + 0.5))


# -- losses: the value of each row and its gradient at the logits; and the output functions --


def softmax_link(z):
    e = exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_cross_entropy(z, t, constants):
    rows, chosen = np.arange(len(z)), t[:, 0].astype(int)
    below = z - z.max(axis=1, keepdims=True)
    value = np.log(exp(below).sum(axis=1)) - below[rows, chosen]
    dz = softmax_link(z)
    dz[rows, chosen] -= 1
    return np.clip(value, *constants), dz


def logistic_link(z):
    return sigmoid(z)


def binary_cross_entropy(z, t, constants):
    positive, negative = (np.clip(softplus(s * z), *constants) for s in (1, -1))
    return (t * negative + (1 - t) * positive).sum(axis=1), sigmoid(z) - t


def squared_error(z, t, constants):
    return ((z - t) ** 2).mean(axis=1) / 2, z - t


def exp_link(z):
    return exp(z)


def known_loss(function, z, t, constants, divisor):
    """A loss and its gradient over the targets that are no NaN, one by one."""
    width = z.shape[1] // t.shape[1]
    value, dz = np.zeros(len(z)), np.zeros(z.shape)
    for row, column in np.argwhere(~np.isnan(t)):
        own = slice(column * width, (column + 1) * width)
        v, g = function(z[[row], own], t[[row], column : column + 1], constants)
        value[row] += v[0] / divisor
        dz[row, own] = g[0]
    return value, dz


def poisson_deviance(z, t, constants):
    entropy = t * np.log(np.where(t > 0, t, 1.0))
    return (entropy - t * z - t + exp(z)).sum(axis=1), exp(z) - t


def _log_softmax(z):
    below = z - z.max(axis=1, keepdims=True)
    return below - np.log(exp(below).sum(axis=1, keepdims=True))


def _one_hot(z, t):
    return np.eye(z.shape[1])[t[:, 0].astype(int)]


def smoothed_softmax_cross_entropy(z, t, constants):
    target = (1 - constants[0]) * _one_hot(z, t) + constants[0] / z.shape[1]
    return -(target * _log_softmax(z)).sum(axis=1), softmax_link(z) - target


def smoothed_binary_cross_entropy(z, t, constants):
    target = (1 - constants[0]) * t + constants[0] / 2
    value = target * softplus(-z) + (1 - target) * softplus(z)
    return value.sum(axis=1), sigmoid(z) - target


def focal_softmax_cross_entropy(z, t, constants):
    gamma, hot, p = constants[0], _one_hot(z, t), softmax_link(z)
    log_p = (hot * _log_softmax(z)).sum(axis=1)
    q = ((1 - hot) * p).sum(axis=1)
    steep = np.where(q > 0, gamma * np.maximum(q, 1e-300) ** (gamma - 1), 0)
    slope = exp(log_p) * log_p * steep - q**gamma
    to_one = hot * q[:, np.newaxis] - (1 - hot) * p  # 1 - p of the class, which loses nothing
    return -(q**gamma) * log_p, slope[:, np.newaxis] * to_one


def focal_binary_cross_entropy(z, t, constants):
    gamma, x = constants[0], (2 * t - 1) * z
    q, p, loss = sigmoid(-x), sigmoid(x), softplus(-x)
    return (q**gamma * loss).sum(axis=1), (1 - 2 * t) * q**gamma * (q + gamma * p * loss)


def gamma_deviance(z, t, constants):
    return (z - np.log(t) + t * exp(-z) - 1).sum(axis=1), 1 - t * exp(-z)


def absolute_error(z, t, constants):
    return abs(z - t).sum(axis=1), np.sign(z - t)


def huber(z, t, constants):
    d, delta = z - t, constants[0]
    value = np.where(abs(d) <= delta, d**2 / 2, delta * (abs(d) - delta / 2))
    return value.sum(axis=1), np.clip(d, -delta, delta)


def log_cosh(z, t, constants):
    d = z - t
    return (np.logaddexp(d, -d) - np.log(2)).sum(axis=1), np.tanh(d)


def quantile(z, t, constants):
    quantiles = np.array(constants[1:])
    d = z.reshape(len(z), -1, len(quantiles)) - t[:, :, np.newaxis]
    value = np.maximum(-quantiles * d, (1 - quantiles) * d)
    dz = np.where(d > 0, 1 - quantiles, -quantiles) * (d != 0)
    return value.sum(axis=(1, 2)), dz.reshape(z.shape)


def gaussian(z, t, constants):
    d, raw, least = z[:, ::2] - t, z[:, 1::2], constants[0]
    s = np.maximum(raw, least)
    dz = np.empty_like(z)
    dz[:, ::2] = d * exp(-s)
    dz[:, 1::2] = (1 - d**2 * exp(-s)) / 2 * exp(np.minimum(raw - least, 0))
    return ((s + d**2 * exp(-s)) / 2).sum(axis=1), dz


# -- optimizers: the new w, s1, s2, s3; rates are (rate, second rate, factor of epsilon) ------


def store(w, g, s1, s2, s3, decay, rates, constants):
    return w, g + decay * w, s2, s3


def accumulate(w, g, s1, s2, s3, decay, rates, constants):
    return w, s1 + g, s2, s3


def sgd(w, g, s1, s2, s3, decay, rates, constants):
    v = constants[0] * s1 - rates[0] * (g + decay * w)
    return w + v, v, s2, s3


def nesterov(w, g, s1, s2, s3, decay, rates, constants):
    step = rates[0] * (g + decay * w)
    v = constants[0] * s1 - step
    return w + constants[0] * v - step, v, s2, s3


def polyak(w, g, s1, s2, s3, decay, rates, constants):
    v = constants[0] * s1 + g + decay * w
    return w - rates[0] * v, v, s2, s3


def polyak_nesterov(w, g, s1, s2, s3, decay, rates, constants):
    d = g + decay * w
    v = constants[0] * s1 + d
    return w - rates[0] * (d + constants[0] * v), v, s2, s3


def rmsprop(w, g, s1, s2, s3, decay, rates, constants):
    alpha, epsilon = constants
    d = g + decay * w
    v = alpha * s1 + (1 - alpha) * d**2
    return w - rates[0] * d / (np.sqrt(v) + epsilon), v, s2, s3


def adagrad(w, g, s1, s2, s3, decay, rates, constants):
    d = g + decay * w
    v = s1 + d**2
    return w - rates[0] * d / (np.sqrt(v) + constants[0]), v, s2, s3


def _two_moments(d, s1, s2, beta_1, beta_2):
    return beta_1 * s1 + (1 - beta_1) * d, beta_2 * s2 + (1 - beta_2) * d**2


def adam(w, g, s1, s2, s3, decay, rates, constants):
    m, v = _two_moments(g + decay * w, s1, s2, *constants[:2])
    return w - rates[0] * m / (np.sqrt(v) + rates[2] * constants[2]), m, v, s3


def amsgrad(w, g, s1, s2, s3, decay, rates, constants):
    m, v = _two_moments(g + decay * w, s1, s2, *constants[:2])
    top = np.maximum(s3, v)
    return w - rates[0] * m / (np.sqrt(top) + rates[2] * constants[2]), m, v, top


def adamw(w, g, s1, s2, s3, decay, rates, constants):
    after, *states = adam(w, g, s1, s2, s3, 0.0, rates, constants)
    return after - decay * w, *states


def nadam(w, g, s1, s2, s3, decay, rates, constants):
    d = g + decay * w
    m, v = _two_moments(d, s1, s2, *constants[:2])
    root = np.sqrt(v) + rates[2] * constants[2]
    return w - rates[0] * d / root - rates[1] * m / root, m, v, s3


def lion(w, g, s1, s2, s3, decay, rates, constants):
    beta_1, beta_2 = constants
    sign = np.sign(beta_1 * s1 + (1 - beta_1) * g)
    return w - decay * w - rates[0] * sign, beta_2 * s1 + (1 - beta_2) * g, s2, s3

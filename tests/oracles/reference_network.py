"""A whole network in plain float64 NumPy: the oracle of the compiled passes.

Parameters are lists of (I, O) and (O,) arrays; `t` is (B, C), or (B, 1) class numbers for the
softmax. No pass here shares a line with the library.
"""

import numpy as np
from scipy import special

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
CUBIC, ROOT = 0.044715, np.sqrt(2 / np.pi)


def expit(z):
    return 1 / (1 + np.exp(-z))


def elu(z, alpha=1.0):
    return np.where(z > 0, z, alpha * np.expm1(z))


def elu_slope(z, alpha=1.0):
    return np.where(z > 0, 1, alpha * np.exp(z))


def gelu_slope(z):
    return special.ndtr(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def gelu_tanh(z):
    return z / 2 * (1 + np.tanh(ROOT * (z + CUBIC * z**3)))


def gelu_tanh_slope(z):
    t = np.tanh(ROOT * (z + CUBIC * z**3))
    return (1 + t) / 2 + z / 2 * (1 - t**2) * ROOT * (1 + 3 * CUBIC * z**2)


def mish_slope(z):
    t = np.tanh(np.log1p(np.exp(z)))
    return t + z * (1 - t**2) * expit(z)


# the function and its derivative, both of z
ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.where(z > 0, z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "logistic": (expit, lambda z: expit(z) * expit(-z)),
    "leaky_relu": (lambda z: np.where(z > 0, z, z / 100), lambda z: np.where(z > 0, 1, 0.01)),
    "elu": (elu, elu_slope),
    "selu": (
        lambda z: SELU_SCALE * elu(z, SELU_ALPHA),
        lambda z: SELU_SCALE * elu_slope(z, SELU_ALPHA),
    ),
    "softplus": (lambda z: np.log1p(np.exp(z)), expit),
    "gelu": (lambda z: z * special.ndtr(z), gelu_slope),
    "gelu_tanh": (gelu_tanh, gelu_tanh_slope),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) * (1 + z * expit(-z))),
    "mish": (lambda z: z * np.tanh(np.log1p(np.exp(z))), mish_slope),
    "hard_swish": (
        lambda z: z * np.clip(z + 3, 0, 6) / 6,
        lambda z: np.where(abs(z) < 3, z / 3 + 0.5, (z > 0).astype(float)),
    ),
}


def softmax(z, t):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    hot = np.eye(z.shape[1])[t[:, 0].astype(int)]
    return -np.log((p * hot).sum(axis=1)), p - hot


def logistic(z, t):
    p = 1 / (1 + np.exp(-z))
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(axis=1), p - t


def squared_error(z, t):
    return ((z - t) ** 2).sum(axis=1) / 2, z - t


def poisson(z, t):
    entropy = t * np.log(np.where(t > 0, t, 1))
    return (entropy - t * z - t + np.exp(z)).sum(axis=1), np.exp(z) - t


def softmax_smoothed(z, t, smoothing=0.1):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    target = (1 - smoothing) * np.eye(z.shape[1])[t[:, 0].astype(int)] + smoothing / z.shape[1]
    return -(target * np.log(p)).sum(axis=1), p - target


def logistic_smoothed(z, t, smoothing=0.1):
    return logistic(z, (1 - smoothing) * t + smoothing / 2)


def softmax_focal(z, t, gamma=2):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    hot = np.eye(z.shape[1])[t[:, 0].astype(int)]
    of_class = (p * hot).sum(axis=1, keepdims=True)
    q = 1 - of_class
    slope = gamma * of_class * q ** (gamma - 1) * np.log(of_class) - q**gamma
    return -(q**gamma * np.log(of_class))[:, 0], slope * (hot - p)


def logistic_focal(z, t, gamma=2):
    p = 1 / (1 + np.exp(-z))
    of_class = np.where(t == 1, p, 1 - p)
    q = 1 - of_class
    slope = gamma * of_class * q ** (gamma - 1) * np.log(of_class) - q**gamma
    return -(q**gamma * np.log(of_class)).sum(axis=1), slope * q * (2 * t - 1)


def gamma(z, t):
    return (z - np.log(t) + t / np.exp(z) - 1).sum(axis=1), 1 - t / np.exp(z)


def absolute_error(z, t):
    return abs(z - t).sum(axis=1), np.sign(z - t)


def huber(z, t, delta=1):
    d = abs(z - t)
    value = np.where(d < delta, d**2 / 2, delta * d - delta**2 / 2)
    return value.sum(axis=1), np.sign(z - t) * np.minimum(d, delta)


def log_cosh(z, t):
    return np.log(np.cosh(z - t)).sum(axis=1), np.tanh(z - t)


def quantile(z, t, q=0.5):
    d = t - z
    return np.where(d > 0, q * d, (q - 1) * d).sum(axis=1), np.where(d > 0, -q, 1 - q)


def gaussian(z, t):
    d, s = z[:, ::2] - t, z[:, 1::2]
    parts = d / np.exp(s), 0.5 - d**2 / np.exp(s) / 2
    return (s + d**2 / np.exp(s)).sum(axis=1) / 2, np.stack(parts, axis=2).reshape(z.shape)


LOSSES = {
    "softmax": softmax,
    "logistic": logistic,
    "squared_error": squared_error,
    "poisson": poisson,
    "softmax_smoothed": softmax_smoothed,
    "logistic_smoothed": logistic_smoothed,
    "softmax_focal": softmax_focal,
    "logistic_focal": logistic_focal,
    "gamma": gamma,
    "absolute_error": absolute_error,
    "huber": huber,
    "log_cosh": log_cosh,
    "quantile": quantile,
    "gaussian": gaussian,
}
"""With the constants that the library's table has."""


def forward(activation, coefs, intercepts, X):
    """The input and the output of every layer, the last one logits; and every layer's x w + b."""
    outputs, sums = [X], []
    for layer, (w, b) in enumerate(zip(coefs, intercepts, strict=True)):
        z = outputs[-1] @ w + b
        sums.append(z)
        outputs.append(z if layer == len(coefs) - 1 else ACTIVATIONS[activation][0](z))
    return outputs, sums


def loss_and_gradient(activation, loss, coefs, intercepts, X, t, weights, l2):
    """(sum w_i loss_i + l2 / 2 sum W^2) / sum w, and its gradients."""
    outputs, sums = forward(activation, coefs, intercepts, X)
    values, dz = LOSSES[loss](outputs[-1], t)
    total = weights.sum()
    value = (weights @ values + l2 / 2 * sum((w**2).sum() for w in coefs)) / total
    dz = dz * weights[:, np.newaxis] / total
    d_coefs, d_intercepts = [], []
    for layer in reversed(range(len(coefs))):
        d_coefs.insert(0, outputs[layer].T @ dz + l2 / total * coefs[layer])
        d_intercepts.insert(0, dz.sum(axis=0))
        if layer:
            dz = dz @ coefs[layer].T * ACTIVATIONS[activation][1](sums[layer - 1])
    return value, d_coefs, d_intercepts

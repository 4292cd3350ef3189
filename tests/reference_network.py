"""A whole network in plain float64 NumPy: the oracle of the compiled passes.

Parameters are lists of (I, O) and (O,) arrays; `t` is (B, C), or (B, 1) class numbers for the
softmax. No pass here shares a line with the library.
"""

import numpy as np

ACTIVATIONS = {
    "identity": (lambda z: z, lambda out: np.ones_like(out)),
    "relu": (lambda z: np.where(z > 0, z, 0), lambda out: (out > 0).astype(float)),
    "tanh": (np.tanh, lambda out: 1 - out**2),
    "logistic": (lambda z: 1 / (1 + np.exp(-z)), lambda out: out * (1 - out)),
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
    """The input and the output of every layer, the last one logits."""
    outputs = [X]
    for layer, (w, b) in enumerate(zip(coefs, intercepts, strict=True)):
        z = outputs[-1] @ w + b
        outputs.append(z if layer == len(coefs) - 1 else ACTIVATIONS[activation][0](z))
    return outputs


def loss_and_gradient(activation, loss, coefs, intercepts, X, t, weights, l2):
    """(sum w_i loss_i + l2 / 2 sum W^2) / sum w, and its gradients."""
    outputs = forward(activation, coefs, intercepts, X)
    values, dz = LOSSES[loss](outputs[-1], t)
    total = weights.sum()
    value = (weights @ values + l2 / 2 * sum((w**2).sum() for w in coefs)) / total
    dz = dz * weights[:, np.newaxis] / total
    d_coefs, d_intercepts = [], []
    for layer in reversed(range(len(coefs))):
        d_coefs.insert(0, outputs[layer].T @ dz + l2 / total * coefs[layer])
        d_intercepts.insert(0, dz.sum(axis=0))
        if layer:
            dz = dz @ coefs[layer].T * ACTIVATIONS[activation][1](outputs[layer])
    return value, d_coefs, d_intercepts

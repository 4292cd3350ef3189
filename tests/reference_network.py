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


LOSSES = {
    "softmax": softmax,
    "logistic": logistic,
    "squared_error": squared_error,
    "poisson": poisson,
}


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

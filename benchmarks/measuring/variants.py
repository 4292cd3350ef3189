"""Variants of the compared networks: the hidden layers in each library.

All use PyTorch's defaults: epsilons of 1e-5, a momentum of 0.1 for running statistics, exact GELU,
a weight decay of 0.01. Norms are between a dense layer and its ReLU; dropout of 20 % is after the
ReLU. In PyTorch and JAX, AdamW decays biases too.
"""

VARIANTS = ("dropout", "layernorm", "batchnorm", "gelu", "adamw")
RATE, EPSILON, MOMENTUM, DECAY = 0.2, 1e-5, 0.1, 0.01
ADAMW = "adamw"


def our_layers(variant, units):
    """fusednn's descriptions of a hidden layer; without a variant a dense layer with ReLU."""
    from fusednn import layers

    relu = layers.Activation("relu")
    match variant:
        case "gelu":
            return [layers.Dense(units, "gelu")]
        case "dropout":
            return [layers.Dense(units, "relu"), layers.Dropout(RATE)]
        case "layernorm":
            return [layers.Dense(units), layers.LayerNorm(), relu]
        case "batchnorm":
            return [layers.Dense(units), layers.BatchNorm(), relu]
    return [layers.Dense(units, "relu")]


def torch_layers(variant, fan_in, fan_out):
    """PyTorch's modules of a hidden layer."""
    from torch import nn

    linear, relu = nn.Linear(fan_in, fan_out), nn.ReLU()
    match variant:
        case "gelu":
            return [linear, nn.GELU()]
        case "dropout":
            return [linear, relu, nn.Dropout(RATE)]
        case "layernorm":
            return [linear, nn.LayerNorm(fan_out), relu]
        case "batchnorm":
            return [linear, nn.BatchNorm1d(fan_out), relu]
    return [linear, relu]


def is_normed(variant):
    """Whether a hidden layer has a scale and a shift."""
    return variant in ("layernorm", "batchnorm")


def jax_activation(variant):
    """The function of a hidden layer after the product and the biases.

    Returns
    -------
    callable
        Takes z (B, O), scale and shift if any, a key, and the running mean and variance if any.
        Returns the output (B, O), and the updated mean and variance.
    """
    import jax
    from jax import numpy as jnp

    def normed(z, axis, scale, shift):
        mean, variance = z.mean(axis, keepdims=True), z.var(axis, keepdims=True)
        out = (z - mean) * jax.lax.rsqrt(variance + EPSILON) * scale + shift
        return jax.nn.relu(out), mean, variance

    def gelu(z, affine, key, running):
        return jax.nn.gelu(z, approximate=False), running

    def dropout(z, affine, key, running):
        keep = jax.random.bernoulli(key, 1 - RATE, z.shape)
        return jnp.where(keep, jax.nn.relu(z) / (1 - RATE), 0), running

    def layernorm(z, affine, key, running):
        return normed(z, 1, *affine)[0], running

    def batchnorm(z, affine, key, running):
        out, mean, variance = normed(z, 0, *affine)
        unbiased = variance[0] * (len(z) / (len(z) - 1))
        new = jax.lax.stop_gradient((mean[0], unbiased))
        moved = [
            (1 - MOMENTUM) * old + MOMENTUM * value
            for old, value in zip(running, new, strict=True)
        ]
        return out, moved

    def relu(z, affine, key, running):
        return jax.nn.relu(z), running

    functions = {
        "gelu": gelu, "dropout": dropout, "layernorm": layernorm, "batchnorm": batchnorm
    }  # fmt: skip
    return functions.get(variant, relu)

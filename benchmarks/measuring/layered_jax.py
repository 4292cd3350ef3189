"""The networks of `layered` in JAX: channels last, pure functions of their parameters."""

import numpy as np

from .layered_attention import jax_encoder
from .layered_language import jax_decoder


def networks(jax):
    """For each network its first parameters, and its logits from parameters and x.

    Parameters
    ----------
    jax : module

    Returns
    -------
    dict of str to (callable, callable)
    """
    jnp, relu = jax.numpy, jax.nn.relu

    def convolution(x, w, stride=1, padding="VALID"):
        axes = x.ndim - 2
        letters = "HW"[2 - axes :]
        numbers = f"N{letters}C", f"{letters}IO", f"N{letters}C"
        return jax.lax.conv_general_dilated(
            x, w, (stride,) * axes, padding, dimension_numbers=numbers
        )

    def halved(x):
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))

    def drawn(random, *shape):
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        return (random.standard_normal(shape) * scale).astype(np.float32)

    def pairs(random, *shapes):
        return [(drawn(random, *shape), np.zeros(shape[-1], np.float32)) for shape in shapes]

    def dense(parameters, x):
        for w, b in parameters[:-1]:
            x = relu(x @ w + b)
        w, b = parameters[-1]
        return x @ w + b

    def lenet(parameters, x):
        for w, b in parameters[:2]:
            x = halved(relu(convolution(x, w) + b))
        return dense(parameters[2:], x.reshape(len(x), -1))

    def small(parameters, x):
        for w, b in parameters[:2]:
            x = relu(convolution(x, w) + b)
        return dense(parameters[2:], halved(x).reshape(len(x), -1))

    def series(parameters, x):
        for w, b in parameters[:2]:
            x = relu(convolution(x, w) + b)
        return dense(parameters[2:], x.mean(1))

    def normalised(x, parameters, stride=1):
        w, scale, shift = parameters
        size = w.shape[0] // 2
        x = convolution(x, w, stride, [(size, size)] * 2)
        mean = x.mean((0, 1, 2))
        variance = ((x - mean) ** 2).mean((0, 1, 2))
        return (x - mean) * (jax.lax.rsqrt(variance + 1e-5) * scale) + shift

    def resnet(parameters, x):
        first, *blocks, last = parameters
        x = relu(normalised(x, first))
        for stride, block in zip((1, 2, 2), blocks, strict=True):
            inner = normalised(relu(normalised(x, block[0], stride)), block[1])
            x = relu(inner + (normalised(x, block[2], stride) if len(block) > 2 else x))
        return dense([last], x.mean((1, 2)))

    def first_of_resnet(random):
        def one(size, channels, filters):
            ones = np.ones(filters, np.float32)
            return drawn(random, size, size, channels, filters), ones, 0 * ones

        blocks = [
            [one(3, 16, 16), one(3, 16, 16)],
            [one(3, 16, 32), one(3, 32, 32), one(1, 16, 32)],
            [one(3, 32, 64), one(3, 64, 64), one(1, 32, 64)],
        ]
        return [one(3, 3, 16), *blocks, pairs(random, (64, 10))[0]]

    def gates(random, channels, units, count):
        bound = units**-0.5
        return [
            random.uniform(-bound, bound, shape).astype(np.float32)
            for shape in ((channels, count * units), (units, count * units), (count * units,))
        ]

    def scanned(step, start, z):
        return jax.lax.scan(lambda state, one: (step(state, one), None), start, z)[0]

    def lstm(parameters, x):
        (w, v, b), last = parameters

        def step(state, z):
            h, c = state
            i, f, g, o = jnp.split(z + h @ v, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return jax.nn.sigmoid(o) * jnp.tanh(c), c

        start = jnp.zeros((len(x), v.shape[0]))
        h, _ = scanned(step, (start, start), (x @ w + b).swapaxes(0, 1))
        return dense([last], h)

    def gru(parameters, x):
        (w, v, b), inner, last = parameters

        def step(h, z):
            z, s = jnp.split(z, 3, axis=1), jnp.split(h @ v, 3, axis=1)
            r, u = jax.nn.sigmoid(z[0] + s[0]), jax.nn.sigmoid(z[1] + s[1])
            n = jnp.tanh(z[2] + r * (s[2] + inner))
            return n + u * (h - n)

        start = jnp.zeros((len(x), v.shape[0]))
        return dense([last], scanned(step, start, (x @ w + b).swapaxes(0, 1)))

    def first_of_lstm(random):
        return [gates(random, 16, 128, 4), pairs(random, (128, 10))[0]]

    def first_of_gru(random):
        inner = np.zeros(64, np.float32)
        return [gates(random, 28, 64, 3), inner, pairs(random, (64, 10))[0]]

    lenets = (5, 5, 1, 6), (5, 5, 6, 16), (256, 120), (120, 84), (84, 10)
    smalls = (3, 3, 1, 32), (3, 3, 32, 64), (9216, 128), (128, 10)
    of_series = (5, 9, 64), (5, 64, 64), (64, 6)
    return {
        "lenet": (lambda random: pairs(random, *lenets), lenet),
        "small": (lambda random: pairs(random, *smalls), small),
        "resnet": (first_of_resnet, resnet),
        "series": (lambda random: pairs(random, *of_series), series),
        "lstm": (first_of_lstm, lstm),
        "gru": (first_of_gru, gru),
        "encoder": jax_encoder(jax),
        "language": jax_decoder(jax),
    }, jnp

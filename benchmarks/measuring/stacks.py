"""Networks of any size, for `layer_map` and `growth`: convolutions, recurrences, attention."""

from functools import partial

from .layered import Layered, torch_recurrent
from .layered_attention import encoder, torch_encoder

CLASSES, FEATURES = 10, 16
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
EPOCH_BYTES = 1 << 26
"""Most bytes of the float32 samples of an epoch that has more than two steps."""


def stack(channels, size, kernel, depth, batch, seconds=0.03, most=400):
    """A network of convolutions that keep the shape of images, a global pool, and the output.

    Parameters
    ----------
    channels, size : int
        Axes (size, size, channels) of the samples, and of what each convolution gives.
    kernel : int
    depth : int
        Convolutions.
    batch : int
    seconds : float
        Length of an epoch, by a rough guess at a step: 100 GFLOP/s and 100 us of calls.
    most : int
        The most steps of an epoch; the least are two.

    Returns
    -------
    Layered
    """
    one = size**2 * kernel**2 * channels**2
    work = depth * one + channels * CLASSES
    step = 2 * batch * (3 * work - one) / 100e9 + 100e-6
    room = EPOCH_BYTES // (4 * batch * size**2 * channels)
    return Layered(
        f"{size}x{size}x{channels}, {depth} of {kernel}x{kernel}, batch {batch}",
        axes=(size, size, channels),
        classes=CLASSES,
        batch=batch,
        batches=max(2, min(most, room, round(seconds / step))),
        layers=partial(_layers, channels, size, kernel, depth),
        torch=partial(_torch, channels, kernel, depth),
        jax=None,
        work=work,
        first=one,
    )


def _layers(channels, size, kernel, depth):
    from fusednn.layers import Conv2D, GlobalAvgPool, Reshape

    convolutions = [Conv2D(channels, kernel, "relu")] * depth
    return [Reshape(size, size, channels), *convolutions, GlobalAvgPool()]


def _torch(channels, kernel, depth, torch):
    nn = torch.nn
    layers = []
    for _ in range(depth):
        layers += [nn.Conv2d(channels, channels, kernel, padding=kernel // 2), nn.ReLU()]
    return nn.Sequential(
        *(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))
    )


def recurrence(cell, units, steps, batch, seconds=0.03, most=400):
    """A network of one recurrence over series of `FEATURES` channels, and the output.

    Parameters
    ----------
    cell : str
        Key of `GATES`.
    units, steps, batch : int
    seconds, most
        As in `stack`.

    Returns
    -------
    Layered
    """
    columns = GATES[cell] * units
    first = steps * FEATURES * columns
    work = first + steps * units * columns + units * CLASSES
    step = 2 * batch * (3 * work - first) / 100e9 + 100e-6
    room = EPOCH_BYTES // (4 * batch * steps * FEATURES)
    return Layered(
        f"{cell} {units} on {steps}x{FEATURES}, batch {batch}",
        axes=(steps, FEATURES),
        classes=CLASSES,
        batch=batch,
        batches=max(2, -(-CLASSES // batch), min(most, room, round(seconds / step))),
        layers=partial(_recurrence_layers, cell, units, steps),
        torch=partial(_torch_recurrence, cell, units),
        jax=None,
        work=work,
        first=first,
        torch_channels="last",
    )


def _recurrence_layers(cell, units, steps):
    from fusednn import layers

    return [layers.Reshape(steps, FEATURES), getattr(layers, cell)(units)]


def _torch_recurrence(cell, units, torch):
    return torch_recurrent(torch, getattr(torch.nn, cell), FEATURES, units)


def attention(width, context, heads, depth, batch, seconds=0.03, most=400):
    """An encoder of equal blocks over series of `FEATURES` channels, and the output.

    Parameters
    ----------
    width, context, heads, depth, batch : int
        `context` is the number of steps, `depth` that of blocks.
    seconds, most
        As in `stack`.

    Returns
    -------
    Layered
    """
    first = context * FEATURES * width
    block = context * (12 * width**2 + 2 * width * context)
    work = first + depth * block + width * CLASSES
    step = 2 * batch * (3 * work - first) / 100e9 + 100e-6
    room = EPOCH_BYTES // (4 * batch * context * FEATURES)
    sizes = context, FEATURES, width, heads, depth
    return Layered(
        f"{depth} x {width}, {heads} heads, on {context}x{FEATURES}, batch {batch}",
        axes=(context, FEATURES),
        classes=CLASSES,
        batch=batch,
        batches=max(2, -(-CLASSES // batch), min(most, room, round(seconds / step))),
        layers=partial(encoder, *sizes),
        torch=lambda torch: torch_encoder(torch, *sizes),
        jax=None,
        work=work,
        first=first,
        torch_channels="last",
    )

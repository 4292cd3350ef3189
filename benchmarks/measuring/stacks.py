"""Stacks of equal convolutions: networks of `layer_map` and of `growth --kind convolutions`."""

from functools import partial

from .layered import Layered

CLASSES = 10
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

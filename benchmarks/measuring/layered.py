"""The networks with convolutions, recurrences or attention that `compare_layers` times, as lists.

Pixels and steps are normal random numbers, and labels are random: the time of a step does not
depend on them.
"""

from typing import NamedTuple

import numpy as np

from .layered_attention import FIRST, WORK, encoder, torch_encoder


class Layered(NamedTuple):
    """A network over images or series.

    Parameters
    ----------
    title : str
    axes : tuple of int
        The axes of a sample: (H, W, C) or (T, C).
    classes, batch : int
    batches : int
        Steps of an epoch.
    layers : callable
        Returns fusednn's list without the output layer.
    torch : callable
        From `torch` to its module.
    jax : callable
        Returns first parameters, and a function of them and x, with channels last.
    work : int
        Multiply-adds of all products, forward, for one sample.
    first : int
        Those of the first layer by its input, which needs no gradient.
    torch_channels : str
        Whether the channels of PyTorch's input are "first" or "last".
    """

    title: str
    axes: tuple
    classes: int
    batch: int
    batches: int
    layers: object
    torch: object
    jax: object
    work: int
    first: int
    torch_channels: str = "first"

    @property
    def steps(self):
        """Steps of an epoch."""
        return self.batches

    @property
    def flops(self):
        """Operations of a training step."""
        return 2 * self.batch * (3 * self.work - self.first)


def make_samples(network, dtype="float32", samples=None, seed=0):
    """X (n, features) and y (n,), with every class if there are as many samples."""
    count = network.batch * network.batches if samples is None else samples
    random = np.random.default_rng(seed)
    X = random.standard_normal((count, int(np.prod(network.axes))), np.float32).astype(dtype)
    return X, random.permutation(np.arange(count) % network.classes)


def _window(out, taps, channels, filters):
    return out * taps * channels * filters


def lenet():
    """(a): LeCun et al., 1998, with ReLU and largest of windows."""
    from fusednn.layers import Conv2D, Dense, Flatten, MaxPool2D, Reshape

    return [
        Reshape(28, 28, 1),
        *(Conv2D(6, 5, "relu", padding="valid"), MaxPool2D(2)),
        *(Conv2D(16, 5, "relu", padding="valid"), MaxPool2D(2), Flatten()),
        *(Dense(120, "relu"), Dense(84, "relu")),
    ]


def small():
    """(b)."""
    from fusednn.layers import Conv2D, Dense, Flatten, MaxPool2D, Reshape

    return [
        Reshape(28, 28, 1),
        *(Conv2D(32, 3, "relu", padding="valid"), Conv2D(64, 3, "relu", padding="valid")),
        *(MaxPool2D(2), Flatten(), Dense(128, "relu")),
    ]


def resnet():
    """(c): three residual blocks with BatchNorm; He et al., 2016."""
    from fusednn.layers import Activation, BatchNorm, Conv2D, GlobalAvgPool, Reshape, Residual

    def block(filters, stride):
        inner = [
            *(Conv2D(filters, 3, stride=stride, padding=1, bias=False), BatchNorm()),
            *(Activation("relu"), Conv2D(filters, 3, padding=1, bias=False), BatchNorm()),
        ]
        shortcut = None
        if stride > 1:
            shortcut = [Conv2D(filters, 1, stride=stride, bias=False), BatchNorm()]
        return [Residual(inner, shortcut=shortcut), Activation("relu")]

    return [
        *(Reshape(32, 32, 3), Conv2D(16, 3, bias=False), BatchNorm(), Activation("relu")),
        *(*block(16, 1), *block(32, 2), *block(64, 2), GlobalAvgPool()),
    ]


def series():
    """(d)."""
    from fusednn.layers import Conv1D, GlobalAvgPool, Reshape

    return [
        Reshape(128, 9),
        *(Conv1D(64, 5, "relu", padding="valid"), Conv1D(64, 5, "relu", padding="valid")),
        GlobalAvgPool(),
    ]


def lstm():
    """(e)."""
    from fusednn.layers import LSTM, Reshape

    return [Reshape(50, 16), LSTM(128)]


def gru():
    """(f): the rows of an image are steps."""
    from fusednn.layers import GRU, Reshape

    return [Reshape(28, 28), GRU(64)]


def torch_lenet(torch):
    """(a) in PyTorch."""
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def torch_small(torch):
    """(b) in PyTorch."""
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def torch_resnet(torch):
    """(c) in PyTorch."""
    nn = torch.nn

    def convolution(channels, filters, size, stride):
        padding = size // 2
        made = nn.Conv2d(channels, filters, size, stride, padding, bias=False)
        return [made, nn.BatchNorm2d(filters)]

    class Block(nn.Module):
        def __init__(self, channels, filters, stride):
            super().__init__()
            first = convolution(channels, filters, 3, stride)
            self.inner = nn.Sequential(*first, nn.ReLU(), *convolution(filters, filters, 3, 1))
            self.shortcut = nn.Identity()
            if stride > 1:
                self.shortcut = nn.Sequential(*convolution(channels, filters, 1, stride))

        def forward(self, x):
            return torch.relu(self.inner(x) + self.shortcut(x))

    return nn.Sequential(
        *(*convolution(3, 16, 3, 1), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2)),
        *(Block(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )


def torch_series(torch):
    """(d) in PyTorch."""
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv1d(9, 64, 5), nn.ReLU(), nn.Conv1d(64, 64, 5), nn.ReLU()),
        *(nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 6)),
    )


def torch_recurrent(torch, kind, *sizes):
    """A recurrence of a PyTorch class from so many channels to so many units, and ten classes."""
    nn = torch.nn

    class Last(kind):
        """The last state."""

        def forward(self, x):
            return super().forward(x)[0][:, -1]

    return nn.Sequential(Last(*sizes, batch_first=True), nn.Linear(sizes[-1], 10))


def torch_lstm(torch):
    """(e) in PyTorch."""
    return torch_recurrent(torch, torch.nn.LSTM, 16, 128)


def torch_gru(torch):
    """(f) in PyTorch."""
    return torch_recurrent(torch, torch.nn.GRU, 28, 64)


NETWORKS = {
    "lenet": Layered(
        "(a) LeNet, 28x28x1",
        *((28, 28, 1), 10, 64, 30, lenet, torch_lenet, "lenet"),
        _window(576, 25, 1, 6) + _window(64, 25, 6, 16) + 256 * 120 + 120 * 84 + 840,
        _window(576, 25, 1, 6),
    ),
    "small": Layered(
        "(b) 3x3x32, 3x3x64",
        *((28, 28, 1), 10, 128, 4, small, torch_small, "small"),
        _window(676, 9, 1, 32) + _window(576, 9, 32, 64) + 9216 * 128 + 1280,
        _window(676, 9, 1, 32),
    ),
    "resnet": Layered(
        "(c) ResNet 16/32/64",
        *((32, 32, 3), 10, 64, 6, resnet, torch_resnet, "resnet"),
        _window(1024, 9, 3, 16)
        + 2 * _window(1024, 9, 16, 16)
        + _window(256, 9, 16, 32)
        + _window(256, 9, 32, 32)
        + _window(256, 1, 16, 32)
        + _window(64, 9, 32, 64)
        + _window(64, 9, 64, 64)
        + _window(64, 1, 32, 64)
        + 640,
        _window(1024, 9, 3, 16),
    ),
    "series": Layered(
        "(d) 64x5, 64x5 on 128x9",
        *((128, 9), 6, 64, 20, series, torch_series, "series"),
        _window(124, 5, 9, 64) + _window(120, 5, 64, 64) + 384,
        _window(124, 5, 9, 64),
    ),
    "lstm": Layered(
        "(e) LSTM 128 on 50x16",
        *((50, 16), 10, 64, 20, lstm, torch_lstm, "lstm"),
        50 * (16 + 128) * 4 * 128 + 1280,
        50 * 16 * 4 * 128,
        "last",
    ),
    "gru": Layered(
        "(f) GRU 64 on 28x28",
        *((28, 28), 10, 128, 20, gru, torch_gru, "gru"),
        28 * (28 + 64) * 3 * 64 + 640,
        28 * 28 * 3 * 64,
        "last",
    ),
    "encoder": Layered(
        "(h) encoder on 32x16",
        *((32, 16), 10, 64, 20, encoder, torch_encoder, "encoder"),
        *(WORK, FIRST, "last"),
    ),
}
"""By the names that the command line takes."""

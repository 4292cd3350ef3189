"""The networks with convolutions, recurrences or attention that `compare_layers` times.

Pixels and steps are normal random numbers, and labels are random: the time of a step does not
depend on them.
"""

from typing import NamedTuple

import numpy as np

from . import layered_language
from .layered_attention import FIRST, WORK, encoder, torch_encoder
from .layered_images import lenet, resnet, small, torch_lenet, torch_resnet, torch_small


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
    codes : int
        If not 0, samples are series of so many tokens, whose targets are the next ones.
    clip_norm : float or None
        The largest norm of the gradient. With it the optimizer is AdamW, else Adam.
    samples : tuple of int
        Those of the calls for predictions.
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
    codes: int = 0
    clip_norm: float | None = None
    samples: tuple = (256, 1)

    @property
    def steps(self):
        """Steps of an epoch."""
        return self.batches

    @property
    def flops(self):
        """Operations of a training step."""
        return 2 * self.batch * (3 * self.work - self.first)


def make_samples(network, dtype="float32", samples=None, seed=0):
    """X (n, features) and y (n,), with every class if there are as many samples.

    For tokens, X is (n, T) and y is (n, T).
    """
    count = network.batch * network.batches if samples is None else samples
    random = np.random.default_rng(seed)
    if network.codes:
        tokens = random.integers(0, network.codes, (count, network.axes[0] + 1))
        tokens[:2].reshape(-1)[: network.codes] = np.arange(network.codes)
        return np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(tokens[:, 1:])
    X = random.standard_normal((count, int(np.prod(network.axes))), np.float32).astype(dtype)
    return X, random.permutation(np.arange(count) % network.classes)


def _window(out, taps, channels, filters):
    return out * taps * channels * filters


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
    "language": Layered(
        "(g) 4 causal blocks on 64 tokens",
        *((64,), layered_language.CODES, 12, 10),
        *(layered_language.decoder, layered_language.torch_decoder, "language"),
        *(layered_language.WORK, 0, "last"),
        codes=layered_language.CODES,
        clip_norm=1.0,
        samples=(12, 1),
    ),
    "encoder": Layered(
        "(h) encoder on 32x16",
        *((32, 16), 10, 64, 20, encoder, torch_encoder, "encoder"),
        *(WORK, FIRST, "last"),
    ),
}
"""By the names that the command line takes."""

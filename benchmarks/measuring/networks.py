"""The networks whose training step is compared, their data, and their operations."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Network(NamedTuple):
    """A network of the comparison.

    Parameters
    ----------
    samples : int
        A multiple of `batch`, so that all steps of an epoch have the same size.
    sizes : tuple of int
        Features, hidden units, classes.
    batch : int
        Rows of a mini-batch.
    variant : str
        One of `variants.VARIANTS`; empty for a ReLU network trained by Adam.
    """

    samples: int
    sizes: tuple[int, ...]
    batch: int
    variant: str = ""

    @property
    def title(self):
        """The network's name in tables: the sizes and the batch."""
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}"

    @property
    def hidden(self):
        """`hidden_layer_sizes` of the estimators."""
        return self.sizes[1:-1]

    @property
    def steps(self):
        """Training steps of one epoch."""
        return self.samples // self.batch

    @property
    def trained_sizes(self):
        """The sizes as trained: two classes have one logistic output."""
        return (*self.sizes[:-1], 1 if self.sizes[-1] == 2 else self.sizes[-1])

    @property
    def flops(self):
        """Operations of a training step; see `step_flops`."""
        return step_flops(self.trained_sizes, self.batch)


NETWORKS = {
    "small-32": Network(6400, (20, 64, 64, 2), 32),
    "small-200": Network(20000, (20, 64, 64, 2), 200),
    "tabular": Network(19968, (54, 256, 256, 256, 7), 256),
    "image": Network(20000, (784, 256, 128, 10), 200),
    "wide": Network(8192, (512, 1024, 1024, 10), 256),
}


def step_flops(sizes, batch):
    """Operations of the products of one training step, without the optimizer.

    Forward, weight gradient and input gradient are 2 B I O each; the first layer has no input
    gradient.

    Parameters
    ----------
    sizes : sequence of int
    batch : int

    Returns
    -------
    int
    """
    products = [a * b for a, b in pairwise(sizes)]
    return 2 * batch * (3 * sum(products) - products[0])


def make_data(network, dtype="float32", seed=0):
    """Standard normal features and uniform random classes.

    A step takes the same time on noise as on other data, and no network learns noise, so gradients
    do not vanish.

    Parameters
    ----------
    network : Network
    dtype : str
    seed : int

    Returns
    -------
    X : ndarray of shape (samples, features)
    y : ndarray of int64 of shape (samples,)
    """
    random = np.random.default_rng(seed)
    X = random.standard_normal((network.samples, network.sizes[0]), dtype=dtype)
    y = random.integers(0, network.sizes[-1], network.samples)
    return X, y


def epoch_of(sizes, batch, seconds=0.03, most=400):
    """A network whose epoch takes about `seconds` in any library.

    Parameters
    ----------
    sizes : sequence of int
    batch : int
    seconds : float
        Length of an epoch, by a rough guess at a step: 200 GFLOP/s, 20 GB/s for Adam's 24 bytes
        per parameter, 50 us of calls.
    most : int
        The most steps; the least are two.

    Returns
    -------
    Network
    """
    sizes = tuple(sizes)
    parameters = sum((i + 1) * o for i, o in pairwise(sizes))
    step = step_flops(sizes, batch) / 200e9 + 24 * parameters / 20e9 + 50e-6
    return Network(batch * max(2, min(most, round(seconds / step))), sizes, batch)

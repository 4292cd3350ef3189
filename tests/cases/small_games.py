"""Small data, lists and fits of `GAN`."""

import numpy as np
from oracles.parity import fit_quietly
from running.nested_weights import leaves

from fusednn import GAN
from fusednn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Reshape,
)

RANDOM = np.random.RandomState(0)
X = RANDOM.normal([1.0, -1.0, 0.0], 0.5, size=(100, 3))
Y = np.array(["a", "b"])[np.arange(100) % 2]
IMAGES = RANDOM.uniform(size=(40, 8, 8, 1)).astype(np.float32)
LISTS = [Dense(8, "relu"), Dense(3)], [Dense(8, "leaky_relu")]
WAYS = (
    [Dense(32), Reshape(4, 4, 2), BatchNorm(), Activation("relu"),
     ConvTranspose2D(1, 4, stride=2, padding=1)],
    [Conv2D(4, 3, "leaky_relu", stride=2), Dropout(0.2)],
)  # fmt: skip
SMALL = {"latent": 4, "batch_size": 16, "max_iter": 3, "random_state": 0}


def fitted(data=X, y=None, lists=LISTS, **options):
    """A game of three passes, without its warnings."""
    return fit_quietly(GAN(*lists, **{**SMALL, **options}), data, y)


def same(one, other):
    """Whether two estimators have equal weights."""
    pairs = zip(leaves(one.get_weights()), leaves(other.get_weights()), strict=True)
    return all(np.array_equal(*pair) for pair in pairs)

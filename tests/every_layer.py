"""The list of all layers, each in a small network: what is not on it fails `test_every_layer.py`.

Data have six columns, of which two may be codes.
"""

import numpy as np

from fusednn import layers
from fusednn.layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    LayerNorm,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
)

EVERY_LAYER = {
    "Dense": [Dense(7, "tanh"), Dense(5, "selu", bias=False, max_norm=2.0)],
    "Dense, weight norm": [Dense(6, "gelu", weight_norm=True)],
    "Activation": [Dense(7), Activation("leaky_relu", slope=0.2)],
    "PReLU": [PReLU(), Dense(5), PReLU(0.1)],
    "Dropout": [Dense(9, "relu"), Dropout(0.3)],
    "AlphaDropout": [Dense(9, "selu"), AlphaDropout(0.1)],
    "GaussianNoise": [GaussianNoise(0.1), Dense(5, "tanh")],
    "BatchNorm": [Dense(7), BatchNorm(epsilon=1e-3), Activation("silu")],
    "LayerNorm": [Dense(7, "tanh"), LayerNorm()],
    "RMSNorm": [Dense(7, "tanh"), RMSNorm()],
    "Residual": [Dense(6), Residual([LayerNorm(), Dense(4, "relu"), Dense(6)])],
    "Reshape and Flatten": [
        *(Reshape(3, 2), Dense(4, "tanh"), LayerNorm(), Residual([Dense(4)]), Flatten()),
        Dense(5, "relu"),
    ],
    "Reshape, channels first": [
        *(Reshape(2, 1, 3, channels="first"), Dense(4), BatchNorm(), Activation("relu")),
        *(PReLU(), Dropout(0.1), Flatten()),
    ],
    "Embedding": [Embedding([1, 3], categories=[4, 4], size=3), Dense(5, "tanh")],
}

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(60, 6))
CODES = X.copy()
CODES[:, [1, 3]] = RANDOM.randint(4, size=(60, 2))
LABELS, VALUES = np.arange(60) % 3, RANDOM.normal(size=60)


def data_for(specs):
    """The columns that a list of layers can read."""
    return CODES if isinstance(specs[0], Embedding) else X


def kinds(specs):
    """The classes of a list of layers, and of those inside them."""
    found = set()
    for spec in specs:
        found |= {type(spec)} | kinds(getattr(spec, "layers", ()))
    return found


KNOWN = {getattr(layers, name) for name in layers.__all__} - {layers.Layer}

"""Descriptions of layers for `layers=` of `NetworkClassifier` and `NetworkRegressor`.

    NetworkClassifier(layers=[Dense(256), BatchNorm(), Activation("relu"), Dropout(0.2)])

A list holds the hidden layers in order; the output layer, with as many units as the targets need,
follows by itself. Here x (B, I) is a layer's input, a batch of rows, and out (B, O) its output.
Descriptions hold only the sizes that they are given: the data decide the rest when a network is
built. They are frozen and compare by value.

`Reshape` gives samples axes. All layers but `Embedding` then work on each row along the last axis,
the channels. `Flatten` turns a sample into a single row again.
"""

from .activations import Activation, PReLU
from .dense import Dense
from .embedding import Embedding
from .layer import Layer
from .noise import AlphaDropout, Dropout, GaussianNoise
from .norms import BatchNorm, LayerNorm, RMSNorm
from .residual import Residual
from .shapes import Flatten, Reshape

__all__ = [
    "Activation",
    "AlphaDropout",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "Layer",
    "LayerNorm",
    "PReLU",
    "RMSNorm",
    "Reshape",
    "Residual",
]

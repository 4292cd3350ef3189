"""Descriptions of layers for `layers=` of `NetworkClassifier` and `NetworkRegressor`.

A list holds the hidden layers in order. The estimator adds the output layer, with as many units as
the targets need; `Output` gives it options. Here x (B, I) is a layer's input, a batch of rows, and
out (B, O) its output. Descriptions hold only the sizes that they are given; the data determine the
others when a network is built. Descriptions are immutable and compare by value.

X with axes, or `Reshape`, gives samples axes. Convolutions, pools and their transposes work on
images (H, W, C) and series (T, C), recurrences and attention on series; `TokenEmbedding` makes
series of codes. All other layers but `Embedding` work on each row along the last axis, the
channels. `Flatten` and the global pools turn a sample into a single row again.

`presets` has lists that are known to work.

Examples
--------
>>> from fusednn import NetworkClassifier
>>> from fusednn.layers import Activation, BatchNorm, Dense, Dropout
>>> model = NetworkClassifier([Dense(256), BatchNorm(), Activation("relu"), Dropout(0.2)])
"""

from . import presets
from .activations import Activation, ParametricActivation, PReLU
from .attention import MultiHeadAttention, PositionalEncoding, TransformerBlock
from .dense import Dense
from .embedding import Embedding
from .enlarging import ConvTranspose1D, ConvTranspose2D, UpSample1D, UpSample2D
from .layer import Layer
from .noise import AlphaDropout, Dropout, GaussianNoise
from .norms import BatchNorm, LayerNorm, RMSNorm
from .output import Output
from .periodic import Periodic
from .piecewise_linear import PiecewiseLinear
from .pooling import AvgPool1D, AvgPool2D, GlobalAvgPool, GlobalMaxPool, MaxPool1D, MaxPool2D
from .recurrent import GRU, LSTM, RNN
from .residual import Residual
from .scale import Scale
from .shapes import Flatten, Reshape
from .token_embedding import TokenEmbedding
from .windows import Conv1D, Conv2D

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "AlphaDropout",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNorm",
    "Conv1D",
    "Conv2D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "Layer",
    "LayerNorm",
    "MaxPool1D",
    "MaxPool2D",
    "MultiHeadAttention",
    "Output",
    "PReLU",
    "ParametricActivation",
    "Periodic",
    "PiecewiseLinear",
    "PositionalEncoding",
    "RMSNorm",
    "Reshape",
    "Residual",
    "Scale",
    "TokenEmbedding",
    "TransformerBlock",
    "UpSample1D",
    "UpSample2D",
    "presets",
]

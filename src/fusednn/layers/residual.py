"""Residual connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layer import Layer


@dataclass(frozen=True, repr=False)
class Residual(Layer):
    """out = f(x) + x, where f is a list of layers, or f(x) + g(x) with a shortcut g.

    Parameters
    ----------
    layers : sequence of Layer
        The layers of f; kept as a tuple. Without a shortcut f(x) must have the shape of x.
    shortcut : sequence of Layer or None, default=None
        The layers of g, which give x the shape of f(x); kept as a tuple. He et al. take a
        convolution of one pixel with the same stride, and `BatchNorm`.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    The last inner layer has as many units as the block receives:

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, LayerNorm, Residual
    >>> X, y = np.ones((10, 3)), np.ones(10)
    >>> block = Residual([LayerNorm(), Dense(32, "gelu"), Dense(16)])
    >>> model = NetworkRegressor([Dense(16), block, block]).initialize(X, y)
    >>> model.hidden_activations(X).shape
    (10, 16)

    Eight steps of one channel become four of three:

    >>> from fusednn.layers import Conv1D, Flatten, Reshape
    >>> block = Residual([Conv1D(3, 3, "relu", stride=2)], shortcut=[Conv1D(3, 1, stride=2)])
    >>> X = np.ones((10, 8))
    >>> model = NetworkRegressor([Reshape(8, 1), block, Flatten()]).initialize(X, y)
    >>> model.hidden_activations(X, 1).shape
    (10, 4, 3)
    """

    layers: Sequence[Layer]
    shortcut: Sequence[Layer] | None = None

    def _check(self) -> None:
        object.__setattr__(self, "layers", _as_tuple("a sequence of layers", self.layers))
        if self.shortcut is not None:
            what = "a sequence of layers as shortcut"
            object.__setattr__(self, "shortcut", _as_tuple(what, self.shortcut))


def _as_tuple(what: str, layers) -> tuple:
    if isinstance(layers, Layer) or not isinstance(layers, Sequence) or isinstance(layers, str):
        raise ValueError(f"Residual takes {what}, got {layers!r}.")
    return tuple(layers)

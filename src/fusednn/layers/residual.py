"""Residual connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .layer import Layer


@dataclass(frozen=True, repr=False)
class Residual(Layer):
    """out = x + f(x), where f is a list of layers; f(x) must have the shape of x.

    Parameters
    ----------
    layers : sequence of Layer
        The inner layers; kept as a tuple.

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
    """

    layers: Sequence[Layer]

    def _check(self) -> None:
        inner = self.layers
        if isinstance(inner, Layer) or not isinstance(inner, Sequence) or isinstance(inner, str):
            raise ValueError(f"Residual takes a sequence of layers, got {inner!r}.")
        object.__setattr__(self, "layers", tuple(inner))

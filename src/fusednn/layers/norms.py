"""Layers that normalise."""

from __future__ import annotations

from dataclasses import dataclass

from .layer import Layer


@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    """Normalises each column over all rows of the batch, then scales and shifts it.

        out = scale (x - mean) / sqrt(variance + epsilon) + shift

    Predictions use running statistics, whose variance is unbiased, as in PyTorch. A last batch of
    one row joins the batch before it. Sample weights do not affect the statistics.

    Parameters
    ----------
    momentum : float, default=0.1
        The share of each batch's statistics in the running statistics, in [0, 1].
    epsilon : float, default=1e-5
        Added to the variance.
    rate_factor : float, default=1.0
        Factor of the learning rate.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization", ICML 2015.

    Examples
    --------
    Four arrays: scale, shift, running mean and running variance.

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Activation, BatchNorm, Dense
    >>> X, y = np.random.RandomState(0).normal(size=(64, 3)), np.ones(64)
    >>> model = NetworkRegressor([Dense(8), BatchNorm(), Activation("relu")]).initialize(X, y)
    >>> [array.shape for array in model.get_weights()[1]]
    [(8,), (8,), (8,), (8,)]
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    rate_factor: float = 1.0

    def _check(self) -> None:
        self._need("momentum", 0)
        if self.momentum > 1:
            raise ValueError(f"momentum of BatchNorm must be in [0, 1], got {self.momentum!r}.")
        self._need("epsilon", 1e-30)
        self._need("rate_factor", 0)


@dataclass(frozen=True, repr=False)
class LayerNorm(Layer):
    """Normalises each row over its columns, then scales and shifts each column.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to the variance.
    rate_factor : float, default=1.0
        Factor of the learning rate.

    References
    ----------
    Ba, Kiros and Hinton, "Layer normalization", arXiv:1607.06450.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import LayerNorm
    >>> X, y = np.array([[1.0, 3.0], [-500.0, 500.0]]), [1.0, 2.0]
    >>> model = NetworkRegressor([LayerNorm()]).initialize(X, y)
    >>> model.hidden_activations(X).round(2).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    epsilon: float = 1e-5
    rate_factor: float = 1.0

    def _check(self) -> None:
        self._need("epsilon", 1e-30)
        self._need("rate_factor", 0)


@dataclass(frozen=True, repr=False)
class RMSNorm(Layer):
    """Divides each row by the root of its mean square, then scales each column.

    Parameters
    ----------
    epsilon : float, default=1e-5
        Added to the mean square.
    rate_factor : float, default=1.0
        Factor of the learning rate.

    References
    ----------
    Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import RMSNorm
    >>> X, y = np.array([[3.0, 3.0], [0.0, -500.0]]), [1.0, 2.0]
    >>> model = NetworkRegressor([RMSNorm()]).initialize(X, y)
    >>> model.hidden_activations(X).round(2).tolist()
    [[1.0, 1.0], [0.0, -1.41]]
    """

    epsilon: float = 1e-5
    rate_factor: float = 1.0

    def _check(self) -> None:
        self._need("epsilon", 1e-30)
        self._need("rate_factor", 0)

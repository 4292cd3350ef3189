"""Activations as layers of their own."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from .layer import Layer


@dataclass(frozen=True, repr=False)
class Activation(Layer):
    """out = f(x), element by element, in the same pass over the rows as the layer before.

    Parameters
    ----------
    name : {"identity", "sigmoid", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", \
"softplus", "gelu", "gelu_tanh", "silu", "swish", "mish", "hard_swish"}
        "sigmoid" is "logistic" and "swish" is "silu". "softmax" may only be the last layer, for
        three classes or more, where the output layer applies it anyway.
    slope : float or None, default=None
        The slope of "leaky_relu" below 0; None is 0.01.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Activation
    >>> X, y = np.array([[-2.0, 0.0, 3.0]]), [1.0]
    >>> model = NetworkRegressor([Activation("leaky_relu", slope=0.25)]).initialize(X, y)
    >>> model.hidden_activations(X).tolist()
    [[-0.5, 0.0, 3.0]]
    """

    name: str
    slope: float | None = None

    def _check(self) -> None:
        self._need_name("name")
        if self.slope is not None:
            self._need("slope", -inf)
            if self.name != "leaky_relu":
                raise ValueError(f"slope is for 'leaky_relu', not for {self.name!r}.")


@dataclass(frozen=True, repr=False)
class PReLU(Layer):
    """out = x where x > 0, else slope x; each column learns a slope of its own.

    Parameters
    ----------
    slope : float, default=0.25
        The first value of the slopes.
    rate_factor : float, default=1.0
        Factor of the learning rate.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import PReLU
    >>> X, y = np.array([[-2.0, 0.0, 3.0]]), [1.0]
    >>> model = NetworkRegressor([PReLU(slope=0.25)]).initialize(X, y)
    >>> model.hidden_activations(X).tolist()
    [[-0.5, 0.0, 3.0]]
    >>> model.get_weights()[0][0].tolist()
    [0.25, 0.25, 0.25]
    """

    slope: float = 0.25
    rate_factor: float = 1.0

    def _check(self) -> None:
        self._need("slope", -inf)
        self._need("rate_factor", 0)

"""Activations as layers of their own."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from .layer import Layer


def _check_slope(spec: Activation | ParametricActivation) -> None:
    """Raises ValueError if an activation has a slope that it does not take."""
    if spec.slope is not None:
        spec._need("slope", -inf)
        if spec.name != "leaky_relu":
            raise ValueError(f"slope is for 'leaky_relu', not for {spec.name!r}.")


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
        _check_slope(self)


@dataclass(frozen=True, repr=False)
class ParametricActivation(Layer):
    """out = x + share (f(x) - x), where each column learns its share of the activation f.

    A share of 0 leaves the identity, one of 1 is f.

    Parameters
    ----------
    name : str
        The activation, as of `Activation`, but "identity" and "softmax"; RealMLP has "selu" for
        classes and "mish" for values.
    share : float, default=1.0
        The first value of the shares.
    slope : float or None, default=None
        The slope of "leaky_relu" below 0; None is 0.01.
    rate_factor, decay_factor : float, default=1.0
        Factors of the learning rate and of the weight decay, which draws shares to 0.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import ParametricActivation
    >>> X, y = np.array([[-2.0, 0.0, 3.0]]), [1.0]
    >>> model = NetworkRegressor([ParametricActivation("relu", share=0.5)]).initialize(X, y)
    >>> model.hidden_activations(X).tolist()
    [[-1.0, 0.0, 3.0]]
    >>> model.get_weights()[0][0].tolist()
    [0.5, 0.5, 0.5]
    """

    name: str
    share: float = 1.0
    slope: float | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def _check(self) -> None:
        self._need_name("name")
        self._need("share", -inf)
        _check_slope(self)
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)


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

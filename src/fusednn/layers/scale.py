"""A layer that scales columns."""

from __future__ import annotations

from dataclasses import dataclass

from .layer import Layer


@dataclass(frozen=True, repr=False)
class Scale(Layer):
    """out = x times a learned factor of each column, whose first value is 1.

    In front of the first dense layer it learns which columns count: there RealMLP gives it six
    times the learning rate of the weights. A frozen network has the factors in the weights of the
    dense layer beside it.

    Parameters
    ----------
    rate_factor, decay_factor : float, default=1.0
        Factors of the learning rate and of the weight decay.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024, the scaling layer.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, Scale
    >>> X, y = np.array([[-2.0, 0.0, 3.0]]), [1.0]
    >>> model = NetworkRegressor([Scale(rate_factor=6.0), Dense(8, "relu")]).initialize(X, y)
    >>> model.get_weights()[0][0].tolist()
    [1.0, 1.0, 1.0]
    """

    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def _check(self) -> None:
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)

"""The output layer of a list."""

from __future__ import annotations

from dataclasses import dataclass

from .dense import STANDARD, Dense, Weighted


@dataclass(frozen=True, repr=False)
class Output(Weighted):
    """The output layer, with options of its own: the last layer of a classifier or regressor.

    It is `Dense` with as many units as the targets need. Without it the estimator adds an output
    layer of these defaults.

    Parameters
    ----------
    init, bias, weight_norm, max_norm, rate_factor, decay_factor, bias_rate_factor, \
parametrization
        As in `Dense`.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, Output
    >>> X, y = np.ones((10, 3)), np.ones((10, 2))
    >>> model = NetworkRegressor([Dense(8, "relu"), Output(rate_factor=0.1, bias=False)])
    >>> [[array.shape for array in layer] for layer in model.initialize(X, y).get_weights()]
    [[(3, 8), (8,)], [(8, 2)]]
    """

    init: str | None = None
    bias: bool = True
    weight_norm: bool = False
    max_norm: float | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0
    bias_rate_factor: float = 1.0
    parametrization: str = STANDARD

    def _check(self) -> None:
        self._check_weights()

    def dense(self, units: int) -> Dense:
        """The layer with so many units.

        Parameters
        ----------
        units : int

        Returns
        -------
        Dense

        Examples
        --------
        >>> from fusednn.layers import Output
        >>> Output(rate_factor=0.1).dense(3)
        Dense(units=3, rate_factor=0.1)
        """
        return Dense(units, **vars(self))

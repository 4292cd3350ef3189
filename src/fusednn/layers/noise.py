"""Layers that add noise in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .layer import Layer

if TYPE_CHECKING:
    from fusednn.schedules import Schedule


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """Sets a share of the inputs to 0 in training, and scales the others by 1 / (1 - rate).

    Parameters
    ----------
    rate : float, default=0.5
        The share, in [0, 1).
    per : {"element", "channel"}, default="element"
        What is dropped: elements, or channels of a sample, at all its positions. Neighbours in an
        image or a series are alike, so dropping single elements there removes little.
    schedule : Schedule or None, default=None
        A schedule of `fusednn.schedules`, but `ReduceOnPlateau`: each step (mini-batch) drops
        `rate` times its factor. Its steps are those of a schedule of the learning rate, also in
        `partial_fit`, where `total` is the number of steps in `max_iter` calls. RealMLP's is
        `FlatCosine()`.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014. For channels: Tompson et al., "Efficient object localization using convolutional
    networks", CVPR 2015.

    Examples
    --------
    Predictions do not drop anything:

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dropout
    >>> X, y = np.array([[1.0, 2.0], [3.0, 4.0]]), [1.0, 2.0]
    >>> model = NetworkRegressor([Dropout(0.5)]).initialize(X, y)
    >>> model.hidden_activations(X).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """

    rate: float = 0.5
    per: str = "element"
    schedule: Schedule | None = None

    def _check(self) -> None:
        self._need("rate", 0, 1)
        self._need_schedule("schedule")
        if self.per not in ("element", "channel"):
            raise ValueError(f"per of Dropout must be 'element' or 'channel', got {self.per!r}.")


@dataclass(frozen=True, repr=False)
class AlphaDropout(Layer):
    """Dropout for SELU: sets inputs to SELU's limit, and keeps mean and variance.

    Parameters
    ----------
    rate : float, default=0.5
        The share, in [0, 1).
    schedule : Schedule or None, default=None
        As in `Dropout`.

    References
    ----------
    Klambauer et al., "Self-normalizing neural networks", NIPS 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import AlphaDropout, Dense
    >>> X, y = load_iris(return_X_y=True)
    >>> layers = [Dense(32, "selu"), AlphaDropout(0.05), Dense(32, "selu")]
    >>> model = NetworkClassifier(layers, learning_rate_init=0.01, max_iter=1000, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
    """

    rate: float = 0.5
    schedule: Schedule | None = None

    def _check(self) -> None:
        self._need("rate", 0, 1)
        self._need_schedule("schedule")


@dataclass(frozen=True, repr=False)
class GaussianNoise(Layer):
    """Adds normal noise of mean 0 in training.

    Parameters
    ----------
    deviation : float, default=0.1
        The standard deviation, in the units of the input; at least 0.
    schedule : Schedule or None, default=None
        As in `Dropout`: each step's deviation is `deviation` times its factor.

    Examples
    --------
    As the first layer, on columns of deviation 1:

    >>> from sklearn.datasets import load_iris
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import Dense, GaussianNoise
    >>> X, y = load_iris(return_X_y=True)
    >>> layers = [GaussianNoise(0.1), Dense(32, "relu")]
    >>> model = NetworkClassifier(layers, learning_rate_init=0.01, max_iter=1000, random_state=0)
    >>> model.set_params(standardize=True).fit(X, y).score(X, y) > 0.95
    True
    """

    deviation: float = 0.1
    schedule: Schedule | None = None

    def _check(self) -> None:
        self._need("deviation", 0)
        self._need_schedule("schedule")

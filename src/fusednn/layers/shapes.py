"""Layers that change the shape of a sample."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from .layer import Layer


@dataclass(frozen=True, repr=False, init=False)
class Reshape(Layer):
    """Gives each sample axes; the layers that follow work on each row along the last axis.

    `Reshape(50, 16)` turns 800 columns into 50 rows of 16 columns, `Reshape(28, 28, 1)` turns 784
    columns into an image. `BatchNorm` then has statistics of each column over all rows. `Flatten`
    must follow before the output layer. A network that begins with `Reshape` takes dense X only.

    Parameters
    ----------
    *shape : int
        Sizes of the axes; their product is the number of the input's elements.
    channels : {"last", "first"}, default="last"
        The order of the input's elements. `Reshape(3, 28, 28, channels="first")` reads three
        planes, one after the other; the layers that follow see (28, 28, 3). As the first layer it
        takes X (n, 3, 28, 28) or rows of 2352 columns.

    Examples
    --------
    A dense layer on each of 5 rows of 4 columns:

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, Flatten, Reshape
    >>> X, y = np.ones((10, 20)), np.ones(10)
    >>> model = NetworkRegressor([Reshape(5, 4), Dense(2), Flatten()]).initialize(X, y)
    >>> model.get_weights()[1][0].shape, model.hidden_activations(X, 1).shape
    ((4, 2), (10, 5, 2))
    """

    shape: tuple[int, ...]
    channels: str = "last"

    def __init__(self, *shape: int, channels: str = "last") -> None:
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "channels", channels)
        self.__post_init__()

    def _check(self) -> None:
        whole = all(
            isinstance(size, Integral) and not isinstance(size, bool) for size in self.shape
        )
        if not self.shape or not whole or min(self.shape) < 1:
            nested = len(self.shape) == 1 and isinstance(self.shape[0], list | tuple)
            hint = "; give them one by one, as in Reshape(28, 28, 1)" if nested else ""
            raise ValueError(
                f"sizes of Reshape must be integers from 1, got {self.shape!r}{hint}."
            )
        object.__setattr__(self, "shape", tuple(map(int, self.shape)))
        if self.channels not in ("last", "first"):
            raise ValueError(
                f"channels of Reshape must be 'last' or 'first', got {self.channels!r}."
            )
        if self.channels == "first" and len(self.shape) < 2:
            raise ValueError(f"channels first need another axis behind, got {self.shape!r}.")

    def __repr__(self) -> str:
        given = [*map(str, self.shape), f"channels={self.channels!r}"]
        return f"Reshape({', '.join(given[: -1 if self.channels == 'last' else None])})"


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """Joins each sample's rows, one after the other, into a single row.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Flatten, Reshape
    >>> X, y = np.array([[1.0, 2.0, 3.0, 4.0]]), [1.0]
    >>> model = NetworkRegressor([Reshape(2, 2), Flatten()]).initialize(X, y)
    >>> model.hidden_activations(X).tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    """

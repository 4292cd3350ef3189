"""Embeddings of integer codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

from .layer import Layer


@dataclass(frozen=True, repr=False)
class Embedding(Layer):
    """Replaces columns of integer codes by learned vectors; only as the first layer.

    In the output the other columns come first, in their order, then the vectors.

    Parameters
    ----------
    columns : sequence of int
        The columns of X that hold codes, whole numbers from 0; kept as a tuple.
    categories : sequence of int or None, default=None
        The number of codes of each column. None: one more than the largest code in the first
        training data, so give this for streams of `partial_fit`. A number that the data determine
        may exceed 10,000 only up to 100 times the number of distinct codes: number ids first.
        Codes from `categories` on raise an error: keep one code for values that training does not
        know.
    size : int or None, default=None
        Elements of each vector; None is min(50, (categories + 1) // 2) of each column.
    rate_factor, decay_factor : float, default=1.0
        Factors of the learning rate and of the weight decay.

    References
    ----------
    Guo and Berkhahn, "Entity embeddings of categorical variables", arXiv:1604.06737.

    Examples
    --------
    Column 1 has codes from 0 to 6:

    >>> import numpy as np
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, Embedding
    >>> X, y = np.array([[0.5, 0], [1.5, 6], [2.5, 3]]), [1.0, 2.0, 3.0]
    >>> model = NetworkRegressor([Embedding([1], size=4), Dense(8, "relu")]).initialize(X, y)
    >>> [[array.shape for array in layer] for layer in model.get_weights()]
    [[(7, 4)], [(5, 8), (8,)], [(8, 1), (1,)]]
    """

    columns: Sequence[int]
    categories: Sequence[int] | None = None
    size: int | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def _check(self) -> None:
        if self.columns is None:
            raise ValueError("columns of Embedding must be integers from 0, got None.")
        self._check_columns()
        if self.categories is not None:
            self._check_categories(self.categories)
        if self.size is not None:
            self._need("size", 1, whole=True)
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)

    def _check_categories(self, values: Sequence[int]) -> None:
        if not isinstance(values, Sequence) or not all(
            isinstance(value, Integral) and int(value) >= 1 for value in values
        ):
            raise ValueError(f"categories of Embedding must be integers from 1, got {values!r}.")
        object.__setattr__(self, "categories", tuple(map(int, values)))
        if len(values) != len(self.columns):
            raise ValueError(
                f"categories of Embedding must be as many as columns, got {len(values)}"
                f" and {len(self.columns)}."
            )

"""What predictors take and return, for type checkers; imported by no code that runs.

SciPy comes without types, so sparse matrices are known by the methods that are called.
"""

from __future__ import annotations

import os
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy, in any format."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        ...

    def tocsr(self) -> Any:
        """The same in compressed rows."""
        ...


MatrixLike: TypeAlias = ArrayLike | SparseMatrix
"""Rows: what NumPy converts (arrays, lists, frames of pandas and polars), or a sparse matrix."""

FloatArray: TypeAlias = NDArray[np.floating[Any]]
"""Answers of a network: float32 or float64, the network's type."""

Probabilities: TypeAlias = FloatArray | Any
"""An array; a list of arrays where y had several columns of classes, hence `Any`."""

Classes: TypeAlias = NDArray[Any] | Any
"""An array; a list of arrays where y had several columns of classes, hence `Any`."""

FilePath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

RoundedWeights: TypeAlias = Literal["bfloat16", "int8"]

Device: TypeAlias = Literal["cpu", "cuda", "auto"]

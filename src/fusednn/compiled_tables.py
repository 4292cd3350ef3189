"""Calls a model of raw tables in a shared library through ctypes; requires only NumPy."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from fusednn.serving.ensembles.answering import TabularAnswers
from fusednn.serving.ensembles.targets import Classes, Quantities, Spread
from fusednn.serving.files.paths import path_of
from fusednn.tables.preparing.notes import from_notes

from .compiled import TABLE, labels_of, opened

if TYPE_CHECKING:
    from fusednn.serving.types import FilePath

BLOCK_ROWS = 4096
"""Rows that are prepared at a time."""


class CompiledTabularPredictor(TabularAnswers):
    """A model of raw tables in a library that `fusednn.export_library` wrote.

    Used like `fusednn.TabularPredictor`: it takes frames, arrays, lists of dicts or rows, and one
    row as a dict. Several threads may call it at the same time, without a lock. Loading a library
    runs its code: load only libraries from people you trust.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        The library.

    Attributes
    ----------
    classes_ : ndarray
        Classes of a classifier, the same as the estimator's.
    n_features_in_ : int
        The number of columns of a table.
    feature_names_in_ : ndarray of str
        If the estimator was fitted to named columns.
    dtype : dtype
        Type of the networks. Answers are float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not such a library, or as of `CompiledPredictor`.

    See Also
    --------
    export_library : Writes the library.
    CompiledPredictor : The same for a network of numbers.
    freeze : A predictor in this process; needs no compiler.

    Examples
    --------
    >>> from fusednn import CompiledTabularPredictor, TabularClassifier, export_library
    >>> rows = [{"age": 20 + i, "town": "Rome" if i % 3 else "Oslo"} for i in range(60)]
    >>> y = ["old" if row["age"] > 50 else "young" for row in rows]
    >>> export_library(TabularClassifier("fast", random_state=0).fit(rows, y), "ages.so")
    >>> CompiledTabularPredictor("ages.so").predict({"age": 75, "town": "Paris"}).tolist()
    ['old']
    """

    def __init__(self, path: FilePath) -> None:
        self.path = os.path.abspath(path_of(path))
        library, about = opened(self.path)
        if about["kind"] != TABLE:
            raise ValueError(
                f"{self.path} has a network that takes numbers, not tables: load it with"
                " fusednn.CompiledPredictor."
            )
        preparation, target = from_notes(about, self.path), _target(about["target"])
        self._members = about["members"]
        self._know(preparation, target, about["estimator"], np.dtype(about["dtype"]))
        self._width = len(preparation.names) + len(preparation.code_names)
        self._values = len(preparation.names)
        address = ctypes.c_void_p
        self._call = library.fusednn_sums
        self._call.argtypes = address, ctypes.c_size_t, address

    def _sums_of_inputs(self, inputs):
        sums = np.empty((len(inputs), self._target.outputs))
        self._add(inputs, sums)
        return sums

    def _sums_of_table(self, matched):
        rows = matched.table.rows
        sums = np.empty((rows, self._target.outputs))
        for first in range(0, rows, BLOCK_ROWS):
            part = sums[first : first + BLOCK_ROWS]
            inputs = np.empty((len(part), self._width), self.dtype)
            matched.write(inputs[:, : self._values], inputs[:, self._values :], first)
            self._add(inputs, part)
        return sums

    def _add(self, inputs: np.ndarray, sums: np.ndarray) -> None:
        if self._call(inputs.ctypes.data, len(inputs), sums.ctypes.data):
            raise MemoryError("no memory for the buffers of the networks")

    def __reduce__(self):
        return CompiledTabularPredictor, (self.path,)

    def __repr__(self):
        return f"<{self._described(self._members)}>"


def _target(about: dict[str, Any]) -> Classes | Quantities:
    if "classes" in about:
        return Classes(labels_of(**about["classes"]))
    found: dict[str, Any] = {
        key: tuple(one) if type(one) is list else one for key, one in about.items()
    }
    found["spreads"] = tuple(Spread(*map(tuple, one)) for one in about["spreads"])
    return Quantities(**found)

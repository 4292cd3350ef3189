"""Calls a network in a shared library through ctypes; requires only NumPy."""

from __future__ import annotations

import ctypes
import json
import os
from ctypes import byref
from functools import partial
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from fusednn.serving.files.paths import path_of
from fusednn.serving.labels_and_values import Answers
from fusednn.serving.sequences import Series, checked_lengths, lengthened

from .serving import checks, refusals

if TYPE_CHECKING:
    from .serving.types import FilePath

FORMATS = (1, 2, 3)
TABLE = "table"
"""The kind of a library with a model of raw tables."""
NOT_FINITE = 3
"""The library's status for infinity or NaN."""

_loaded: dict[str, list[tuple[int, ...]]] = {}
"""The versions of each file that this process has loaded: device, inode, time and size."""


class CompiledPredictor(Answers):
    """A network in a library that `fusednn.export_library` wrote; used like `fusednn.Predictor`.

    Several threads may call it at the same time, without a lock; the calls run in parallel.
    Loading a library runs its code: load only libraries from people you trust.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        The library.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        Classes of a classifier, the same as the estimator's.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of str, of shape (n_features_in_,)
        Names of the columns, if the estimator was fitted to named columns.
    dtype : dtype
        Type of the network and its outputs.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not such a library, or is for another kind of machine. On x86 also if the
        CPU lacks instructions that the library uses; on other machines the first call then ends
        the process.

    See Also
    --------
    export_library : Writes the library.
    freeze : A predictor in this process; needs no compiler.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import CompiledPredictor, MLPClassifier, export_library
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier([8], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> export_library(model, "iris.so")
    >>> predictor = CompiledPredictor("./iris.so")
    >>> predictor.predict(X[:3]).tolist()
    [0, 0, 0]
    """

    n_features_in_: int
    feature_names_in_: np.ndarray
    dtype: np.dtype

    def __init__(self, path: FilePath) -> None:
        self.path = os.path.abspath(path_of(path))
        self._library, about = opened(self.path)
        if about["kind"] == TABLE:
            raise ValueError(
                f"{self.path} has a model of raw tables: load it with"
                " fusednn.CompiledTabularPredictor."
            )
        self._shown = about["sizes"]
        self._names = tuple(about["names"])
        # with a `point` the library returns one output per target, otherwise all outputs
        per_target, point = (about["per_target"], None) if about["point"] is None else (1, 0)
        classes = [labels_of(**one) for one in about["classes"]]
        more = {key: about[key] for key in ("inverse", "least", "column") if key in about}
        more["axes"] = tuple(about.get("output_axes", ()))
        super().__init__(about["kind"], classes, per_target, point, self._names[1], **more)
        self._answer = self._answer_rows
        if self._output_axes:
            widths = [about["interface"][key] for key in ("logits", "outputs", "labels")]
            self._answer = partial(self._with_axes, self._answer_rows, widths)
        self._function = None  # the library itself applies the inverse function
        self._columns = about.get("columns")
        self._features = None if about["features"] is None else tuple(about["features"])
        # libraries of earlier versions do not tell the axes
        self._takes_any_axes = "axes" not in about
        self._axes = tuple(map(tuple, about.get("axes", ())))
        self._sample_shapes = checks.shapes_of_a_sample(self._axes)
        series = dict(about.get("series", {}))
        self._least_steps, self._ends = series.pop("least", 0), series.pop("ends", None)
        self._series = Series(**series) if series else None
        self.dtype = np.dtype(about["dtype"])
        self.n_features_in_ = about["sizes"][0]
        if self._features is not None:
            self.feature_names_in_ = np.array(self._features, object)
        counts = about["interface"]
        self._ways = (
            (counts["logits"], self.dtype),
            (counts["outputs"], self.dtype),
            (counts["labels"], np.dtype(np.int64)),
        )
        self._call = self._library.fusednn_answer
        address = ctypes.c_void_p
        self._call.argtypes = ctypes.c_int, ctypes.c_int, address, ctypes.c_size_t, address

    def _answer_rows(self, way, X, out, validate):
        columns, dtype = self._ways[way]
        if (
            self._sample_shapes
            and type(X) is np.ndarray
            and checks.is_sample(X.shape, self._sample_shapes, self._series)
        ):
            X = X.reshape(1, X.size)
        if not (
            type(X) is np.ndarray and X.dtype is self.dtype and X.flags.carray and X.ndim == 2
        ):
            has_axes = self._takes_any_axes and isinstance(X, np.ndarray) and X.ndim > 2
            if has_axes and prod(X.shape[1:]) == self.n_features_in_:
                X = X.reshape(len(X), self.n_features_in_)
            X = checks.converted(
                *(X, self.dtype, self._names, self._features, self._columns, self._axes),
                self._series,
            )
            if not X.flags.writeable:  # `from_buffer` needs a writable buffer
                X = X.copy()
        end = columns
        if X.shape[1] != self.n_features_in_ and self._takes_steps(X):
            steps, X = self._with_padding(X)
            if self._ends is not None and out is None:
                end = columns // self._ends[-1] * self._ends[steps - 1]
        rows, width = X.shape
        if width != self.n_features_in_:
            raise refusals.refuse_columns(X, self.n_features_in_, self._names, self._series)
        if out is None:
            out = np.empty((rows, columns), dtype)
        else:
            checks.check_out(out, (rows, columns), dtype)
            if np.may_share_memory(X, out):
                X = X.copy()
        if not rows:
            raise refusals.refuse_empty(X, self._names)
        # the attribute `ctypes` of an array takes ten times as long
        x, answers = byref(_BYTE.from_buffer(X)), byref(_BYTE.from_buffer(out))
        status = self._call(way, bool(validate), x, rows, answers)
        if status == NOT_FINITE:
            if self._series is not None:
                self._refuse_series(X)
            read = X if self._columns is None else X[:, self._columns[1]]
            raise refusals.refuse_values(read, self._names)
        if status:
            raise MemoryError("no memory for the buffers of the network")
        return out if end == columns else out[:, :end]

    def _takes_steps(self, X) -> bool:
        """Whether rows of other columns are series of other steps."""
        if self._series is None or not X.shape[1]:
            return False
        return X.shape[1] % self._series.features == 0

    def _with_padding(self, X):
        """The steps of series, and their rows with the columns of the library's."""
        assert self._series is not None
        steps = X.shape[1] // self._series.features
        if steps > self._series.steps:
            raise self._refuse_steps(steps)
        return steps, lengthened(X, self._series)

    def _refuse_series(self, X):
        """Refuses series with NaN that is no padding, or with too few steps."""
        series = self._series
        assert series is not None
        if np.isnan(X).any():
            lengths = checked_lengths(X, series.features, series.channels_first)
            if lengths.min() < self._least_steps:
                raise self._refuse_steps(lengths.min())

    def _refuse_steps(self, steps):
        assert self._series is not None
        takes = f"{self._least_steps} to {self._series.steps}"
        return ValueError(f"X has series of length {steps}, but the library takes {takes}.")

    def __reduce__(self):
        return CompiledPredictor, (self.path,)

    def __repr__(self):
        sizes = "-".join(map(str, self._shown))
        return f"<CompiledPredictor of {self._names[1]}: {sizes}, {self.dtype}>"


_BYTE = ctypes.c_char


def labels_of(dtype: str, values: list) -> np.ndarray:
    """The labels of a description."""
    kind = np.dtype(dtype)
    if kind.kind == "S":
        values = [value.encode("latin-1") for value in values]
    return np.array(values, kind)


def opened(path: str):
    """Loads a library; returns it with its description. Raises as `CompiledPredictor` does."""
    status = os.stat(path)
    file = status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
    known = _loaded.setdefault(path, [])
    if file not in known:
        known.append(file)
    # dlopen returns the old file for a path that it knows, so each version gets another spelling
    # of the path, by "." parts
    folder, name = os.path.split(path)
    spelled = os.path.join(folder, *["."] * known.index(file), name)
    try:
        library = ctypes.CDLL(spelled)
        tell, runs = library.fusednn_about, library.fusednn_runs_here
    except (OSError, AttributeError) as error:
        raise ValueError(
            f"{path} is no library that fusednn.export_library wrote for this kind of machine:"
            f" {error}"
        ) from error
    tell.restype = ctypes.c_char_p
    about = json.loads(tell())
    if about["format"] not in FORMATS:
        raise ValueError(
            f"{path} is from a later version of fusednn: its format is {about['format']!r}"
        )
    if not runs():
        raise ValueError(
            f"{path} uses instructions that this CPU lacks; export it on this"
            " machine, or with native=False."
        )
    return library, about

"""A network compiled to a shared library, called through ctypes: NumPy is all it needs."""

from __future__ import annotations

import ctypes
import json
import os
from ctypes import byref

import numpy as np

from .serving import checks

FORMATS = (1,)
RAW, LINKED, CHOSEN = range(3)
"""What a library answers."""
NOT_FINITE = 3
"""What it answers to infinity or NaN."""

_loaded: dict[str, list[tuple[int, ...]]] = {}
"""Of each path the files that this process has loaded from it."""


class CompiledPredictor:
    """A network in a library that `fusednn.export_library` wrote; as `fusednn.Predictor`.

    Calls from many threads at once are safe, without a lock, and run at the same time. Loading
    a library runs its code: load none from people you do not trust.

    Parameters
    ----------
    path : str or path-like
        The library.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        Of a classifier: as the estimator's.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If the estimator was fitted to named columns.
    dtype : dtype
        Of the network, and of its outputs.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such library, or one for another kind of machine; on x86 also if the CPU lacks
        instructions that it was compiled with (elsewhere the first call ends the process).
    """

    def __init__(self, path):
        self.path = os.path.abspath(os.fspath(path))
        self._library, about = _opened(self.path)
        self._shown = about["sizes"]
        self._kind, self._names = about["kind"], tuple(about["names"])
        self._per_target, self._point = about["per_target"], about["point"]
        self._features = None if about["features"] is None else tuple(about["features"])
        self.dtype = np.dtype(about["dtype"])
        self.n_features_in_ = about["sizes"][0]
        if self._features is not None:
            self.feature_names_in_ = np.array(self._features, object)
        classes = [_labels(**one) for one in about["classes"]]
        self._classes = classes
        if self._kind == "columns":
            self.classes_: list[np.ndarray] | np.ndarray = list(classes)
        elif classes:
            [self.classes_] = classes
        counts = about["interface"]
        self._raw = RAW, counts["logits"], self.dtype
        self._linked = LINKED, counts["outputs"], self.dtype
        self._chosen = CHOSEN, counts["labels"], np.dtype(np.int64)
        self._call = self._library.fusednn_answer
        address = ctypes.c_void_p
        self._call.argtypes = ctypes.c_int, ctypes.c_int, address, ctypes.c_size_t, address

    def __call__(self, X, out=None, validate=True):
        """What the network puts out, before the output activation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_features,)
            A vector is one row.
        out : ndarray of shape (n_samples, n_logits), optional
            Written to and returned; C-contiguous, in the network's type.
        validate : bool, default=True
            False skips the search for NaN and infinity.

        Returns
        -------
        ndarray of shape (n_samples, n_logits)

        Raises
        ------
        ValueError
            If X or `out` are not such arrays, in scikit-learn's words.
        MemoryError
            If the library cannot have memory for its buffers; only where layers are wide.
        """
        return self._answer(self._raw, X, out, validate)

    def predict_proba(self, X, out=None, validate=True):
        """Probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X, out, validate
            As of a call; `out` has a column for each class.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            For several labels per sample each one's own; where y had several columns of classes
            a list with an array for each, and `out` holds them side by side.

        Raises
        ------
        AttributeError
            If this is a regressor.
        ValueError, MemoryError
            As of a call.
        """
        if self._kind == "values":
            raise AttributeError(f"{self._names[1]} is a regressor: it has no predict_proba")
        probabilities = self._answer(self._linked, X, out, validate)
        if self._kind == "columns":
            starts = np.cumsum([len(classes) for classes in self._classes[:-1]])
            return np.split(probabilities, starts, axis=1)
        return probabilities

    def predict(self, X, out=None, validate=True):
        """What the estimator predicts: labels, or values.

        Parameters
        ----------
        X, validate
            As of a call.
        out : ndarray, optional
            Of a regressor: of shape (n_samples, n_values), as of a call. Of a classifier: int64
            of shape (n_samples, n_columns), written to with the numbers of the classes.

        Returns
        -------
        ndarray
            In the shape of the estimator's; of several labels per sample always dense.

        Raises
        ------
        ValueError, MemoryError
            As of a call.
        """
        if self._kind == "values":
            return self._values(self._answer(self._linked, X, out, validate))
        numbers = self._answer(self._chosen, X, out, validate)
        if self._kind == "multilabel":
            return numbers
        if self._kind == "columns":
            chosen = zip(self._classes, numbers.T, strict=True)
            return np.stack([classes[column] for classes, column in chosen], axis=1)
        return self._classes[0].take(numbers[:, 0], mode="clip")

    def _values(self, values):
        if self._point is None:
            several = values.reshape(len(values), -1, self._per_target)
            return several[:, 0] if several.shape[1] == 1 else several
        return values.ravel() if values.shape[1] == 1 else values

    def _answer(self, kind, X, out, validate):
        number, columns, dtype = kind
        if not (
            type(X) is np.ndarray and X.dtype is self.dtype and X.flags.carray and X.ndim == 2
        ):
            X = checks.converted(X, self.dtype, self._names, self._features)
        rows, width = X.shape
        if width != self.n_features_in_:
            raise checks.refuse_columns(X, self.n_features_in_, self._names)
        if out is None:
            out = np.empty((rows, columns), dtype)
        else:
            checks.check_out(out, (rows, columns), dtype)
        if not rows:
            raise checks.refuse_empty(X, self._names)
        # the attribute `ctypes` of arrays takes ten times as long
        x, answers = byref(_BYTE.from_buffer(X)), byref(_BYTE.from_buffer(out))
        status = self._call(number, bool(validate), x, rows, answers)
        if status == NOT_FINITE:
            raise checks.refuse_values(X, self._names)
        if status:
            raise MemoryError("no memory for the buffers of the network")
        return out

    def __reduce__(self):
        return CompiledPredictor, (self.path,)

    def __repr__(self):
        sizes = "-".join(map(str, self._shown))
        return f"<CompiledPredictor of {self._names[1]}: {sizes}, {self.dtype}>"


_BYTE = ctypes.c_char


def _labels(dtype: str, values: list) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "S":
        values = [value.encode("latin-1") for value in values]
    return np.array(values, kind)


def _opened(path: str):
    """The library, and what it says of itself."""
    status = os.stat(path)
    is_new = status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
    known = _loaded.setdefault(path, [])
    if is_new not in known:
        known.append(is_new)
    # a name that was loaded before would give the file that it was then
    folder, name = os.path.split(path)
    spelled = os.path.join(folder, *["."] * known.index(is_new), name)
    try:
        library = ctypes.CDLL(spelled)
        tell, runs, _ = library.fusednn_about, library.fusednn_runs_here, library.fusednn_answer
    except (OSError, AttributeError) as error:
        raise ValueError(
            f"{path} is no library that fusednn.export_library wrote for this kind of machine:"
            f" {error}"
        ) from error
    tell.restype = ctypes.c_char_p
    about = json.loads(tell())
    if about["format"] not in FORMATS:
        raise ValueError(f"{path} is of a later fusednn: its format is {about['format']!r}")
    if not runs():
        raise ValueError(
            f"{path} was compiled for a CPU that can do more than this one; export it on this"
            " machine, or with native=False."
        )
    return library, about

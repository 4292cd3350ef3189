"""Converts a network's outputs to its estimator's predictions; needs only NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .types import Classes, FloatArray, MatrixLike, Probabilities

RAW, LINKED, CHOSEN = range(3)
"""Kinds of answers: logits, outputs after the output activation, and numbers of classes."""

MULTILABEL, COLUMNS, VALUES = "multilabel", "columns", "values"
"""Kinds of heads without exactly one column of classes; see `serving.model.Head`."""

INVERSES = {"identity": None, "exp": np.exp, "expm1": np.expm1, "square": np.square}
"""Functions that convert predictions of a transformed target back to the target's units."""


class Answers:
    """Calls, `predict_proba` and `predict`, for a class that has `_answer(way, X, out, validate)`.

    Parameters
    ----------
    kind : str
        Kind of the head.
    classes : sequence of ndarray
        The classes. For COLUMNS an array for each column; for VALUES none.
    per_target : int
        For VALUES: the number of adjacent outputs that belong to a target.
    point : int or None
        For VALUES: which of these outputs is predicted. None: all of them.
    name : str
        Name of the estimator's class, for messages.
    inverse, least, column
        For VALUES: see `serving.model.Head`.
    axes : tuple of int
        The axes of a sample's rows of outputs, if a sample has several.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        Classes of a classifier, the same as the estimator's.
    """

    classes_: Classes
    _answer: Any

    def __init__(
        self,
        kind: str,
        classes: Sequence[np.ndarray],
        per_target: int,
        point: int | None,
        name: str,
        *,
        inverse: str = "identity",
        least: Sequence[float] = (),
        column: bool = False,
        axes: tuple[int, ...] = (),
    ) -> None:
        self._kind, self._classes, self._name = kind, tuple(classes), name
        self._per_target, self._point, self._output_axes = per_target, point, axes
        self._inverse, self._function, self._column = inverse, INVERSES[inverse], column
        self._least = np.array(least)
        self._predicted = slice(None) if point is None else slice(point, None, per_target)
        self._one_class = kind not in (MULTILABEL, COLUMNS, VALUES) and len(classes[0]) == 1
        self._starts = np.cumsum([len(part) for part in self._classes[:-1]], dtype=np.intp)
        if kind == COLUMNS:
            self.classes_ = list(self._classes)
        elif self._classes:
            [self.classes_] = self._classes

    def __call__(
        self, X: MatrixLike, out: FloatArray | None = None, validate: bool = True
    ) -> FloatArray:
        """The network's outputs before the output activation.

        For a classifier these are the logits. For a regressor the output activation, and the
        inverse of a transformation of the target, if there is one, convert them to values.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or (n_features,)
            A vector is one row. Samples of a network that gives them axes may have these, and so
            may a single sample. A compiled predictor takes no sparse matrices.
        out : ndarray of shape (n_samples, n_outputs), optional
            C-contiguous array in the network's type. The outputs are written to it, and it is
            returned.
        validate : bool, default=True
            False skips the search for NaN and infinity.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            (n_samples, *axes, n_outputs) of a network that ends with axes, such as the steps of a
            sequence; `out` has that shape then. The other methods have these axes too.

        Raises
        ------
        TypeError
            If a compiled predictor gets a sparse X, or only some names of X's columns are strings.
        ValueError
            If X or `out` is not a suitable array. Messages on X are scikit-learn's.
        MemoryError
            If there is no memory for the buffers; only with wide layers.
        """
        return self._answer(RAW, X, out, validate)

    def predict_proba(
        self, X: MatrixLike, out: FloatArray | None = None, validate: bool = True
    ) -> Probabilities:
        """Probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X, out, validate
            See `__call__`; `out` has a column for each class.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            For multilabel targets, the probability of each label. If y had several columns of
            classes, a list with an array for each column; `out` holds them side by side.

        Raises
        ------
        AttributeError
            If this is a regressor.
        TypeError, ValueError, MemoryError
            See `__call__`.
        """
        if self._kind == VALUES:
            raise AttributeError(f"{self._name} is a regressor: it has no predict_proba")
        probabilities = self._answer(LINKED, X, out, validate)
        if self._kind == COLUMNS:
            return np.split(probabilities, self._starts, axis=1)
        return probabilities

    @overload
    def predict(
        self,
        X: MatrixLike,
        out: NDArray[Any] | None = None,
        validate: bool = True,
        return_std: Literal[False] = False,
    ) -> NDArray[Any]: ...

    @overload
    def predict(
        self,
        X: MatrixLike,
        out: None = None,
        validate: bool = True,
        *,
        return_std: Literal[True],
    ) -> tuple[FloatArray, FloatArray]: ...

    def predict(
        self,
        X: MatrixLike,
        out: NDArray[Any] | None = None,
        validate: bool = True,
        return_std: bool = False,
    ) -> NDArray[Any] | tuple[FloatArray, FloatArray]:
        """Predicts labels or values, the same as the estimator.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or (n_features,)
            See `__call__`.
        out : ndarray, optional
            For a regressor: the outputs are written to it; shape (n_samples, n_outputs), see
            `__call__`. For a classifier: the numbers of the classes are written to it; int64 of
            shape (n_samples, n_columns).
        validate : bool, default=True
            See `__call__`.
        return_std : bool, default=False
            Whether to return the standard deviation too, which only loss="gaussian" learns.
            `out` must then be None.

        Returns
        -------
        ndarray
            The same shape as the estimator's; dense for multilabel targets too.
        std : ndarray of the same shape
            Only if `return_std`.

        Raises
        ------
        ValueError
            See `__call__`; also if there is no standard deviation.
        TypeError, MemoryError
            See `__call__`.
        """
        if return_std:
            return self._distribution(X, out, validate)
        if self._kind == VALUES:
            return self._values(self._answer(LINKED, X, out, validate))
        numbers = self._answer(CHOSEN, X, out, validate)
        if self._one_class:  # the only class, whatever the output
            numbers[:] = 0
        if self._kind == MULTILABEL:
            return numbers
        if self._kind == COLUMNS:
            chosen = zip(self._classes, numbers.T, strict=True)
            return stacked([classes[column] for classes, column in chosen], self._classes)
        return self._classes[0].take(numbers[..., 0])

    def _with_axes(self, answer, widths, way, X, out, validate):
        """The answers of a function that gives all rows of a sample side by side, with axes.

        `widths` are the columns of all rows of a sample of the fit, for each way. Series of other
        steps have as many rows as fit in.
        """
        flat = out
        if type(out) is np.ndarray and out.flags.c_contiguous:
            if out.ndim != 2 + len(self._output_axes) or out.shape[1:-1] != self._output_axes:
                lead = ", ".join(["n_samples", *map(str, self._output_axes)])
                raise ValueError(f"out must be of shape ({lead}, columns); got {out.shape}.")
            flat = out.reshape(len(out), -1)
        found = answer(way, X, flat, validate)
        if out is not None:
            return out
        columns = widths[way] // prod(self._output_axes)
        axes = self._output_axes if found.shape[1] == widths[way] else (-1,)
        return found.reshape(len(found), *axes, columns)

    def _values(self, outputs: np.ndarray) -> np.ndarray:
        """Converts outputs to values of targets, in the shape that regressors return."""
        values = outputs[..., self._predicted]
        if self._function is not None:  # contiguous, since NumPy's bits may depend on strides
            values[...] = self._function(np.ascontiguousarray(values))
        if self._point is None:
            several = values.reshape(*values.shape[:-1], -1, self._per_target)
            return several[..., 0, :] if several.shape[-2] == 1 else several
        return self._shaped(values)

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        if values.shape[-1] > 1 or self._column:
            return values
        return values.ravel().reshape(values.shape[:-1])

    def _distribution(self, X, out, validate) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations."""
        if self._kind != VALUES:
            raise ValueError(
                f"return_std=True needs a regressor of loss='gaussian': {self._name} is a"
                " classifier, whose probabilities predict_proba gives."
            )
        if not len(self._least):
            raise ValueError(
                "return_std=True needs a network of loss='gaussian'. If an earlier fusednn saved"
                " the file, save the estimator again."
            )
        if self._inverse != "identity":
            raise ValueError(
                f"return_std=True cannot be had behind {self._inverse}, the inverse of what the"
                " target was transformed by: a normal distribution is none there. Freeze the"
                " regressor within for mean and deviation of the transformed target."
            )
        if out is not None:
            raise ValueError("out must be None with return_std=True, which gives two arrays.")
        outputs = self._answer(RAW, X, None, validate)
        logs = np.maximum(outputs[..., 1::2], self._least.astype(outputs.dtype))
        with np.errstate(over="ignore"):
            std = np.exp(logs / 2)
        return self._shaped(outputs[..., ::2]), self._shaped(std)


def stacked(columns: Sequence[np.ndarray], classes: Sequence[np.ndarray]) -> np.ndarray:
    """Puts columns of labels side by side, in the type that all classes share."""
    return np.stack(columns, axis=1, dtype=shared_type(classes), casting="unsafe")


def shared_type(classes: Sequence[np.ndarray]) -> np.dtype:
    """The type for labels of several columns; object if no other type can hold all of them.

    That is so for words beside numbers, and for integers that floats cannot represent exactly.
    """
    if len({column.dtype.kind in "OUS" for column in classes}) > 1:
        return np.dtype(object)
    dtype = np.result_type(*classes)
    if dtype.kind == "f":
        for column in classes:
            if column.dtype.kind in "iu" and column.astype(dtype).tolist() != column.tolist():
                return np.dtype(object)
    return dtype

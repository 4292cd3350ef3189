"""From what a network puts out to what its estimator predicts; NumPy is all that this needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

RAW, LINKED, CHOSEN = range(3)
"""The ways of a network to answer: logits, behind the output activation, numbers of classes."""

MULTILABEL, COLUMNS, VALUES = "multilabel", "columns", "values"
"""Kinds of heads that are not one column of classes, as in `serving.model`."""

INVERSES = {"identity": None, "exp": np.exp, "expm1": np.expm1, "square": np.square}
"""What may follow predicted values: functions back to the units of a target that was transformed
by another one before the fit."""


class Answers:
    """Calls, `predict_proba` and `predict` of a class that has `_answer(way, X, out, validate)`.

    Parameters
    ----------
    kind : str
        Of the head.
    classes : sequence of ndarray
        The classes; of COLUMNS those of each column; of VALUES none.
    per_target : int
        Of VALUES: adjacent outputs that belong to a target.
    point : int or None
        Of VALUES: which of them is what is predicted; None is all of them.
    name : str
        Of the estimator's class, for messages.
    inverse, least, column
        Of VALUES: as of `serving.model.Head`.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        Of a classifier: as the estimator's.
    """

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
    ):
        self._kind, self._classes, self._name = kind, tuple(classes), name
        self._per_target, self._point = per_target, point
        self._inverse, self._function, self._column = inverse, INVERSES[inverse], column
        self._least = np.array(least)
        self._predicted = slice(None) if point is None else slice(point, None, per_target)
        self._one_class = kind not in (MULTILABEL, COLUMNS, VALUES) and len(classes[0]) == 1
        self._starts = np.cumsum([len(part) for part in self._classes[:-1]], dtype=np.intp)
        if kind == COLUMNS:
            self.classes_: list[np.ndarray] | np.ndarray = list(self._classes)
        elif self._classes:
            [self.classes_] = self._classes

    def __call__(self, X, out=None, validate=True):
        """What the network puts out, before the output activation.

        These are the logits of a classifier; a regressor's link, and the inverse of a function of
        the target, if any, turn them into values.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or (n_features,)
            A vector is one row. A compiled predictor takes no sparse ones.
        out : ndarray of shape (n_samples, n_outputs), optional
            Written to and returned; C-contiguous, in the network's type.
        validate : bool, default=True
            False skips the search for NaN and infinity.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)

        Raises
        ------
        TypeError
            If X is sparse and may not be, or only some names of its columns are strings.
        ValueError
            If X or `out` are not such arrays, in scikit-learn's words.
        MemoryError
            If there is none for the buffers; only where layers are wide.
        """
        return self._answer(RAW, X, out, validate)

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
        TypeError, ValueError, MemoryError
            As of a call.
        """
        if self._kind == VALUES:
            raise AttributeError(f"{self._name} is a regressor: it has no predict_proba")
        probabilities = self._answer(LINKED, X, out, validate)
        if self._kind == COLUMNS:
            return np.split(probabilities, self._starts, axis=1)
        return probabilities

    def predict(self, X, out=None, validate=True, return_std=False):
        """What the estimator predicts: labels, or values.

        Parameters
        ----------
        X, validate
            As of a call.
        out : ndarray, optional
            Of a regressor: of shape (n_samples, n_outputs), as of a call. Of a classifier: int64
            of shape (n_samples, n_columns), written to with the numbers of the classes.
        return_std : bool, default=False
            Whether the standard deviation is wanted too, which only loss="gaussian" learns;
            without `out`.

        Returns
        -------
        ndarray
            In the shape of the estimator's; of several labels per sample always dense.
        std : ndarray of the same shape
            With `return_std`.

        Raises
        ------
        ValueError
            As of a call, and where there is no standard deviation.
        TypeError, MemoryError
            As of a call.
        """
        if return_std:
            return self._distribution(X, out, validate)
        if self._kind == VALUES:
            return self._values(self._answer(LINKED, X, out, validate))
        numbers = self._answer(CHOSEN, X, out, validate)
        if self._one_class:  # whatever the output
            numbers[:] = 0
        if self._kind == MULTILABEL:
            return numbers
        if self._kind == COLUMNS:
            chosen = zip(self._classes, numbers.T, strict=True)
            return stacked([classes[column] for classes, column in chosen], self._classes)
        return self._classes[0].take(numbers[:, 0])

    def _values(self, outputs: np.ndarray) -> np.ndarray:
        """Values of targets from outputs, as the regressors have them."""
        values = outputs[:, self._predicted]
        if self._function is not None:  # of adjacent numbers, whose bits are always the same
            values[...] = self._function(np.ascontiguousarray(values))
        if self._point is None:
            several = values.reshape(len(values), -1, self._per_target)
            return several[:, 0] if several.shape[1] == 1 else several
        return self._shaped(values)

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        return values if values.shape[1] > 1 or self._column else values.ravel()

    def _distribution(self, X, out, validate) -> tuple[np.ndarray, np.ndarray]:
        """Means and standard deviations."""
        if self._kind != VALUES:
            raise ValueError(
                f"return_std=True needs a regressor of loss='gaussian': {self._name} is a"
                " classifier, whose probabilities predict_proba gives."
            )
        if not len(self._least):
            raise ValueError(
                "return_std=True needs a network of loss='gaussian'; of a file that an earlier"
                " fusednn saved, save the estimator again."
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
        logs = np.maximum(outputs[:, 1::2], self._least.astype(outputs.dtype))
        with np.errstate(over="ignore"):
            std = np.exp(logs / 2)
        return self._shaped(outputs[:, ::2]), self._shaped(std)


def stacked(columns: Sequence[np.ndarray], classes: Sequence[np.ndarray]) -> np.ndarray:
    """Labels side by side, in the type that their classes share."""
    return np.stack(columns, axis=1, dtype=shared_type(classes), casting="unsafe")


def shared_type(classes: Sequence[np.ndarray]) -> np.dtype:
    """The type of labels of several columns: object where no other holds those of all.

    These are words beside others, and integers that would become floats which are not the same.
    """
    if len({column.dtype.kind in "OUS" for column in classes}) > 1:
        return np.dtype(object)
    dtype = np.result_type(*classes)
    if dtype.kind == "f":
        for column in classes:
            if column.dtype.kind in "iu" and column.astype(dtype).tolist() != column.tolist():
                return np.dtype(object)
    return dtype

"""Several columns of classes: their labels, converted column by column as in `labels`."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from scipy.special import log_softmax
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target

from fusednn.serving.labels_and_values import stacked

from .labels import OTHER_KIND, Labels, are_words
from .named_errors import said_of
from .plain_input import places_of


def labels_of(y) -> Labels | MultioutputLabels:
    """Finds the kind and the classes of an array of targets.

    Raises
    ------
    ValueError
        If the targets are not labels; with scikit-learn's message.
    """
    if y.ndim == 2 and is_multioutput(y):
        return MultioutputLabels([np.unique(column) for column in columns_of(y)])
    return Labels(y)


def multioutput_labels_of(y, classes) -> MultioutputLabels:
    """Makes the labels of several columns from a list of classes for each column.

    Raises
    ------
    ValueError
        If `classes` does not have a list for each column of y.
    """
    columns = np.shape(y)[1]
    if len(classes) != columns or any(np.ndim(column) != 1 for column in classes):
        raise ValueError(f"y has {columns} columns: classes must be a list of their classes.")
    found = [np.asarray(column) for column in classes]
    for number, column in enumerate(found):
        if column.dtype == object:
            found[number] = _of_one_kind(column, number, "classes")
    return MultioutputLabels(list(map(np.unique, found)))


def is_multioutput(y) -> bool:
    """Whether targets are several columns of classes. Sparse targets never are."""
    if issparse(y):
        return False
    if isinstance(y, list | tuple):  # scikit-learn handles more kinds of lists than NumPy
        return type_of_target(y) == "multiclass-multioutput"
    y = np.asarray(y)
    if y.dtype != object or y.ndim != 2 or y.shape[1] < 2:
        return type_of_target(y) == "multiclass-multioutput"
    kinds = {column.dtype.kind for column in columns_of(y)}  # a table with a type per column
    return len(kinds) > 1 or type_of_target(y) == "multiclass-multioutput"


def columns_of(y) -> list[np.ndarray]:
    """Splits targets into columns; each column of an object array gets its own type.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_columns)

    Raises
    ------
    ValueError
        If a column mixes words and numbers, or has other values.
    """
    return [_of_one_kind(column, number) for number, column in enumerate(y.T)]


def _of_one_kind(column, number, name="y"):
    if column.dtype != object:
        return column
    words = [isinstance(value, str) for value in column]
    if all(words):
        return column
    numbers = column if any(words) else np.array(column.tolist())
    if numbers.dtype.kind not in "iubf" or type_of_target(numbers) not in ("binary", "multiclass"):
        raise ValueError(
            f"Column {number} of {name} must have labels that are all words or all whole numbers."
        )
    return numbers


def are_columns(y, classes) -> bool:
    """Whether the first targets of `partial_fit` are several columns of classes.

    A list of lists in `classes` decides it, since a few samples may look like an indicator matrix.
    """
    if classes is None or np.ndim(y) != 2:
        return False
    lists = np.iterable(classes) and any(np.ndim(column) == 1 for column in classes)
    return lists or is_multioutput(y)


class MultioutputLabels:
    """Several columns of classes, each with its own softmax.

    Parameters
    ----------
    classes : list of ndarray
        The sorted classes of each column.

    Attributes
    ----------
    classes : list of ndarray
    link : {"softmax"}
    outputs : int
        Units of the output layer, the sum of `groups`.
    groups : tuple of int
        The number of classes of each column.
    """

    kind = "multiclass-multioutput"
    link = "softmax"
    is_multilabel = False

    def __init__(self, classes):
        self.classes = list(classes)
        self.groups = tuple(len(column) for column in classes)
        self.outputs = sum(self.groups)

    def check_classes(self, classes) -> None:
        """Raises ValueError unless `classes` equals the known ones or is None."""
        if classes is None:
            return
        try:
            columns = list(map(np.unique, classes)) if np.iterable(classes) else []
        except TypeError:  # words and numbers cannot be sorted together
            columns = []
        if len(columns) != len(self.classes) or not all(
            map(np.array_equal, columns, self.classes)
        ):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was:"
                f" {self.classes!r}"
            )

    def check_more(self, y, every: bool) -> None:
        """Raises ValueError for new classes in y and, with `every`, for missing classes."""
        if y.ndim != 2 or y.shape[1] != len(self.classes):
            raise ValueError(f"{OTHER_KIND} It had {len(self.classes)} columns.")
        for number, (column, classes) in enumerate(zip(columns_of(y), self.classes, strict=True)):
            if are_words(column) != are_words(classes):
                known, given = classes.tolist(), column[:1].tolist()
                raise ValueError(f"{OTHER_KIND} It had {known} where it has {given}.")
            with said_of(f"Column {number} of y"):
                Labels(classes).check_more(column, every)

    def check_same(self, y) -> None:
        """Raises ValueError for targets of another kind and for new labels."""
        self.check_more(y, every=False)

    def sample_weight(self, class_weight, y):
        """Computes the weight of each sample: the product of the weights of its labels."""
        columns = columns_of(y)
        if isinstance(class_weight, str):
            weights = [compute_sample_weight(class_weight, column) for column in columns]
            return np.prod(weights, axis=0)
        if isinstance(class_weight, dict) or len(class_weight) != len(self.classes):
            raise ValueError(
                "For multi-output, class_weight must be a list of as many dicts as y has columns."
            )
        weights = [
            Labels(classes).sample_weight(weight, column)
            for classes, weight, column in zip(self.classes, class_weight, columns, strict=True)
        ]
        return np.prod(weights, axis=0)

    def encode(self, y, dtype):
        """Encodes labels as class numbers, of shape (n_samples, n_columns)."""
        columns = zip(self.classes, columns_of(y), strict=True)
        numbers = [places_of(column, classes) for classes, column in columns]
        return np.stack(numbers, axis=1).astype(dtype)

    def decode(self, outputs):
        """Returns the most probable label of each column, of shape (n_samples, n_columns).

        The array has objects if some columns have words and others numbers.
        """
        columns = zip(self.classes, self._split(outputs), strict=True)
        return stacked([classes[part.argmax(axis=1)] for classes, part in columns], self.classes)

    def right(self, truth, outputs):
        """Returns a mask of the samples that match in every column; NaN matches all."""
        numbers = [part.argmax(axis=1) for part in self._split(outputs)]
        return ((np.stack(numbers, axis=1) == truth) | np.isnan(truth)).all(axis=1)

    def probabilities(self, outputs):
        """Splits outputs into a list with the probabilities of each column's classes."""
        return self._split(outputs)

    def log_probabilities(self, logits):
        """Computes the logarithms of `probabilities` from logits, without underflow."""
        return [log_softmax(part, axis=1) for part in self._split(logits)]

    def _split(self, outputs):
        return np.split(outputs, np.cumsum(self.groups[:-1]), axis=1)

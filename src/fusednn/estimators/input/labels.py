"""Labels as users give them and as the network is trained on them, one kind a class."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from scipy.special import log_softmax
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels

from fusednn.serving.labels_and_values import stacked

from .named_errors import said_of
from .plain_input import are_known_labels, places_of

OTHER_KIND = "y is not of the kind that the estimator was fitted to."


def labels_of(y) -> Labels | MultioutputLabels:
    """The labels that an array of targets shows.

    Raises
    ------
    ValueError
        If they are not labels, in scikit-learn's words.
    """
    if y.ndim == 2 and is_multioutput(y):
        return MultioutputLabels([np.unique(column) for column in columns_of(y)])
    return Labels(y)


def multioutput_labels_of(y, classes) -> MultioutputLabels:
    """The labels of several columns, from lists of their classes."""
    columns = np.shape(y)[1]
    if len(classes) != columns or any(np.ndim(column) != 1 for column in classes):
        raise ValueError(f"y has {columns} columns: classes must be a list of their classes.")
    found = [np.asarray(column) for column in classes]
    for number, column in enumerate(found):
        if column.dtype == object:
            found[number] = _of_one_kind(column, number, "classes")
    return MultioutputLabels(list(map(np.unique, found)))


def is_multioutput(y) -> bool:
    """Whether targets are several columns of classes, not sparse."""
    if issparse(y):
        return False
    if isinstance(y, list | tuple):  # of which scikit-learn knows more than NumPy
        return type_of_target(y) == "multiclass-multioutput"
    y = np.asarray(y)
    if y.dtype != object or y.ndim != 2 or y.shape[1] < 2:
        return type_of_target(y) == "multiclass-multioutput"
    kinds = {column.dtype.kind for column in columns_of(y)}  # columns of a table
    return len(kinds) > 1 or type_of_target(y) == "multiclass-multioutput"


def columns_of(y) -> list[np.ndarray]:
    """The columns of targets; of a table of words and numbers each in a type of its own.

    Raises
    ------
    ValueError
        If a column has no labels of one kind.
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


def _are_words(labels) -> bool:
    return labels.dtype.kind in "OUS"


def are_columns(y, classes) -> bool:
    """Whether the first targets of `partial_fit` are several columns of classes.

    A list of lists of classes says so: few targets may look like an indicator matrix.
    """
    if classes is None or np.ndim(y) != 2:
        return False
    lists = np.iterable(classes) and any(np.ndim(column) == 1 for column in classes)
    return lists or is_multioutput(y)


class Labels:
    """One class for each sample, or several labels in an indicator matrix.

    Parameters
    ----------
    y : ndarray
        Targets, or the classes themselves.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        As scikit-learn's `LabelBinarizer` finds them.
    kind : {"binary", "multiclass", "multilabel-indicator"}
    link : {"logistic", "softmax"}
        Output activation, and the name of its loss.
    outputs : int
        Units of the output layer.
    groups : tuple of int
        Outputs with a softmax of their own.
    """

    groups: tuple[int, ...] = ()

    def __init__(self, y):
        if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "iub":
            self.classes = np.unique(y)  # as the binarizer, in a tenth of its 200 us
            self.kind = "multiclass" if len(self.classes) > 2 else "binary"
        else:
            self._binarizer = LabelBinarizer().fit(y)
            self.classes, self.kind = self._binarizer.classes_, self._binarizer.y_type_
        self.link = "softmax" if self.kind == "multiclass" else "logistic"
        self.outputs = 1 if self.kind == "binary" else len(self.classes)

    @property
    def is_multilabel(self) -> bool:
        """Whether a sample has several labels."""
        return self.kind.startswith("multilabel")

    def check_more(self, y, every: bool) -> None:
        """Refuses classes that are new, and with `every` those that are missing."""
        if are_known_labels(y, self.classes, every):
            return
        classes = unique_labels(y)
        if every:
            if set(classes) != set(self.classes):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the"
                    f" previous call to fit. Previously got {self.classes}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes}. 'y' has {classes}."
            )

    def check_same(self, y) -> None:
        """Refuses targets of another kind and unknown labels."""
        if not self.is_multilabel and are_known_labels(y, self.classes):
            return
        known = Labels(y)
        if known.is_multilabel != self.is_multilabel:
            raise ValueError(OTHER_KIND)
        unknown = np.setdiff1d(known.classes, self.classes)
        if len(unknown):
            raise ValueError(f"y has labels that are not in classes_: {unknown}.")

    def sample_weight(self, class_weight, y):
        """The weight of each sample that `class_weight` asks for."""
        if isinstance(class_weight, dict) and y.ndim == 1:  # y need not have all classes
            weights = compute_class_weight(class_weight, classes=self.classes, y=y)
            return weights[places_of(y, self.classes)]
        return compute_sample_weight(class_weight, y)

    def encode(self, y, dtype):
        """Targets of shape (n_samples, 1), a class's number, or (n_samples, n_labels)."""
        if not self.is_multilabel and y.ndim == 1:
            return places_of(y, self.classes).astype(dtype)[:, np.newaxis]
        binarizer = self._binarizer if self.is_multilabel else LabelBinarizer().fit(self.classes)
        targets = binarizer.transform(y)
        if hasattr(targets, "toarray"):
            targets = targets.toarray()
        return targets.astype(bool).astype(dtype)  # whatever stands for a label, 255 say

    def decode(self, outputs):
        """The most probable labels."""
        if self.is_multilabel:
            return self._binarizer.inverse_transform(outputs)
        if self.kind == "multiclass":
            return self.classes.take(outputs.argmax(axis=1), mode="clip")
        return self.classes.take(outputs.ravel() > 0.5, mode="clip")

    def right(self, truth, outputs):
        """Which samples' outputs agree with encoded targets; NaN agrees with any."""
        if len(self.classes) == 1 and not self.is_multilabel:  # whatever the output
            return np.ones(len(truth), bool)
        if self.kind == "multiclass":
            return outputs.argmax(axis=1) == truth[:, 0]
        return (((outputs > 0.5) == (truth > 0.5)) | np.isnan(truth)).all(axis=1)

    def probabilities(self, outputs):
        """The probabilities of `classes`."""
        if self.kind != "binary":
            return outputs
        both = np.empty((len(outputs), 2), outputs.dtype)
        np.subtract(1, outputs[:, 0], out=both[:, 0])
        both[:, 1] = outputs[:, 0]
        return both

    def log_probabilities(self, logits):
        """Logarithms of the probabilities, from logits."""
        if self.kind == "multiclass":
            return log_softmax(logits, axis=1)
        both = logits if self.is_multilabel else np.hstack([-logits, logits])
        return -np.logaddexp(0, -both)


class MultioutputLabels:
    """Several classes for each sample, one of each column of y; a softmax for each.

    Parameters
    ----------
    classes : list of ndarray
        Of each column, sorted.

    Attributes
    ----------
    classes, link, outputs, groups
        As of `Labels`.
    """

    kind = "multiclass-multioutput"
    link = "softmax"
    is_multilabel = False

    def __init__(self, classes):
        self.classes = list(classes)
        self.groups = tuple(len(column) for column in classes)
        self.outputs = sum(self.groups)

    def check_classes(self, classes) -> None:
        """Refuses other classes than these; None is none."""
        if classes is None:
            return
        try:
            columns = list(map(np.unique, classes)) if np.iterable(classes) else []
        except TypeError:  # of several kinds, which have no order
            columns = []
        if len(columns) != len(self.classes) or not all(
            map(np.array_equal, columns, self.classes)
        ):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was:"
                f" {self.classes!r}"
            )

    def check_more(self, y, every: bool) -> None:
        """Refuses classes that are new, and with `every` those that are missing."""
        if y.ndim != 2 or y.shape[1] != len(self.classes):
            raise ValueError(f"{OTHER_KIND} It had {len(self.classes)} columns.")
        for number, (column, classes) in enumerate(zip(columns_of(y), self.classes, strict=True)):
            if _are_words(column) != _are_words(classes):
                known, given = classes.tolist(), column[:1].tolist()
                raise ValueError(f"{OTHER_KIND} It had {known} where it has {given}.")
            with said_of(f"Column {number} of y"):
                Labels(classes).check_more(column, every)

    def check_same(self, y) -> None:
        """Refuses targets of another kind and unknown labels."""
        self.check_more(y, every=False)

    def sample_weight(self, class_weight, y):
        """The weight of each sample, a product over the columns."""
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
        """The number of each class, of shape (n_samples, n_columns)."""
        columns = zip(self.classes, columns_of(y), strict=True)
        numbers = [places_of(column, classes) for classes, column in columns]
        return np.stack(numbers, axis=1).astype(dtype)

    def decode(self, outputs):
        """The most probable label of each column; objects where some are words, others not."""
        columns = zip(self.classes, self._split(outputs), strict=True)
        return stacked([classes[part.argmax(axis=1)] for classes, part in columns], self.classes)

    def right(self, truth, outputs):
        """Which samples' outputs agree with encoded targets in every column; NaN with any."""
        numbers = [part.argmax(axis=1) for part in self._split(outputs)]
        return ((np.stack(numbers, axis=1) == truth) | np.isnan(truth)).all(axis=1)

    def probabilities(self, outputs):
        """A list of the probabilities of each column's classes."""
        return self._split(outputs)

    def log_probabilities(self, logits):
        """A list of their logarithms, from logits."""
        return [log_softmax(part, axis=1) for part in self._split(logits)]

    def _split(self, outputs):
        return np.split(outputs, np.cumsum(self.groups[:-1]), axis=1)

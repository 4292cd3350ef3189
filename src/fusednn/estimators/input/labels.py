"""Converts users' labels to the targets of the loss, and outputs of the network to labels.

For one label, or one set of labels, per sample; `label_columns` is for several columns of classes.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import unique_labels

from .plain_input import are_known_labels, places_of

OTHER_KIND = "y is not of the kind that the estimator was fitted to."


def are_words(labels) -> bool:
    """Whether labels are words, not numbers."""
    return labels.dtype.kind in "OUS"


class Labels:
    """One class for each sample, or several labels in an indicator matrix.

    Parameters
    ----------
    y : ndarray or sparse matrix
        Targets, or the classes themselves.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The classes that scikit-learn's `LabelBinarizer` finds.
    kind : {"binary", "multiclass", "multilabel-indicator"}
    link : {"logistic", "softmax"}
        The output activation and the name of the cross-entropy after it.
    outputs : int
        Units of the output layer.
    groups : tuple of int
        The numbers of outputs that share a softmax; empty, since there is only one group.
    """

    groups: tuple[int, ...] = ()

    def __init__(self, y):
        if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "iub":
            self.classes = np.unique(y)  # equals LabelBinarizer's, in a tenth of its 200 us
            self.kind = "multiclass" if len(self.classes) > 2 else "binary"
        else:
            self._binarizer = LabelBinarizer().fit(y)
            self.classes, self.kind = self._binarizer.classes_, self._binarizer.y_type_
        self.link = "softmax" if self.kind == "multiclass" else "logistic"
        self.outputs = 1 if self.kind == "binary" else len(self.classes)

    @property
    def is_multilabel(self) -> bool:
        """Whether a sample may have several labels."""
        return self.kind.startswith("multilabel")

    def check_more(self, y, every: bool) -> None:
        """Raises ValueError for new classes in y and, with `every`, for missing classes."""
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
        """Raises ValueError for targets of another kind and for new labels."""
        if not self.is_multilabel and are_known_labels(y, self.classes):
            return
        known = Labels(y)
        if known.is_multilabel != self.is_multilabel:
            raise ValueError(OTHER_KIND)
        unknown = np.setdiff1d(known.classes, self.classes)
        if len(unknown):
            raise ValueError(f"y has labels that are not in classes_: {unknown}.")

    def sample_weight(self, class_weight, y):
        """Computes the weight of each sample from `class_weight`, of shape (n_samples,)."""
        if isinstance(class_weight, dict) and y.ndim == 1:  # y may lack some of the classes
            weights = compute_class_weight(class_weight, classes=self.classes, y=y)
            return weights[places_of(y, self.classes)]
        return compute_sample_weight(class_weight, y)

    def encode(self, y, dtype):
        """Encodes labels as class numbers (n_samples, 1), or 0 and 1 (n_samples, n_labels)."""
        if not self.is_multilabel and y.ndim == 1:
            return places_of(y, self.classes).astype(dtype)[:, np.newaxis]
        binarizer = self._binarizer if self.is_multilabel else LabelBinarizer().fit(self.classes)
        targets = binarizer.transform(y)
        if hasattr(targets, "toarray"):
            targets = targets.toarray()
        return targets.astype(bool).astype(dtype)  # any nonzero number, such as 255, is a label

    def decode(self, outputs):
        """Returns the most probable labels for outputs of shape (n_samples, outputs)."""
        if self.is_multilabel:
            return self._binarizer.inverse_transform(outputs)
        if self.kind == "multiclass":
            return self.classes.take(outputs.argmax(axis=1), mode="clip")
        return self.classes.take(outputs.ravel() > 0.5, mode="clip")

    def right(self, truth, outputs):
        """Returns a mask of the samples whose outputs match encoded targets; NaN matches all."""
        if len(self.classes) == 1 and not self.is_multilabel:  # the only class is always right
            return np.ones(len(truth), bool)
        if self.kind == "multiclass":
            return outputs.argmax(axis=1) == truth[:, 0]
        return (((outputs > 0.5) == (truth > 0.5)) | np.isnan(truth)).all(axis=1)

    def probabilities(self, outputs):
        """Converts outputs to the probabilities of `classes`, of shape (n_samples, n_classes)."""
        if self.kind != "binary":
            return outputs
        both = np.empty((len(outputs), 2), outputs.dtype)
        np.subtract(1, outputs[:, 0], out=both[:, 0])
        both[:, 1] = outputs[:, 0]
        return both

    def log_probabilities(self, logits):
        """Computes the logarithms of the probabilities from logits, without underflow."""
        if self.kind == "multiclass":
            return log_softmax(logits, axis=1)
        both = logits if self.is_multilabel else np.hstack([-logits, logits])
        return -np.logaddexp(0, -both)

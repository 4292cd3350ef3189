"""The labels of classifiers: checked, encoded as targets, weighted and scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import type_of_target

from fusednn.losses import CLASSIFICATION, ClassificationLoss

from .files.saved_attributes import as_list
from .input.constraints import CLASS_WEIGHT
from .input.label_columns import (
    MultioutputLabels,
    are_columns,
    labels_of,
    multioutput_labels_of,
)
from .input.labels import Labels
from .input.missing_targets import IGNORE, class_weights, filled, known, unknown_in
from .input.row_weights import weights_of_rows
from .input.sample_weights import check_class_weight, present
from .input.target_axes import by_sample, labels_of_steps, rows_of
from .input.targets import first_classes

if TYPE_CHECKING:
    from fusednn.serving.types import Classes


class ClassTargetsMixin(BaseEstimator):
    """What a `BaseNetwork` asks about the targets of a classifier."""

    _target_constraints: ClassVar[dict] = {
        "class_weight": CLASS_WEIGHT,
        "loss": [StrOptions(set(CLASSIFICATION)), ClassificationLoss],
    }

    classes_: Classes

    def _validate_input(self, X, y, incremental, reset):
        X, y = self._validated(X, y, reset)
        y = self._one_column(y)
        rows = known(rows_of(self, y))
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._labels = labels_of(rows)
            self.classes_ = self._labels.classes
        else:
            self._labels.check_more(rows, every=self.warm_start)
        return X, y

    def _spare_targets(self):
        """The values that replace unknown targets in a column without known ones, for checks."""
        return [part[0] for part in as_list(getattr(self, "classes_", []))]

    def _with_unknown(self, y, unknown):
        """Masks the unknown ones of checked targets."""
        return np.ma.array(y, mask=unknown)

    def _begin(self, X, y, classes):
        """Sets the classes in the first call of `partial_fit`; checks them in later ones."""
        reset = not self._is_built()
        if self._target_axes(X, reset):
            y = labels_of_steps(y)
        else:
            self._check_single(X, y, reset)
        if self.missing_targets == IGNORE:
            y, unknown = unknown_in(y)
            y = y if unknown is None else filled(y, unknown, ())
        before = getattr(self, "classes_", None)
        if before is None and are_columns(y, classes):
            self._labels = multioutput_labels_of(y, classes)
            self.classes_ = self._labels.classes
        elif before is not None and isinstance(self._labels, MultioutputLabels):
            self._labels.check_classes(classes)
        elif before is not None and (classes is None or np.array_equal(before, classes)):
            return  # the classes are known
        elif first_classes(self, classes):
            several = type_of_target(y).startswith("multilabel")
            self._labels = Labels(y if several else classes)

    def _checked_targets(self, y):
        """Checks targets against the classes of the fitted estimator."""
        y = self._one_column(y)
        self._labels.check_same(known(rows_of(self, y)))
        return y

    def _with_class_weight(self, y, sample_weight, incremental):
        if self.class_weight is None:
            return sample_weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight 'balanced' is not supported by partial_fit, which does not see all"
                " of the data: compute the weights and pass a dict."
            )
        check_class_weight(self.class_weight)
        if hasattr(self, "output_shape_"):
            weight = weights_of_rows(self._labels, self.class_weight, y, sample_weight)
        else:
            rows, weight = present(sample_weight), np.zeros(y.shape[0])
            weight[rows] = class_weights(self._labels, self.class_weight, y[rows])
        if not weight.any():
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves no sample a weight: give one above 0"
                " to some label of y."
            )
        if sample_weight is None:
            return weight
        if weight.ndim > sample_weight.ndim:
            sample_weight = sample_weight[:, np.newaxis]
        return weight * sample_weight

    def _encode(self, y, dtype):
        """Encodes targets for the loss, unknown ones as NaN; sets `n_outputs_`."""
        self.n_outputs_ = self._labels.outputs
        rows = rows_of(self, y)
        targets = self._labels.encode(known(rows), dtype)
        if isinstance(rows, np.ma.MaskedArray):
            targets[np.ma.getmaskarray(rows)] = np.nan
        return by_sample(self, targets, y.shape[0])

    def _output_activation(self):
        return self._labels.link

    def _lowered_loss(self):
        loss = CLASSIFICATION[self.loss] if isinstance(self.loss, str) else self.loss
        return loss.lowered(self.out_activation_)

    def _output_groups(self):
        return self._labels.groups

    def _score_outputs(self, truth, outputs, weights):
        """Accuracy of outputs, compared with encoded targets."""
        return float(np.average(self._labels.right(truth, outputs), weights=weights))

    def _check_default_score(self, truth):
        """Checks nothing, since accuracy is defined for any labels."""

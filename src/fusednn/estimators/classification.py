"""What classifiers share: labels to targets and back, and their public methods."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight

from fusednn.losses import CLASSIFICATION, ClassificationLoss

from .files.saved_attributes import as_list
from .fitting.decorators import available_if, with_callbacks, with_checked_parameters
from .input.constraints import CLASS_WEIGHT
from .input.labels import Labels, MultioutputLabels, are_columns, labels_of, multioutput_labels_of
from .input.missing_targets import IGNORE, class_weights, filled, known, known_accuracy, unknown_in
from .input.sample_weights import check_class_weight, present
from .input.targets import first_classes, flattened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from fusednn.serving.types import Classes, MatrixLike, Probabilities

    from .input.types import Targets, Weights


class ClassificationMixin(ClassifierMixin):
    """A classifier's share of an estimator; beside a `BaseNetwork`."""

    _target_constraints: ClassVar[dict] = {
        "class_weight": CLASS_WEIGHT,
        "loss": [StrOptions(set(CLASSIFICATION)), ClassificationLoss],
    }

    classes_: Classes

    # -- targets -------------------------------------------------------------------------

    def _validate_input(self, X, y, incremental, reset):
        X, y = self._validated(X, y, reset)
        y = flattened(y)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._labels = labels_of(known(y))
            self.classes_ = self._labels.classes
        else:
            self._labels.check_more(known(y), every=self.warm_start)
        return X, y

    def _spare_targets(self):
        """What checks may see in the place of targets of which none is known."""
        return [part[0] for part in as_list(getattr(self, "classes_", []))]

    def _with_unknown(self, y, unknown):
        """Checked targets in which unknown ones are masked."""
        return np.ma.array(y, mask=unknown)

    def _begin(self, y, classes):
        """Notes the classes of the first call of `partial_fit`; later ones must agree."""
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
            return  # nothing new
        elif first_classes(self, classes):
            several = type_of_target(y).startswith("multilabel")
            self._labels = Labels(y if several else classes)

    def _checked_targets(self, y):
        """More targets of the kind that the estimator was fitted to."""
        y = flattened(y)
        self._labels.check_same(known(y))
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
        rows, weight = present(sample_weight), np.zeros(y.shape[0])
        weight[rows] = class_weights(self._labels, self.class_weight, y[rows])
        if not weight.any():
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves no sample a weight: give one above 0"
                " to some label of y."
            )
        return weight if sample_weight is None else weight * sample_weight

    def _encode(self, y, dtype):
        """Targets as the loss takes them; sets `n_outputs_`."""
        self.n_outputs_ = self._labels.outputs
        targets = self._labels.encode(known(y), dtype)
        if isinstance(y, np.ma.MaskedArray):
            targets[np.ma.getmaskarray(y)] = np.nan
        return targets

    def _output_activation(self):
        return self._labels.link

    def _lowered_loss(self):
        loss = CLASSIFICATION[self.loss] if isinstance(self.loss, str) else self.loss
        return loss.lowered(self.out_activation_)

    def _output_groups(self):
        return self._labels.groups

    def _score_outputs(self, truth, outputs, weights):
        """Accuracy of outputs against encoded targets."""
        return float(np.average(self._labels.right(truth, outputs), weights=weights))

    def _check_default_score(self, truth):
        """Accuracy is defined for any known labels."""

    # -- public --------------------------------------------------------------------------

    @with_checked_parameters
    @with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: Targets,
        sample_weight: Weights = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: Targets | None = None,
        sample_weight_val: Weights = None,
    ) -> Self:
        """Trains the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input; read in place where it is C-contiguous in the network's type.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_columns)
            Labels, an indicator matrix of several labels per sample, or several columns of
            labels, words or whole numbers in each (an array of objects, or a table). Columns of
            one type with but two distinct integers among them are an indicator matrix, as in the
            rest of scikit-learn; as strings they are columns.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. One of zero is an absent sample to the loss, gradients, scores,
            `standardize` and "balanced" class weights; it still has a place in its mini-batch,
            and in the statistics of `BatchNorm`. A mini-batch without any weight has no gradient
            and no terms of `alpha` and `l1`; its step changes nothing but what decays: momentum,
            and weights where the solver has a `weight_decay`.
        X_val, y_val : like X and y, default=None
            A validation set, judged after every pass; with `early_stopping` it takes the place
            of a part of X. Scaled as X is: in a `Pipeline` by `transform_input=["X_val"]`.
            Not for solver="lbfgs".
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of its samples.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the input is not as described, which leaves the estimator as it was, or the
            weights stop being finite; then the last finite weights are kept. Where a validation
            score had been good before, with `early_stopping`, those weights are kept instead, and
            a `ConvergenceWarning` says so.
        """
        return self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))

    @available_if(lambda est: est._check_solver())
    @with_checked_parameters
    def partial_fit(
        self,
        X: MatrixLike,
        y: Targets,
        sample_weight: Weights = None,
        classes: ArrayLike | Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Trains for one pass over the given data, going on from before.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_columns)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        classes : array-like of shape (n_classes,) or list of them, default=None
            All labels of all calls, of several columns a list; needed in the first call.

        Returns
        -------
        self
        """
        begin = partial(self._begin, y, classes)
        return self._fit(X, y, sample_weight, incremental=True, begin=begin)

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """The most probable label, or labels, of each sample.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_columns)
        """
        outputs = self._outputs(X)
        return self._labels.decode(outputs)

    def predict_proba(self, X: MatrixLike) -> Probabilities:
        """Probabilities of the labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; for several labels per sample each one's own; where y had
            several columns of classes a list with an array for each.
        """
        outputs = self._outputs(X)
        return self._labels.probabilities(outputs)

    def predict_log_proba(self, X: MatrixLike) -> Probabilities:
        """Logarithms of `predict_proba`, and of those too small for it: finite as the logits are.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Or (n_samples, n_labels), or a list, as of `predict_proba`.
        """
        self._check_fitted()
        if isinstance(self.classes_, list):
            return self._labels.log_probabilities(self.predict_logits(X))
        probabilities = self.predict_proba(X)
        lost = probabilities < np.finfo(probabilities.dtype).tiny
        if not lost.any():
            return np.log(probabilities, out=probabilities)
        small = self._labels.log_probabilities(self.predict_logits(X))
        return np.where(lost, small, np.log(probabilities, where=~lost, out=probabilities))

    def score(self, X: MatrixLike, y: Targets, sample_weight: Weights = None) -> float:
        """Accuracy: the share of samples whose labels are all predicted.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_columns)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            Unknown labels that are ignored are taken as right, of samples that have known ones.
        """
        self._check_fitted()
        if self.missing_targets == IGNORE:
            y, unknown = unknown_in(y)
            if unknown is not None:
                return self._score_known(X, y, unknown, sample_weight)
        if not isinstance(self.classes_, list):
            return super().score(X, y, sample_weight)
        truth, weights = check_array(y, dtype=None), None
        predicted = self.predict(X)
        if truth.shape != predicted.shape:
            raise ValueError(f"y must be of shape {predicted.shape}, got {truth.shape}.")
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, truth)
        return float(np.average((predicted == truth).all(axis=1), weights=weights))

    def _score_known(self, X, y, unknown, sample_weight):
        predicted: Any = self.predict(X)
        predicted = predicted.toarray() if issparse(predicted) else predicted
        check_consistent_length(y, predicted)
        truth = self._with_unknown(filled(y, unknown, self._spare_targets()), unknown)
        truth = self._checked_targets(truth)
        if truth.shape != predicted.shape:
            raise ValueError(f"y must be of shape {predicted.shape}, got {truth.shape}.")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, y)
        return known_accuracy(truth, predicted, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags

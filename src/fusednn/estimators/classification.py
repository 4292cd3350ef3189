"""The public methods of classifiers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_sample_weight

from .class_targets import ClassTargetsMixin
from .fitting.decorators import available_if, with_callbacks, with_checked_parameters
from .input.missing_targets import IGNORE, filled, known_accuracy, unknown_in
from .input.target_axes import in_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from fusednn.serving.types import MatrixLike, Probabilities

    from .input.types import Targets, Weights


class ClassificationMixin(ClassifierMixin, ClassTargetsMixin):
    """Makes a classifier of a `BaseNetwork`."""

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
            Input. A C-contiguous array in the network's dtype is read in place, without a copy.
            Networks of layers also take samples with axes, and lists of series (steps, features)
            of unequal lengths.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_columns)
            Labels; an indicator matrix of several labels per sample; or several columns of labels,
            words or whole numbers in each column, as an array of objects or a table. As in
            scikit-learn, columns of one type with only two distinct integers are an indicator
            matrix. Convert them to strings if they are columns of labels. If a network ends with
            axes, such as the steps of a sequence, y is (n_samples, *axes): a label for each step.
            The loss and the score are means over the steps of all samples.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, or of their steps, in the shape of such a y. A sample of weight
            0 counts as absent in the loss, gradients, scores, `standardize` and "balanced" class
            weights, and so does a step but in `standardize`. A sample keeps its place in its
            mini-batch and in the statistics of `BatchNorm`. A mini-batch with weights of 0 alone
            has no gradient and no terms of `alpha` and `l1`. Its step changes only what decays:
            momentum, and weights if the solver has a `weight_decay`.
        X_val, y_val : like X and y, default=None
            A validation set, scored after every epoch. With `early_stopping` nothing of X is held
            out then. Scale X_val as X is scaled; in a `Pipeline` use `transform_input=["X_val"]`.
            Not for solver="lbfgs".
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation samples.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument or a parameter is invalid; the estimator then stays unchanged. Also if
            the weights become infinite or NaN; the estimator then keeps the last finite weights.
            With `early_stopping` and a finite best score, it keeps the weights of that score and
            issues a `ConvergenceWarning` instead.

        Examples
        --------
        Use your own validation set; the best epoch has the best score on it:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import train_test_split
        >>> from fusednn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
        >>> model = MLPClassifier(early_stopping=True, learning_rate_init=0.05, random_state=0)
        >>> model = model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
        >>> best_epoch = np.argmax(model.validation_scores_)
        >>> model.validation_scores_[best_epoch] == model.score(X_val, y_val)
        True
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
        """Trains for one epoch on the given data, continuing from the present weights.

        Not for solver="lbfgs".

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_columns)
            Labels; see `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; see `fit`.
        classes : array-like of shape (n_classes,) or list of array-like, default=None
            All labels of all calls; for several columns a list with the labels of each. Required
            in the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            See `fit`. Also if `classes` is missing in the first call or differs later.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from fusednn import MLPClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> model = MLPClassifier([32], random_state=0)
        >>> for _ in range(20):
        ...     for start in range(0, 1500, 500):
        ...         rows = slice(start, start + 500)
        ...         model = model.partial_fit(X[rows], y[rows], classes=range(10))
        >>> model.score(X[1500:], y[1500:]) > 0.8
        True
        """
        begin = partial(self._begin, X, y, classes)
        return self._fit(X, y, sample_weight, incremental=True, begin=begin)

    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predicts the most probable label, or labels, of each sample.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.

        Returns
        -------
        ndarray of shape (n_samples,), (n_samples, n_labels), (n_samples, n_columns) or \
(n_samples, *axes)
            In the form of y in `fit`; a sparse indicator matrix if y was one.
        """
        outputs = self._outputs(X)
        return in_rows(self._labels.decode, outputs)

    def predict_proba(self, X: MatrixLike) -> Probabilities:
        """Predicts the probabilities of the labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            (n_samples, *axes, n_classes) of a network that ends with axes. In the order of
            `classes_`, in the network's dtype. For several labels per sample, the
            probability of each label. For several columns of classes, a list with an array for
            each column.
        """
        outputs = self._outputs(X)
        return in_rows(self._labels.probabilities, outputs)

    def predict_log_proba(self, X: MatrixLike) -> Probabilities:
        """Predicts the logarithms of the probabilities, without underflow.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the form of `predict_proba`. Probabilities that underflow there have finite
            logarithms here.

        Examples
        --------
        >>> import numpy as np
        >>> from fusednn import MLPClassifier
        >>> X, y = np.array([[-1.0], [1.0]]), [0, 1]
        >>> model = MLPClassifier([], solver="lbfgs", alpha=0.0).fit(X, y)
        >>> model.predict_proba([[1e4]])[0, 0].item()
        0.0
        >>> bool(np.isfinite(model.predict_log_proba([[1e4]])).all())
        True
        """
        self._check_fitted()
        if isinstance(self.classes_, list):
            return self._labels.log_probabilities(self.predict_logits(X))
        probabilities = self.predict_proba(X)
        lost = probabilities < np.finfo(probabilities.dtype).tiny
        if not lost.any():
            return np.log(probabilities, out=probabilities)
        small = in_rows(self._labels.log_probabilities, self.predict_logits(X))
        return np.where(lost, small, np.log(probabilities, where=~lost, out=probabilities))

    def score(self, X: MatrixLike, y: Targets, sample_weight: Weights = None) -> float:
        """Computes the accuracy: the share of samples whose labels are all predicted.

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
            With `missing_targets="ignore"`, over the samples with a known label; unknown labels
            count as right.
        """
        self._check_fitted()
        if hasattr(self, "output_shape_"):
            return self._score_rows(X, y, sample_weight)
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

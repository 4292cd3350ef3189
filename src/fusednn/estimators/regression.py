"""The public methods of regressors, and the conversion of outputs to values."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self, overload

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_sample_weight

from fusednn.kernels.losses import row_of
from fusednn.kernels.own_loss import COMPILED, own_loss
from fusednn.losses import REGRESSION, Gaussian, Quantile, RegressionLoss
from fusednn.plan.binding.loss import target_columns

from .fitting.decorators import available_if, with_callbacks, with_checked_parameters
from .input.missing_targets import IGNORE, known_r2, unknown_in
from .input.target_axes import by_sample, rows_of
from .input.targets import real_targets

if TYPE_CHECKING:
    from fusednn.serving.types import FloatArray, MatrixLike

    from .input.types import Targets, Weights


class RegressionMixin(RegressorMixin):
    """Makes a regressor of a `BaseNetwork`."""

    _target_constraints: ClassVar[dict] = {
        "loss": [StrOptions(set(REGRESSION)), RegressionLoss, COMPILED],
    }
    _target_options: ClassVar[dict] = {"y_numeric": True}

    def _validate_input(self, X, y, incremental, reset):
        X, y = self._validated(X, y, reset, **self._target_options)
        return X, self._one_column(y)

    def _spare_targets(self):
        """The values that replace unknown targets in a column without known ones, for checks."""
        return ()

    def _with_unknown(self, y, unknown):
        """Sets the unknown ones of checked targets to NaN."""
        y = y.copy() if y.dtype.kind == "f" else y.astype(float)
        y[unknown] = np.nan
        return y

    def _checked_targets(self, y):
        """Checks the number of columns of targets against the fitted estimator."""
        y = self._one_column(y)
        columns, rows = self.n_outputs_ // self._outputs_per_target(), rows_of(self, y)
        if (rows.shape[1] if rows.ndim == 2 else 1) != columns:
            raise ValueError(f"y must have {columns} outputs, got shape {y.shape}.")
        return y

    def _encode(self, y, dtype):
        """Converts targets to shape (n_samples, n_targets); sets `n_outputs_`."""
        taken, name = self._loss_row().targets, type(self._loss()).__name__
        targets = real_targets(rows_of(self, y), np.dtype(dtype), taken, name)
        self.n_outputs_ = targets.shape[1] * self._outputs_per_target()
        return by_sample(self, targets, y.shape[0])

    def _output_activation(self):
        return "identity" if self._loss_row().link is None else "exp"

    def _loss(self):
        return REGRESSION[self.loss] if isinstance(self.loss, str) else self.loss

    def _lowered_loss(self):
        loss = self._loss()
        return (own_loss(loss), ()) if isinstance(loss, COMPILED) else loss.lowered()

    def _loss_row(self):
        return row_of(self._lowered_loss()[0])

    def _outputs_per_target(self):
        return self._loss_row().outputs_of_target(self._lowered_loss()[1])

    def _points(self, outputs):
        """Selects one output for each target: the mean, or the quantile nearest to 0.5."""
        loss, middle = self._loss(), 0
        if isinstance(loss, Quantile):
            middle = int(np.argmin(np.abs(np.array(loss.quantiles) - 0.5)))
        return outputs[..., middle :: self._outputs_per_target()]

    def _score_outputs(self, truth, outputs, weights):
        """R^2 of outputs, compared with targets."""
        points = self._points(outputs)
        if self.missing_targets == IGNORE and np.isnan(truth).any():
            return known_r2(truth, points, weights)
        return r2_score(truth, points, sample_weight=weights)

    def _check_default_score(self, truth):
        """Raises ValueError if no column has two known targets, as R^2 needs."""
        if (~np.isnan(truth)).sum(axis=0).max() < 2:
            raise ValueError(
                "scoring=None cannot be computed on the validation set: R^2 needs a column of"
                " y_val with two known targets or more. Give more samples, or choose"
                " scoring='loss'."
            )

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
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. If a network ends with axes, such as the steps of a sequence, y is
            (n_samples, *axes) or (n_samples, *axes, n_targets). The loss and R^2 are over the
            steps of all samples.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, or of their steps, (n_samples, *axes). A sample of weight 0
            counts as absent in the loss, gradients, scores and `standardize`, a step in all but
            `standardize`. A sample keeps its place in its mini-batch and in the statistics of
            `BatchNorm`. A mini-batch with weights of 0 alone has no gradient and no terms of
            `alpha` and `l1`. Its step changes only what decays: momentum, and weights if the
            solver has a `weight_decay`.
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
        """
        return self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))

    # not called, so `hasattr` is true for "lbfgs" too, as in scikit-learn
    @available_if(lambda est: est._check_solver)
    @with_checked_parameters
    def partial_fit(self, X: MatrixLike, y: Targets, sample_weight: Weights = None) -> Self:
        """Trains for one epoch on the given data, continuing from the present weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; see `fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            See `fit`.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    @overload
    def predict(self, X: MatrixLike, return_std: Literal[False] = False) -> FloatArray: ...

    @overload
    def predict(
        self, X: MatrixLike, return_std: Literal[True]
    ) -> tuple[FloatArray, FloatArray]: ...

    @overload
    def predict(
        self, X: MatrixLike, return_std: bool
    ) -> FloatArray | tuple[FloatArray, FloatArray]: ...

    def predict(
        self, X: MatrixLike, return_std: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Predicts the targets.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        return_std : bool, default=False
            Whether to return the standard deviation too, which only loss="gaussian" learns.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            (n_samples, *axes) or (n_samples, *axes, n_targets) of a network that ends with axes.
            In the network's dtype. For "gaussian" the means. For several quantiles the shape is
            (n_samples, n_quantiles), or (n_samples, n_targets, n_quantiles).
        std : ndarray of the shape of y
            Only with `return_std`.

        Raises
        ------
        ValueError
            If X is invalid, or `return_std` is true with another loss.
        """
        loss = self._loss()
        if return_std and not isinstance(loss, Gaussian):
            raise ValueError(f"return_std=True needs loss='gaussian', got {self.loss!r}.")
        outputs, count = self._outputs(X), self._outputs_per_target()
        if count == 1:
            return _raveled(outputs)
        target_columns(self._network())  # refuses weights of another loss
        if isinstance(loss, Quantile):
            several = outputs.reshape(*outputs.shape[:-1], -1, count)
            return several[..., 0, :] if several.shape[-2] == 1 else several
        points = _raveled(self._points(outputs))
        if not return_std:
            return points
        least = np.log(loss.eps).astype(outputs.dtype)
        with np.errstate(over="ignore"):
            std = np.exp(np.maximum(outputs[..., 1::2], least) / 2)
        return points, _raveled(std)

    def score(self, X: MatrixLike, y: Targets, sample_weight: Weights = None) -> float:
        """Computes R^2 of the predictions.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            For "gaussian" R^2 of the means, for several quantiles that of the quantile nearest to
            0.5. With `missing_targets="ignore"`, the mean over the columns of the R^2 of the known
            targets.
        """
        self._check_fitted()
        if hasattr(self, "output_shape_"):
            return self._score_rows(X, y, sample_weight)
        if self.missing_targets == IGNORE:
            y, unknown = unknown_in(y)
            if unknown is not None:
                return self._score_known(X, y, unknown, sample_weight)
        if self._outputs_per_target() == 1:
            return super().score(X, y, sample_weight)
        points = _raveled(self._points(self._outputs(X)))
        return r2_score(y, points, sample_weight=sample_weight)

    def _score_known(self, X, y, unknown, sample_weight):
        points = self._points(self._outputs(X))
        y = np.where(unknown, 0, y).astype(float)  # float cannot convert pandas.NA
        y = check_array(y.reshape(len(y), -1), input_name="y")
        check_consistent_length(y, points)
        if y.shape != points.shape:
            raise ValueError(f"y must have {points.shape[1]} columns, got {y.shape[1]}.")
        y[unknown.reshape(y.shape)] = np.nan
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, y)
        return known_r2(y, points, sample_weight)


def _raveled(outputs):
    """Converts a single column to a vector."""
    return outputs.ravel().reshape(outputs.shape[:-1]) if outputs.shape[-1] == 1 else outputs

"""`MLPRegressor`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from fusednn.kernels.losses import row_of
from fusednn.kernels.own_loss import COMPILED, own_loss
from fusednn.losses import REGRESSION, Gaussian, Quantile, RegressionLoss

from .base import BaseMLP
from .callbacks import with_callbacks
from .targets import flattened

ALLOWED = {"positive": np.greater, "not negative": np.greater_equal}
"""How targets that a loss restricts compare with 0."""


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: scikit-learn's, on the compiled engine.

    The parameters, fitted attributes, messages and, for one `random_state`, the network itself
    up to rounding are those of `sklearn.neural_network.MLPRegressor`, with one exception: with
    several outputs L-BFGS minimises the sum of their squared errors, where scikit-learn 1.9
    pairs their mean with the sum's gradient.

    Parameters
    ----------
    loss : str, RegressionLoss or function, default="squared_error"
        "squared_error"; "poisson", half the Poisson deviance, with a log link; or of our own
        "absolute_error", "huber", "log_cosh", "quantile", "gamma" and "gaussian", which stand for
        descriptions of `fusednn.losses` with their defaults, such as `Huber(delta=1.0)`. Of
        several outputs the reported loss of "squared_error" is their mean, that of the others
        their sum. `Quantile(quantiles)` has an output for each quantile and target, "gaussian"
        a mean and the logarithm of a variance for each target. A function of your own, compiled
        by `numba.njit`, gets a logit and its target and returns the loss and its derivative by
        the logit, of which the sums over outputs are taken; it must not raise. It is compiled
        anew in each process that fits with it, and never kept in the disk cache.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, \
learning_rate_init, power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, \
momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon, \
n_iter_no_change, max_fun, dtype, n_jobs, scoring, max_time, warm_start_optimizer, init, \
dropout, clip_norm, clip_value
        As in `MLPClassifier`; early stopping looks at R^2, for "gaussian" of the means, of
        several quantiles of the one nearest to 0.5. A scorer sees what `predict` answers.

    Attributes
    ----------
    coefs_, intercepts_, loss_, loss_curve_, best_loss_, validation_scores_, \
validation_loss_curve_, best_validation_score_, n_iter_, t_, n_layers_, n_outputs_, \
n_features_in_, feature_names_in_
        As in `MLPClassifier`.
    out_activation_ : {"identity", "exp"}
        Output function.

    See Also
    --------
    MLPClassifier : The same for labels.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from fusednn import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> MLPRegressor(solver="lbfgs", alpha=10, random_state=0).fit(X, y).score(X, y) > 0.5
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(REGRESSION)), RegressionLoss, COMPILED],
    }

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dtype="auto",
        n_jobs=None,
        scoring=None,
        max_time=None,
        warm_start_optimizer=False,
        init="scikit-learn",
        dropout=0.0,
        clip_norm=None,
        clip_value=None,
    ):
        self._store(locals())

    _target_options: ClassVar[dict] = {"y_numeric": True}

    def _validate_input(self, X, y, incremental, reset):
        X, y = self._validated(X, y, reset, **self._target_options)
        return X, flattened(y)

    def _checked_targets(self, y):
        """More targets of the kind that the estimator was fitted to."""
        y = flattened(y)
        columns = self.n_outputs_ // self._outputs_per_target()
        if (y.shape[1] if y.ndim == 2 else 1) != columns:
            raise ValueError(f"y must have {columns} outputs, got shape {y.shape}.")
        return y

    def _encode(self, y, dtype):
        """Targets of shape (n_samples, n_targets); sets `n_outputs_`."""
        targets = y.reshape(len(y), -1).astype(dtype, copy=False)
        is_allowed = ALLOWED.get(self._loss_row().targets)
        # of the name "poisson" scikit-learn takes any y
        if is_allowed and self.loss != "poisson" and not is_allowed(targets, 0).all():
            raise ValueError(
                "Some value(s) of y are out of the valid range of the loss"
                f" {type(self._loss()).__name__!r}."
            )
        self.n_outputs_ = targets.shape[1] * self._outputs_per_target()
        return targets

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
        """One value for each target: the mean, or the quantile nearest to the median."""
        loss, middle = self._loss(), 0
        if isinstance(loss, Quantile):
            middle = int(np.argmin(np.abs(np.array(loss.quantiles) - 0.5)))
        return outputs[:, middle :: self._outputs_per_target()]

    def _score_outputs(self, truth, outputs, weights):
        """R^2 of outputs against targets."""
        return r2_score(truth, self._points(outputs), sample_weight=weights)

    @_fit_context(prefer_skip_nested_validation=True)
    @with_callbacks
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Trains the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input; read in place where it is C-contiguous in the network's type.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        X_val, y_val : like X and y, default=None
            A validation set, judged after every pass; with `early_stopping` it takes the place
            of a part of X.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of its samples.

        Returns
        -------
        self : MLPRegressor

        Raises
        ------
        ValueError
            If the input is not as described, which leaves the estimator as it was, or the
            weights stop being finite; then the last finite weights are kept.
        """
        return self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))

    @available_if(lambda est: est._check_solver)  # not called: offered for lbfgs too, as there
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Trains for one pass over the given data, going on from before.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        self : MLPRegressor
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X, return_std=False):
        """The network's output for each sample.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        return_std : bool, default=False
            Whether the standard deviation is wanted too, which only loss="gaussian" learns.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Of "gaussian" the means. Several quantiles are the last axis of their own: the shape
            is (n_samples, n_quantiles), or (n_samples, n_targets, n_quantiles).
        std : ndarray of the same shape
            With `return_std`.
        """
        loss = self._loss()
        if return_std and not isinstance(loss, Gaussian):
            raise ValueError(f"return_std=True needs loss='gaussian', got {self.loss!r}.")
        outputs, count = self._outputs(X), self._outputs_per_target()
        if count == 1:
            return _raveled(outputs)
        self._network().target_columns()  # refuses weights of another loss
        if isinstance(loss, Quantile):
            several = outputs.reshape(len(outputs), -1, count)
            return several[:, 0] if several.shape[1] == 1 else several
        points = _raveled(self._points(outputs))
        if not return_std:
            return points
        least = np.log(loss.eps).astype(outputs.dtype)
        with np.errstate(over="ignore"):
            std = np.exp(np.maximum(outputs[:, 1::2], least) / 2)
        return points, _raveled(std)

    def score(self, X, y, sample_weight=None):
        """R^2 of the predictions.

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
            For "gaussian" of the means, of several quantiles of the one nearest to 0.5.
        """
        if self._outputs_per_target() == 1:
            return super().score(X, y, sample_weight)
        points = _raveled(self._points(self._outputs(X)))
        return r2_score(y, points, sample_weight=sample_weight)


def _raveled(outputs):
    """One column as a vector."""
    return outputs.ravel() if outputs.shape[1] == 1 else outputs

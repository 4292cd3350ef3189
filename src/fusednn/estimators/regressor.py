"""`MLPRegressor`."""

from __future__ import annotations

from typing import ClassVar

from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from .base import BaseMLP
from .callbacks import with_callbacks
from .targets import flattened


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: scikit-learn's, on the compiled engine.

    The parameters, fitted attributes, messages and, for one `random_state`, the network itself
    up to rounding are those of `sklearn.neural_network.MLPRegressor`, with one exception: with
    several outputs L-BFGS minimises the sum of their squared errors, where scikit-learn 1.9
    pairs their mean with the sum's gradient.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        "poisson" is half the Poisson deviance, with a log link.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, \
learning_rate_init, power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, \
momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon, \
n_iter_no_change, max_fun, dtype, n_jobs, scoring, max_time, warm_start_optimizer, init, \
dropout, clip_norm, clip_value
        As in `MLPClassifier`; early stopping looks at R^2.

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
        "loss": [StrOptions({"squared_error", "poisson"})],
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
        if (y.shape[1] if y.ndim == 2 else 1) != self.n_outputs_:
            raise ValueError(f"y must have {self.n_outputs_} outputs, got shape {y.shape}.")
        return y

    def _encode(self, y, dtype):
        """Targets of shape (n_samples, n_outputs); sets `n_outputs_`."""
        targets = y.reshape(len(y), -1).astype(dtype, copy=False)
        self.n_outputs_ = targets.shape[1]
        return targets

    def _output_activation(self):
        return "exp" if self.loss == "poisson" else "identity"

    def _loss_name(self):
        return self.loss

    def _score_outputs(self, truth, outputs, weights):
        """R^2 of outputs against targets."""
        return r2_score(truth, outputs, sample_weight=weights)

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

    def predict(self, X):
        """The network's output for each sample.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

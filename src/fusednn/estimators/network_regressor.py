"""`NetworkRegressor`."""

from __future__ import annotations

from typing import ClassVar

from .layered import BaseLayered
from .regression import RegressionMixin


class NetworkRegressor(RegressionMixin, BaseLayered):
    """Regressor by a network of layers of your choice.

    Parameters
    ----------
    layers, solver, alpha, batch_size, learning_rate, learning_rate_init, max_iter, shuffle, \
random_state, tol, verbose, warm_start, early_stopping, validation_fraction, n_iter_no_change, \
max_fun, dtype, n_jobs, scoring, max_time, warm_start_optimizer, clip_norm, clip_value, \
standardize, ema_decay, accumulate, mixup, l1, diagnose, missing_targets
        As in `NetworkClassifier`; early stopping looks at R^2, as `MLPRegressor`'s does.
    loss : str, RegressionLoss or function, default="squared_error"
        What is minimised, as in `MLPRegressor`.

    Attributes
    ----------
    layers_, loss_, loss_curve_, best_loss_, validation_scores_, validation_loss_curve_, \
best_validation_score_, n_iter_, t_, n_outputs_, gradient_norms_, activation_stats_, \
diagnosed_layers_, diagnosed_weights_, n_features_in_, feature_names_in_
        As in `NetworkClassifier`.
    out_activation_ : {"identity", "exp"}
        Output function.

    See Also
    --------
    NetworkClassifier : The same for labels.
    MLPRegressor : scikit-learn's parameters and attributes.

    Notes
    -----
    A network's parameters are read and written, layer by layer, by `get_weights` and
    `set_weights`; `initialize` builds it without training.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, LayerNorm, Residual
    >>> X, y = load_diabetes(return_X_y=True)
    >>> layers = [Dense(32, "gelu"), Residual([LayerNorm(), Dense(32, "gelu"), Dense(32)])]
    >>> model = NetworkRegressor(layers, max_iter=150, random_state=0, learning_rate_init=0.005)
    >>> model.fit(X, y).score(X, y) > 0.4
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseLayered._parameter_constraints,
        **RegressionMixin._target_constraints,
    }

    def __init__(
        self,
        layers=None,
        *,
        solver="adam",
        alpha=0.0,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        max_fun=15000,
        dtype="auto",
        n_jobs=None,
        scoring=None,
        max_time=None,
        warm_start_optimizer=False,
        clip_norm=None,
        clip_value=None,
        standardize=False,
        ema_decay=None,
        accumulate=1,
        mixup=0.0,
        l1=0.0,
        diagnose=False,
        missing_targets="error",
        loss="squared_error",
    ):
        self._store(locals())

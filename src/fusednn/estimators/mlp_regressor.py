"""`MLPRegressor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .perceptron import BaseMLP
from .regression import RegressionMixin

if TYPE_CHECKING:
    from .input.types import (
        Activation,
        BatchSize,
        Dropout,
        Dtype,
        HiddenLayerSizes,
        Init,
        MissingTargets,
        Normalization,
        RandomState,
        Rates,
        RegressorLoss,
        Scoring,
        Solver,
    )


class MLPRegressor(RegressionMixin, BaseMLP):
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
dropout, clip_norm, clip_value, standardize, ema_decay, accumulate, mixup, l1, \
normalization, max_norm, diagnose, missing_targets
        As in `MLPClassifier`; early stopping looks at R^2, for "gaussian" of the means, of
        several quantiles of the one nearest to 0.5. A scorer sees what `predict` answers.

    Attributes
    ----------
    coefs_, intercepts_, norms_, feature_means_, feature_factors_, loss_, loss_curve_, \
best_loss_, validation_scores_, \
validation_loss_curve_, best_validation_score_, n_iter_, t_, n_layers_, n_outputs_, \
gradient_norms_, activation_stats_, diagnosed_layers_, diagnosed_weights_, n_features_in_, \
feature_names_in_
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
        **RegressionMixin._target_constraints,
    }

    def __init__(
        self,
        loss: RegressorLoss = "squared_error",
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        activation: Activation = "relu",
        *,
        solver: Solver = "adam",
        alpha: float = 0.0001,
        batch_size: BatchSize = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] | Rates = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dtype: Dtype = "auto",
        n_jobs: int | None = None,
        scoring: Scoring = None,
        max_time: float | None = None,
        warm_start_optimizer: bool = False,
        init: Init = "scikit-learn",
        dropout: Dropout = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        standardize: bool = False,
        ema_decay: float | None = None,
        accumulate: int = 1,
        mixup: float = 0.0,
        l1: float = 0.0,
        normalization: Normalization = None,
        max_norm: float | None = None,
        diagnose: bool = False,
        missing_targets: MissingTargets = "error",
    ) -> None:
        self._store(locals())

"""`MLPRegressor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .perceptron import BaseMLP
from .regression import RegressionMixin

if TYPE_CHECKING:
    from fusednn.serving.types import Device

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
    """Multi-layer perceptron regressor with scikit-learn's interface, on the compiled engine.

    Replaces `sklearn.neural_network.MLPRegressor`: it has the same parameters, attributes and
    messages, and an integer `random_state` gives the same network up to rounding. There is one
    exception: for several outputs L-BFGS minimises the sum of their squared errors, where
    scikit-learn 1.9 pairs their mean with the gradient of the sum.

    Parameters
    ----------
    loss : str, RegressionLoss or function, default="squared_error"
        The loss that training minimises.

        * A name: "squared_error" and "poisson" (half the Poisson deviance, with a log link) are
          scikit-learn's; "absolute_error", "huber", "log_cosh", "quantile", "gamma" and "gaussian"
          stand for the classes of `fusednn.losses` with default constants.
        * A class of `fusednn.losses` with constants, such as `Huber(delta=1.0)`.
          `Quantile(quantiles)` has an output for each quantile and target. `Gaussian()` has a mean
          and the logarithm of a variance for each target.
        * A function compiled by `numba.njit`, which maps a logit and its target to the loss and
          its derivative by the logit; it must not raise. The loss of a sample is the sum over
          outputs. Each process compiles it anew, since the disk cache cannot hold it.

        The reported loss of several outputs is the mean for "squared_error", otherwise the sum.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, \
learning_rate_init, power_t, max_iter, shuffle, random_state, tol, verbose, warm_start, \
momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon, \
n_iter_no_change, max_fun, dtype, n_jobs, scoring, max_time, warm_start_optimizer, init, \
dropout, clip_norm, clip_value, standardize, ema_decay, accumulate, mixup, l1, \
normalization, max_norm, diagnose, missing_targets, device
        See `MLPClassifier`. Without `scoring` the validation score is R^2: for "gaussian" of the
        means, for several quantiles of the one nearest to 0.5. A scorer gets what `predict`
        returns.

    Attributes
    ----------
    coefs_, intercepts_, norms_, feature_means_, feature_factors_, loss_, loss_curve_, \
best_loss_, validation_scores_, \
validation_loss_curve_, best_validation_score_, n_iter_, t_, n_layers_, n_outputs_, \
gradient_norms_, activation_stats_, diagnosed_layers_, diagnosed_weights_, n_features_in_, \
feature_names_in_
        See `MLPClassifier`.
    out_activation_ : {"identity", "exp"}
        Output function.

    See Also
    --------
    MLPClassifier : The same for labels.
    NetworkRegressor : Networks of other layers.
    fusednn.losses : The losses.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from fusednn import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor(hidden_layer_sizes=[16], solver="lbfgs", alpha=100, max_iter=1000)
    >>> model.set_params(random_state=0).fit(X, y).score(X, y) > 0.4
    True

    Learn quantiles of the target:

    >>> from fusednn.losses import Quantile
    >>> model = MLPRegressor(
    ...     Quantile([0.1, 0.5, 0.9]),
    ...     hidden_layer_sizes=[16],
    ...     standardize=True,
    ...     learning_rate_init=0.1,
    ...     early_stopping=True,
    ...     random_state=0,
    ... )
    >>> model.fit(X, y).predict(X).shape
    (442, 3)
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
        device: Device = "cpu",
    ) -> None:
        self._store(locals())

"""`NetworkRegressor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .layered import BaseLayered
from .regression import RegressionMixin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusednn.augment import Augmentation
    from fusednn.layers import Layer
    from fusednn.serving.types import Device

    from .input.types import (
        BatchSize,
        Dtype,
        MissingTargets,
        Patience,
        RandomState,
        Rates,
        RegressorLoss,
        Scoring,
        Solver,
    )


class NetworkRegressor(RegressionMixin, BaseLayered):
    """Regressor with a network of layers of your choice.

    Parameters
    ----------
    layers, solver, alpha, batch_size, learning_rate, learning_rate_init, max_iter, shuffle, \
random_state, tol, verbose, warm_start, early_stopping, validation_fraction, n_iter_no_change, \
max_fun, dtype, n_jobs, scoring, max_time, warm_start_optimizer, clip_norm, clip_value, \
standardize, ema_decay, accumulate, mixup, l1, diagnose, missing_targets
        See `NetworkClassifier`. Without `scoring` the validation score is R^2, as in
        `MLPRegressor`.
    loss : str, RegressionLoss or function, default="squared_error"
        The loss that training minimises; see `MLPRegressor`.
    augment : list of Augmentation or None, default=None
        Random changes of each training sample; see `NetworkClassifier`.
    window : int or None, default=None
        The steps that the gradient goes back in very long series; see `NetworkClassifier`.
    best_epoch : {"first", "last"}, default="first"
        Which of several epochs with the best validation score is kept; see `NetworkClassifier`.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the network is trained, and where the estimator predicts; see `MLPClassifier`.

    Attributes
    ----------
    layers_, loss_, loss_curve_, best_loss_, validation_scores_, validation_loss_curve_, \
best_validation_score_, n_iter_, t_, n_outputs_, feature_means_, feature_factors_, \
gradient_norms_, activation_stats_, diagnosed_layers_, diagnosed_weights_, n_features_in_, \
feature_names_in_
        See `NetworkClassifier`.
    input_shape_ : tuple of int or None
        The axes of a sample, if X had more than two axes in `fit`: (H, W, C), (H, W) or (T, C).
        `n_features_in_` is their product. None takes the place of T where predictions take series
        of any number of steps.
    output_shape_ : tuple of int
        The axes of a sample's targets, if `layers` end with axes; see `NetworkClassifier`. y may
        have one more axis, of several targets for each step or pixel.
    out_activation_ : {"identity", "exp"}
        Output function.

    See Also
    --------
    NetworkClassifier : The same for labels.
    MLPRegressor : Has scikit-learn's parameters and attributes.
    fusednn.layers : The layers.

    Notes
    -----
    `get_weights` and `set_weights` read and write the parameters layer by layer. `initialize`
    builds the network without training.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from fusednn import NetworkRegressor
    >>> from fusednn.layers import Dense, LayerNorm, Residual
    >>> X, y = load_diabetes(return_X_y=True)
    >>> layers = [Dense(16, "gelu"), Residual([LayerNorm(), Dense(16, "gelu"), Dense(16)])]
    >>> model = NetworkRegressor(layers, early_stopping=True, random_state=0, standardize=True)
    >>> model.set_params(learning_rate_init=0.01).fit(X, y).score(X, y) > 0.4
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseLayered._parameter_constraints,
        **RegressionMixin._target_constraints,
    }

    def __init__(
        self,
        layers: Sequence[Layer] | None = None,
        *,
        solver: Solver = "adam",
        alpha: float = 0.0,
        batch_size: BatchSize = "auto",
        learning_rate: Literal["constant", "adaptive"] | Rates = "constant",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: Patience = 10,
        max_fun: int = 15000,
        dtype: Dtype = "auto",
        n_jobs: int | None = None,
        scoring: Scoring = None,
        max_time: float | None = None,
        warm_start_optimizer: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        standardize: bool = False,
        ema_decay: float | None = None,
        accumulate: int = 1,
        mixup: float = 0.0,
        l1: float = 0.0,
        diagnose: bool = False,
        missing_targets: MissingTargets = "error",
        loss: RegressorLoss = "squared_error",
        augment: Sequence[Augmentation] | None = None,
        window: int | None = None,
        best_epoch: Literal["first", "last"] = "first",
        device: Device = "cpu",
    ) -> None:
        self._store(locals())

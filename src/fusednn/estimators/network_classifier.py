"""`NetworkClassifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .classification import ClassificationMixin
from .layered import BaseLayered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusednn.layers import Layer

    from .input.types import (
        BatchSize,
        ClassifierLoss,
        ClassWeight,
        Dtype,
        MissingTargets,
        RandomState,
        Rates,
        Scoring,
        Solver,
    )


class NetworkClassifier(ClassificationMixin, BaseLayered):
    """Classifier by a network of layers of your choice.

    Parameters
    ----------
    layers : list of Layer or None, default=None
        Hidden layers, descriptions of `fusednn.layers`, in order; None is one hidden layer of
        100 ReLU units. The output layer follows by itself, with as many units as the targets
        need; a last `Dense(n_classes, "softmax")`, of three classes or more, is the output layer
        itself. Sparse X needs a `Dense` first.
    solver : str or Optimizer, default="adam"
        "sgd", "adam", "rmsprop", "adagrad", "amsgrad", "adamw", "nadam", "lion", or an optimizer
        of `fusednn.optimizers` with constants of its own, all PyTorch's; "lbfgs" is SciPy's on
        all samples at once, for networks without noise, BatchNorm and max_norm.
    alpha : float, default=0.0
        Factor of the L2 term of weights, divided by the samples of a batch; not used by solvers
        with a `weight_decay` of their own, AdamW and Lion.
    learning_rate : {"constant", "adaptive"}, Schedule or callable, default="constant"
        One of `fusednn.schedules`, or a callable that gets the number of a pass, from 0, and
        returns a factor of `learning_rate_init`. "adaptive" divides SGD's rate by 5 when nothing
        improves.
    warm_start : bool, default=False
        Whether `fit` goes on from the present weights, those of `initialize` or `set_weights`
        say.
    batch_size, learning_rate_init, max_iter, shuffle, random_state, tol, verbose, \
early_stopping, validation_fraction, n_iter_no_change, max_fun, dtype, n_jobs, scoring, max_time, \
warm_start_optimizer, clip_norm, clip_value, standardize, ema_decay, accumulate, mixup, l1, \
diagnose, missing_targets, class_weight
        As in `MLPClassifier`. Mixup is not for `Embedding`, whose codes `standardize` leaves
        alone.
    loss : {"log_loss", "focal"}, CrossEntropy or Focal, default="log_loss"
        What is minimised, as in `MLPClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of them
        Labels; of several columns a list.
    layers_ : tuple of Layer
        The hidden layers, with what the data decided: numbers of categories.
    loss_, loss_curve_, best_loss_, validation_scores_, validation_loss_curve_, \
best_validation_score_, n_iter_, t_, n_outputs_, feature_means_, feature_factors_, \
gradient_norms_, activation_stats_, n_features_in_, feature_names_in_
        As in `MLPClassifier`.
    diagnosed_layers_, diagnosed_weights_ : list of str
        With `diagnose`: the names of the layers in `activation_stats_`, "layers[0] Dense", ...,
        "output", and of those with weights, in `gradient_norms_`. Activation and dropout belong
        to the layer that they follow.
    out_activation_ : {"softmax", "logistic"}
        Output function.

    See Also
    --------
    NetworkRegressor : The same for real targets.
    MLPClassifier : scikit-learn's parameters and attributes.

    Notes
    -----
    A network's parameters are read and written, layer by layer, by `get_weights` and
    `set_weights`; `initialize` builds it without training.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import Activation, BatchNorm, Dense, Dropout
    >>> X, y = load_digits(return_X_y=True)
    >>> layers = [Dense(128), BatchNorm(), Activation("relu"), Dropout(0.2)]
    >>> model = NetworkClassifier(layers, max_iter=30, random_state=0, standardize=True)
    >>> model.fit(X[:1500], y[:1500]).score(X[1500:], y[1500:]) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseLayered._parameter_constraints,
        **ClassificationMixin._target_constraints,
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
        n_iter_no_change: float = 10,
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
        class_weight: ClassWeight = None,
        loss: ClassifierLoss = "log_loss",
    ) -> None:
        self._store(locals())

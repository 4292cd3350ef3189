"""`NetworkClassifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .classification import ClassificationMixin
from .layered import BaseLayered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fusednn.augment import Augmentation
    from fusednn.layers import Layer
    from fusednn.serving.types import Device

    from .input.types import (
        BatchSize,
        ClassifierLoss,
        ClassWeight,
        Dtype,
        MissingTargets,
        Patience,
        RandomState,
        Rates,
        Scoring,
        Solver,
    )


class NetworkClassifier(ClassificationMixin, BaseLayered):
    """Classifier with a network of layers of your choice.

    Parameters
    ----------
    layers : list of Layer or None, default=None
        The hidden layers in order, descriptions of `fusednn.layers`. None is one hidden layer of
        100 ReLU units. The estimator adds the output layer, with as many units as the targets
        need. A last `Output`, which has options for it, is the output layer itself, and so is a
        last `Dense(n_classes, "softmax")`, for three classes or more. Sparse X needs `Dense` as
        the first layer.
    solver : str or Optimizer, default="adam"
        "sgd", "adam", "rmsprop", "adagrad", "amsgrad", "adamw", "nadam", "lion", or a class of
        `fusednn.optimizers` with constants. All have PyTorch's formulas. "lbfgs" is SciPy's L-BFGS
        on all samples at once, for networks without noise, `BatchNorm` and `max_norm`.
    alpha : float, default=0.0
        Factor of the L2 term of weights in the loss, divided by the number of samples in a batch.
        AdamW and Lion ignore it: they have a `weight_decay`.
    batch_size
        See `MLPClassifier`.
    learning_rate : {"constant", "adaptive"}, Schedule or callable, default="constant"
        A class of `fusednn.schedules`, or a function that gets the number of an epoch, from 0, and
        returns a factor of `learning_rate_init`. "adaptive" divides the rate of SGD by 5 when
        training no longer improves.
    learning_rate_init, max_iter, shuffle, random_state, tol, verbose
        See `MLPClassifier`.
    warm_start : bool, default=False
        Whether `fit` continues from the present weights, for example those of `initialize` or
        `set_weights`.
    early_stopping, validation_fraction
        See `MLPClassifier`.
    n_iter_no_change : int, np.inf or "cycle", default=10
        Epochs without improvement after which training stops. "cycle", for a `learning_rate` with
        cycles (`CosLog`, `Cyclic`): it stops at the end of a cycle, where the rate is lowest, if
        the best score, or loss, is not better by `tol` than that before the cycle.
    max_fun, dtype, n_jobs, scoring, \
max_time, warm_start_optimizer, clip_norm, clip_value, standardize, ema_decay, accumulate, mixup, \
l1, diagnose, missing_targets, class_weight, loss
        See `MLPClassifier`. `standardize` does not scale the codes of an `Embedding`, and `mixup`
        does not work with `Embedding`.
    augment : list of Augmentation or None, default=None
        Random changes of each training sample, descriptions of `fusednn.augment`: flips, shifts,
        rotations, noise and others. X must be dense and have axes: images (n, H, W, C), (n, H, W)
        or series (n, T, C). Validation samples and predictions are as they are. Not for "lbfgs".

    window : int or None, default=None
        For very long series: the steps that the gradient goes back (truncated backpropagation). A
        fit goes through the series of a batch window by window and carries the states of
        recurrences on, so its memory does not grow with the steps. If each step has a target,
        every window updates the weights, and the last has the steps that are left; if a series has
        one, the last window does, and the first has the steps that are left. For recurrences in
        one direction and layers on single steps, perhaps behind a `TokenEmbedding`; with neither
        `mixup`, `augment`, `accumulate` nor "lbfgs", and for series of unequal lengths without
        `BatchNorm`. None: no limit.
    best_epoch : {"first", "last"}, default="first"
        Which epoch's weights `early_stopping` keeps if several have the best validation score, as
        happens to accuracies of few samples. The later one has had more training, and with
        schedules smaller steps.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the network is trained, and where the estimator predicts; see `MLPClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        Labels; a list with the labels of each column if y had several columns of classes.
    layers_ : tuple of Layer
        The hidden layers, with what the data determined: the `categories` of an `Embedding`.
    loss_, loss_curve_, best_loss_, validation_scores_, validation_loss_curve_, \
best_validation_score_, n_iter_, t_, n_outputs_, feature_means_, feature_factors_, \
gradient_norms_, activation_stats_, n_features_in_, feature_names_in_
        See `MLPClassifier`. X may also have axes, (n, H, W, C), (n, H, W) or (n, T, C);
        `standardize` then scales by channel.
    input_shape_ : tuple of int or None
        The axes of a sample, if X had more than two axes in `fit`: (H, W, C), (H, W) or (T, C).
        `n_features_in_` is their product. None takes the place of T where predictions take series
        of any number of steps.
    output_shape_ : tuple of int
        The axes of a sample's targets, if `layers` end with axes: (T,) of a sequence, (H, W) of an
        image. y then has them in `fit`, and so do predictions and probabilities; `n_outputs_` is
        the number of outputs of each step or pixel.
    diagnosed_layers_, diagnosed_weights_ : list of str
        With `diagnose`: the names of the layers in `activation_stats_` ("layers[0] Dense", ...,
        "output"), and of the layers with weights, in `gradient_norms_`. An activation or dropout
        belongs to the layer before it, and a filter of a convolution counts as a unit.
    out_activation_ : {"softmax", "logistic"}
        Output function.

    See Also
    --------
    NetworkRegressor : The same for real targets.
    MLPClassifier : Has scikit-learn's parameters and attributes.
    fusednn.layers : The layers.
    fusednn.augment : The augmentations.

    Notes
    -----
    `get_weights` and `set_weights` read and write the parameters layer by layer. `initialize`
    builds the network without training.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import Activation, BatchNorm, Dense, Dropout
    >>> X, y = load_iris(return_X_y=True)
    >>> layers = [Dense(32), BatchNorm(), Activation("relu"), Dropout(0.1)]
    >>> model = NetworkClassifier(layers, learning_rate_init=0.01, max_iter=1000, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.95
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
        class_weight: ClassWeight = None,
        loss: ClassifierLoss = "log_loss",
        augment: Sequence[Augmentation] | None = None,
        window: int | None = None,
        best_epoch: Literal["first", "last"] = "first",
        device: Device = "cpu",
    ) -> None:
        self._store(locals())

"""`NetworkClassifier`."""

from __future__ import annotations

from typing import ClassVar

from .classification import ClassificationMixin
from .layered import BaseLayered


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
    batch_size : int or "auto", default="auto"
        Samples of a mini-batch; "auto" is min(200, n_samples).
    learning_rate : {"constant", "adaptive"}, Schedule or callable, default="constant"
        One of `fusednn.schedules`, or a callable that gets the number of a pass, from 0, and
        returns a factor of `learning_rate_init`. "adaptive" divides SGD's rate by 5 when nothing
        improves.
    learning_rate_init : float, default=0.001
        First learning rate.
    max_iter : int, default=200
        Passes over the data, or iterations of L-BFGS, at most.
    shuffle : bool, default=True
        Whether to shuffle the samples before each pass.
    random_state : int, RandomState instance or None, default=None
        Source of initial weights, the validation split, shuffles, dropout and noise.
    tol : float, default=1e-4
        Smallest improvement that counts.
    verbose : bool or int, default=False
        Whether to print each pass's loss and validation score; from 2 on validation loss,
        learning rate and seconds too.
    warm_start : bool, default=False
        Whether `fit` goes on from the present weights, those of `initialize` or `set_weights`
        say.
    early_stopping : bool, default=False
        Whether to hold out a validation set, stop when its score no longer improves, and keep
        the best weights.
    validation_fraction : float, default=0.1
        Share of the samples held out.
    n_iter_no_change : int or np.inf, default=10
        Passes without improvement before training stops.
    max_fun : int, default=15000
        Evaluations of L-BFGS at most.
    dtype : {"auto", "float32", "float64"}, default="auto"
        Element type of the network; "auto" is float32 for X of that type, else float64.
    n_jobs : int or None, default=None
        Threads: a positive number is obeyed, -1 is all CPUs, None is as many as pay off. The
        network does not depend on it by a bit.
    scoring : str, callable or None, default=None
        How a validation set is scored: a name or scorer of scikit-learn's, "loss" for its loss,
        negated, None for accuracy.
    max_time : float or None, default=None
        Seconds after which `fit` ends with the weights it has.
    warm_start_optimizer : bool, default=False
        With `warm_start`: go on with the optimizer's moments, steps, learning rate and constants
        too.
    clip_norm : float or None, default=None
        Largest Euclidean norm of the whole gradient of a step. Not for "lbfgs".
    clip_value : float or None, default=None
        Largest absolute value of its elements, after `clip_norm`. Not for "lbfgs".
    standardize : bool, default=False
        Whether the network begins with a scaling of each feature to mean 0 and deviation 1,
        learned from all of X in the first fit. Not for sparse X.
    ema_decay : float or None, default=None
        Decay, in (0, 1), of an exponential moving average of the weights over the steps, 0.999
        say, without a share of the first weights: the averages are what predicts, is validated
        and is kept. Not for "lbfgs".
    accumulate : int, default=1
        Mini-batches whose gradients are added up for a step; the batch has as many times the
        samples, at the memory of one. Not for "lbfgs".
    mixup : float, default=0.0
        Where positive, each step trains on pairs of samples, mixed in shares from the beta
        distribution with both parameters of this value, 0.2 say (Zhang et al., 2017). The loss
        is that of both targets, in the same shares. Not for "lbfgs", sparse X and Embedding.
    l1 : float, default=0.0
        Factor of the sum of the absolute weights in the loss, divided by the samples of a batch;
        biases are not penalised. Weights become small, few exactly 0. Not for "lbfgs".
    diagnose : bool, default=False
        Whether each pass's gradient and outputs are looked at, layer by layer, on at most 512
        training samples, and a `DiagnosisWarning` says what is wrong: gradients that vanish or
        explode, dead units, saturated outputs. Such a pass takes longer; the network is the same.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Factors of the samples' weights in the loss, by label, as in the rest of scikit-learn.
    loss : {"log_loss", "focal"}, CrossEntropy or Focal, default="log_loss"
        What is minimised, as in `MLPClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of them
        Labels; of several columns a list.
    layers_ : tuple of Layer
        The hidden layers, with what the data decided: numbers of categories.
    loss_ : float
        Mean loss of the last pass.
    loss_curve_ : list of float
        Mean loss of every pass (not for L-BFGS).
    best_loss_ : float or None
        Smallest of them; None with early stopping.
    validation_scores_, validation_loss_curve_ : list of float or None
        Scores, and where the loss is looked at losses, on the validation set after every pass.
    best_validation_score_ : float or None
        Largest of the scores.
    n_iter_ : int
        Passes, or iterations of L-BFGS.
    t_ : int
        Samples seen.
    n_outputs_ : int
        Units of the output layer.
    out_activation_ : {"softmax", "logistic"}
        Output function.
    feature_means_, feature_factors_ : ndarray of shape (n_features_in_,)
        With `standardize`, what is subtracted from each feature, and what multiplies it then.
    gradient_norms_ : ndarray of shape (n_passes, n_weighted_layers)
        With `diagnose`: after every pass, or iteration of L-BFGS, the Euclidean norm of the
        loss's gradient by each layer's weights, without biases and the L2 term, on the first
        (at most 512) samples that are trained on. Later fits that go on append their passes.
    activation_stats_ : ndarray of shape (n_passes, n_diagnosed_layers, 3)
        With `diagnose`: mean and standard deviation of each layer's outputs for these samples,
        of the output layer its logits, and a share: of units that are 0 for all of them after
        "relu" or "hard_swish" (dead), of outputs beyond 0.99 in size after "tanh" or outside
        (0.01, 0.99) after "logistic" (saturated), else 0.
    diagnosed_layers_, diagnosed_weights_ : list of str
        With `diagnose`: the names of the layers in `activation_stats_`, "layers[0] Dense", ...,
        "output", and of those with weights, in `gradient_norms_`. Activation and dropout belong
        to the layer that they follow.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X had string names only.

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
        class_weight=None,
        loss="log_loss",
    ):
        self._store(locals())

"""`MLPClassifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .classification import ClassificationMixin
from .perceptron import BaseMLP

if TYPE_CHECKING:
    from .input.types import (
        Activation,
        BatchSize,
        ClassifierLoss,
        ClassWeight,
        Dropout,
        Dtype,
        HiddenLayerSizes,
        Init,
        MissingTargets,
        Normalization,
        RandomState,
        Rates,
        Scoring,
        Solver,
    )


class MLPClassifier(ClassificationMixin, BaseMLP):
    """Multi-layer perceptron classifier: scikit-learn's, on the compiled engine.

    The parameters, fitted attributes, messages and, for one `random_state`, the network itself
    up to rounding are those of `sklearn.neural_network.MLPClassifier`. Targets of one class per
    sample train a softmax cross-entropy, of two classes or several labels per sample a
    logistic cross-entropy, both computed from logits. Targets of several columns of classes,
    which scikit-learn's refuses, train one network with a softmax for each; most of
    scikit-learn's scorers do not take them.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Units of each hidden layer.
    activation : {"identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", \
            "softplus", "gelu", "gelu_tanh", "silu", "mish", "hard_swish"}, default="relu"
        Activation of the hidden layers. The first four are scikit-learn's. "leaky_relu" has the
        slope 0.01 for negative z = x w + b, "elu" is exp(z) - 1 there, "selu" is ELU with the two
        constants of self-normalising networks, "softplus" is log(1 + exp(z)), "gelu" is z times
        the normal distribution function and "gelu_tanh" its approximation by tanh, "silu" (swish)
        is z / (1 + exp(-z)), "mish" is z tanh(softplus(z)), and "hard_swish" is
        z min(max(z + 3, 0), 6) / 6.
    solver : {"lbfgs", "sgd", "adam"} or more, default="adam"
        "lbfgs" is SciPy's, on all samples at once; the others take mini-batches. Besides these of
        scikit-learn "rmsprop", "adagrad", "amsgrad", "adamw", "nadam" and "lion", or an optimizer
        of `fusednn.optimizers` with constants of its own; all these are PyTorch's.
    alpha : float, default=0.0001
        Factor of the L2 term, divided by the samples of a batch; biases are not penalised. Not
        used by solvers with a `weight_decay` of their own, AdamW and Lion: their weights decay
        apart from the gradient, and the loss has no L2 term.
    batch_size : int or "auto", default="auto"
        Samples of a mini-batch; "auto" is min(200, n_samples).
    learning_rate : {"constant", "invscaling", "adaptive"} or more, default="constant"
        Schedule of SGD's rate, which other solvers ignore; for every solver but "lbfgs" one of
        `fusednn.schedules`, or a callable that gets the number of a pass, from 0, and returns a
        factor of `learning_rate_init`.
    learning_rate_init : float, default=0.001
        First learning rate.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Passes over the data, or iterations of L-BFGS, at most.
    shuffle : bool, default=True
        Whether to shuffle the samples before each pass.
    random_state : int, RandomState instance or None, default=None
        Source of initial weights, the validation split and shuffles.
    tol : float, default=1e-4
        Smallest improvement that counts.
    verbose : bool or int, default=False
        Whether to print each pass's loss and validation score, as scikit-learn does; from 2 on
        validation loss, learning rate and seconds too.
    warm_start : bool, default=False
        Whether `fit` goes on from the present weights.
    momentum : float, default=0.9
        Of "sgd".
    nesterovs_momentum : bool, default=True
        Whether the momentum is Nesterov's.
    early_stopping : bool, default=False
        Whether to hold out a validation set, stop when its accuracy no longer improves, and
        keep the best weights.
    validation_fraction : float, default=0.1
        Share of the samples held out.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of "adam".
    epsilon : float, default=1e-8
        Of "adam", added to the root of the uncorrected second moment.
    n_iter_no_change : int or np.inf, default=10
        Passes without improvement before training stops.
    max_fun : int, default=15000
        Evaluations of L-BFGS at most.
    dtype : {"auto", "float32", "float64"}, default="auto"
        Element type of the network; "auto" is float32 for X of that type, else float64.
        Arithmetic in float32 is twice as fast.
    n_jobs : int or None, default=None
        Threads: a positive number is obeyed, -1 is all CPUs, None is as many as pay off and
        `OMP_NUM_THREADS` or joblib's and Dask's workers allot. The network does not depend on it
        by a bit.
    scoring : str, callable or None, default=None
        How a validation set is scored: a name or scorer of scikit-learn's, "loss" for its loss,
        negated, None for accuracy. Where the scored samples have weights, it must take them.
    max_time : float or None, default=None
        Seconds after which `fit` ends with the weights it has, for L-BFGS the best evaluated:
        within 0.2 s.
    warm_start_optimizer : bool, default=False
        With `warm_start`: go on with the optimizer's moments, steps, learning rate and constants
        too, unless it is another solver's.
    init : str, default="scikit-learn"
        How weights are drawn: as in scikit-learn (Glorot's, biases too), or with biases of zero
        by "glorot_uniform", "glorot_normal" (for tanh), "he_uniform", "he_normal" (for ReLU and
        its kin), "lecun_uniform", "lecun_normal" (for SELU), "orthogonal", "zeros".
    dropout : float or array-like of float, default=0.0
        Share of each hidden layer's outputs, or one for each layer, that a step of training
        leaves out, the others scaled up by 1 / (1 - dropout); in [0, 1). Not for "lbfgs".
    clip_norm : float or None, default=None
        Largest Euclidean norm of the whole gradient of a step, the L2 term included; a longer
        one is scaled down. Not for "lbfgs".
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
    normalization : {"batch", "layer", "rms"} or None, default=None
        What stands between the products of each hidden layer and its activation: normalisation
        of each unit over the batch (running statistics when predicting), of each sample over
        the units, or the latter without a mean (RMSNorm). "batch" is not for "lbfgs".
    max_norm : float or None, default=None
        Largest Euclidean length of the weights that lead to a unit; longer ones are scaled down
        after each step. Not for "lbfgs".
    diagnose : bool, default=False
        Whether each pass's gradient and outputs are looked at, layer by layer, on at most 512
        training samples, and a `DiagnosisWarning` says what is wrong: gradients that vanish or
        explode, dead units, saturated outputs. Such a pass takes longer; the network is the same.
    missing_targets : {"error", "ignore"}, default="error"
        What unknown targets are: NaN, None or NA in y and y_val. "ignore" leaves them out of loss,
        gradient and score. The loss is the mean over the known ones: a sample of which k of C
        columns are known has the sum l of their losses (of "squared_error" divided by C, as
        ever), and counts as k / C samples, so that with weights w it is sum(w l) / sum(w k / C).
        A sample of which none is known is absent, as if its row were not there. An answer is
        right where it agrees with all that is known. In `class_weight` an unknown label has no
        part. No column may have unknown targets alone in `fit`. With `mixup` the known of both
        samples count, in their shares. The only named scorer that `scoring` takes is then "loss".
    class_weight : dict, list of dict, "balanced" or None, default=None
        Factors of the samples' weights in the loss, by label, as in the rest of scikit-learn:
        finite numbers from 0.
    loss : {"log_loss", "focal"}, CrossEntropy or Focal, default="log_loss"
        What is minimised: a name or a description of `fusednn.losses`, such as
        `CrossEntropy(label_smoothing=0.1)`. The labels decide between softmax and logistic; of
        several labels per sample, or columns of classes, it is the sum over them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of them
        Labels; of several columns a list.
    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer; they may be set.
    intercepts_ : list of ndarray of shape (fan_out,)
        Biases of each layer.
    norms_ : list of list of ndarray
        With `normalization`, of each hidden layer: scale, but for "rms" shift, and for "batch"
        the running mean and variance.
    feature_means_, feature_factors_ : ndarray of shape (n_features_in_,)
        With `standardize`, what is subtracted from each feature, and what multiplies it then.
    loss_ : float
        Mean loss of the last pass.
    loss_curve_ : list of float
        Mean loss of every pass (not for L-BFGS).
    best_loss_ : float or None
        Smallest of them; None with early stopping.
    validation_scores_ : list of float or None
        Accuracy on the validation set after every pass.
    best_validation_score_ : float or None
        Largest of them.
    validation_loss_curve_ : list of float or None
        Mean loss on the validation set after every pass, without the L2 term, where the set was
        given to `fit` or `scoring` is "loss".
    n_iter_ : int
        Passes, or iterations of L-BFGS.
    t_ : int
        Samples seen.
    n_layers_, n_outputs_ : int
        Layers with the input, and output units.
    out_activation_ : {"softmax", "logistic"}
        Output function.
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
        With `diagnose`: the names of the layers in `activation_stats_` and `gradient_norms_`:
        "hidden 0", ..., "output".
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X had string names only.

    See Also
    --------
    MLPRegressor : The same for real targets.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010 (initial weights). Kingma and Ba, "Adam: a method for stochastic
    optimization", arXiv:1412.6980.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fusednn import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> MLPClassifier(max_iter=100, random_state=0).fit(X, y).score(X, y) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        **ClassificationMixin._target_constraints,
    }

    def __init__(
        self,
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
        class_weight: ClassWeight = None,
        loss: ClassifierLoss = "log_loss",
    ) -> None:
        self._store(locals())

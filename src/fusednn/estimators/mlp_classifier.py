"""`MLPClassifier`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .classification import ClassificationMixin
from .perceptron import BaseMLP

if TYPE_CHECKING:
    from fusednn.serving.types import Device

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
    """Multi-layer perceptron classifier with scikit-learn's interface, on the compiled engine.

    Replaces `sklearn.neural_network.MLPClassifier`: it has the same parameters, attributes and
    messages, and an integer `random_state` gives the same network up to rounding. Parameters from
    `dtype` on are new.

    The loss is the softmax cross-entropy for one class per sample, and the logistic cross-entropy
    for two classes or several labels per sample, both computed from logits. If y has several
    columns of classes, which scikit-learn's class refuses, the network has a softmax for each
    column. Most of scikit-learn's scorers do not take such targets.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Units of each hidden layer.
    activation : {"identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", \
            "softplus", "gelu", "gelu_tanh", "silu", "mish", "hard_swish"}, default="relu"
        Activation of the hidden layers, a function of z = x w + b. The first four are
        scikit-learn's. "leaky_relu" is z, but 0.01 z below 0. "elu" is z, but exp(z) - 1 below 0.
        "selu" is ELU with the two constants of self-normalising networks. "softplus" is
        log(1 + exp(z)). "gelu" is z times the normal distribution function, and "gelu_tanh" its
        approximation by tanh. "silu" (swish) is z / (1 + exp(-z)). "mish" is z tanh(softplus(z)).
        "hard_swish" is z min(max(z + 3, 0), 6) / 6.
    solver : str or Optimizer, default="adam"
        "lbfgs" is SciPy's L-BFGS on all samples at once. The others train on mini-batches: "sgd"
        and "adam" have scikit-learn's formulas; "rmsprop", "adagrad", "amsgrad", "adamw", "nadam",
        "lion" and the classes of `fusednn.optimizers`, which take constants, have PyTorch's.
    alpha : float, default=0.0001
        Factor of the L2 term of the loss, which is divided by the number of samples in a batch;
        biases are not penalised. AdamW and Lion ignore it: they have a `weight_decay`, which does
        not enter the loss.
    batch_size : int or "auto", default="auto"
        Samples of a mini-batch; "auto" is min(200, n_samples).
    learning_rate : str, Schedule or callable, default="constant"
        Schedule of the learning rate. "constant", "invscaling" and "adaptive" are scikit-learn's,
        and affect only "sgd". All solvers except "lbfgs" take the classes of `fusednn.schedules`,
        or a function that gets the number of an epoch, from 0, and returns a factor of
        `learning_rate_init`.
    learning_rate_init : float, default=0.001
        First learning rate.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Largest number of epochs, or of iterations of L-BFGS.
    shuffle : bool, default=True
        Whether to shuffle the samples before each epoch.
    random_state : int, RandomState instance or None, default=None
        Seed or source of the initial weights, the validation split and the shuffles.
    tol : float, default=1e-4
        Smallest improvement of the loss, or of the validation score, that counts.
    verbose : bool or int, default=False
        Whether to print the loss and the validation score of each epoch, as scikit-learn does.
        From 2 on also the validation loss, the learning rate and the seconds.
    warm_start : bool, default=False
        Whether `fit` continues from the present weights.
    momentum : float, default=0.9
        Momentum of "sgd", in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to hold out a validation set, to stop when its score no longer improves, and to
        keep the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share of the samples that `early_stopping` holds out.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of "adam", in [0, 1).
    epsilon : float, default=1e-8
        Constant of "adam", added to the root of the second moment before its bias correction.
    n_iter_no_change : int or np.inf, default=10
        Epochs without improvement after which training stops.
    max_fun : int, default=15000
        Largest number of evaluations of the loss by L-BFGS.
    dtype : {"auto", "float32", "float64"}, default="auto"
        Type of the network. "auto" is float32 for float32 X, otherwise float64. Arithmetic in
        float32 is twice as fast.
    n_jobs : int or None, default=None
        Threads. A positive number: exactly this many, or fewer if the network is too small. -1:
        all CPUs. None: as many as make it faster, and at most what `OMP_NUM_THREADS`, joblib or
        Dask allot. The network has the same bits for any number.
    scoring : str, callable or None, default=None
        Score of the validation set. None is the accuracy, "loss" the negated loss; otherwise a
        name of a scikit-learn scorer, or a scorer. If the samples have weights, a scorer must take
        `sample_weight`.
    max_time : float or None, default=None
        Seconds after which `fit` stops, within 0.2 s, and keeps the weights it has. L-BFGS keeps
        the best weights that it evaluated.
    warm_start_optimizer : bool, default=False
        With `warm_start`: whether to continue with the optimizer's moments, steps, learning rate
        and constants too. Another solver starts anew.
    init : str, default="scikit-learn"
        Distribution of the initial weights. "scikit-learn" is Glorot's uniform distribution, for
        biases too. With the others biases are 0: "glorot_uniform", "glorot_normal" (for tanh),
        "he_uniform", "he_normal" (for ReLU and similar), "lecun_uniform", "lecun_normal" (for
        SELU), "orthogonal", "zeros".
    dropout : float or array-like of float, default=0.0
        Share of the outputs of each hidden layer, in [0, 1), that a training step sets to 0; one
        number for each layer, or for all. The other outputs are divided by 1 - dropout. Not for
        "lbfgs".
    clip_norm : float or None, default=None
        Largest Euclidean norm of the whole gradient of a step, L2 term included. A longer gradient
        is scaled down. Not for "lbfgs".
    clip_value : float or None, default=None
        Largest absolute value of the gradient's elements, applied after `clip_norm`. Not for
        "lbfgs".
    standardize : bool, default=False
        Whether the network begins with a scaling of each feature to mean 0 and standard deviation
        1, learned from all of X in the first fit. Not for sparse X.
    ema_decay : float or None, default=None
        Decay, in (0, 1), of an exponential moving average of the weights over the steps, for
        example 0.999; the first weights have no share in it. The estimator validates, keeps and
        predicts with the averages. Not for "lbfgs".
    accumulate : int, default=1
        Number of mini-batches whose gradients are added up for one step. The effective batch has
        `accumulate` times the samples, with the memory of one. Not for "lbfgs".
    mixup : float, default=0.0
        If positive, each step trains on mixed pairs of samples. The shares have a beta
        distribution with both parameters equal to `mixup`, for example 0.2; the loss of a pair is
        that of both targets in the same shares (Zhang et al., 2017). Not for "lbfgs", sparse X and
        `Embedding`.
    l1 : float, default=0.0
        Factor of the sum of the absolute weights in the loss, divided by the number of samples in
        a batch; biases are not penalised. Weights become small, but few exactly 0. Not for
        "lbfgs".
    normalization : {"batch", "layer", "rms"} or None, default=None
        Normalization between the product and the activation of each hidden layer: "batch" of each
        unit over the batch (predictions use running statistics), "layer" of each sample over the
        units, "rms" the same without subtracting the mean. "batch" is not for "lbfgs".
    max_norm : float or None, default=None
        Largest Euclidean norm of the weights that lead to a unit. Longer ones are scaled down
        after each step. Not for "lbfgs".
    diagnose : bool, default=False
        Whether to compute, after each epoch, statistics of the gradients and outputs of each layer
        on at most 512 training samples. A `DiagnosisWarning` then reports gradients that vanish or
        explode, dead units, and saturated outputs. Epochs take longer; the network is the same.
    missing_targets : {"error", "ignore"}, default="error"
        How to treat unknown targets (NaN, None or NA in y and y_val). "ignore" leaves them out of
        the loss, the gradient and the score:

        * The loss is the mean over known targets. A sample with k of C known columns has the sum l
          of the losses of the known ones ("squared_error": the sum divided by C), and counts as
          k / C samples. With weights w the loss is sum(w l) / sum(w k / C).
        * A sample without a known target counts as absent.
        * A prediction is right if it agrees with all known labels of the sample.
        * An unknown label does not affect the sample's weight from `class_weight`.
        * `mixup` uses the known targets of both samples, in their shares.
        * `fit` refuses a column without a known target. The only named scorer is "loss".
    class_weight : dict, list of dict, "balanced" or None, default=None
        Factors of the samples' weights in the loss, by label, as in scikit-learn's classifiers:
        finite numbers, at least 0. A list has a dict for each column of y.
    loss : {"log_loss", "focal"}, CrossEntropy or Focal, default="log_loss"
        The loss that training minimises: a name, or a class of `fusednn.losses` with constants,
        such as `CrossEntropy(label_smoothing=0.1)`. For several labels or columns it is the sum.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where the network is trained, and where the estimator predicts: "cuda" is an NVIDIA GPU,
        and needs the packages of `fusednn[cuda]`. The bits are the same. "auto" is the CPU.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of ndarray
        Labels; a list with the labels of each column if y had several columns of classes.
    coefs_ : list of ndarray of shape (fan_in, fan_out)
        Weights of each layer. They may be replaced.
    intercepts_ : list of ndarray of shape (fan_out,)
        Biases of each layer. They may be replaced.
    norms_ : list of list of ndarray
        With `normalization`, for each hidden layer: scale ("rms"); scale and shift ("layer"); or
        scale, shift, running mean and running variance ("batch").
    feature_means_, feature_factors_ : ndarray of shape (n_features_in_,)
        With `standardize`: the network computes (X - feature_means_) * feature_factors_ first.
    loss_ : float
        Mean loss of the last epoch.
    loss_curve_ : list of float
        Mean loss of each epoch. Not for "lbfgs".
    best_loss_ : float or None
        Smallest loss of an epoch; None with early stopping.
    validation_scores_ : list of float or None
        Score of the validation set after each epoch.
    best_validation_score_ : float or None
        Largest validation score.
    validation_loss_curve_ : list of float or None
        Mean loss on the validation set after each epoch, without the L2 term. Only if `fit` got a
        validation set, or `scoring` is "loss".
    n_iter_ : int
        Number of epochs, or of iterations of L-BFGS.
    t_ : int
        Number of samples that training has processed.
    n_layers_, n_outputs_ : int
        Number of layers, the input included; number of output units.
    out_activation_ : {"softmax", "logistic"}
        Output function.
    gradient_norms_ : ndarray of shape (n_epochs, n_weighted_layers)
        With `diagnose`: after each epoch, or iteration of L-BFGS, the Euclidean norm of the loss's
        gradient by the weights of each layer, without biases and L2 term, on the first training
        samples (at most 512). Fits that continue append their epochs.
    activation_stats_ : ndarray of shape (n_epochs, n_diagnosed_layers, 3)
        With `diagnose`: mean and standard deviation of each layer's outputs on these samples (the
        output layer's logits), and a share. After "relu" and "hard_swish" it is the share of dead
        units, which are 0 for all samples. It is the share of saturated outputs after "tanh"
        (absolute value above 0.99) and "logistic" (outside (0.01, 0.99)). Otherwise it is 0.
    diagnosed_layers_, diagnosed_weights_ : list of str
        With `diagnose`: the names of the layers in `activation_stats_` and `gradient_norms_`:
        "hidden 0", ..., "output".
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if all names of X's columns were strings.

    See Also
    --------
    MLPRegressor : The same for real targets.
    NetworkClassifier : Networks of other layers.
    freeze : Prepares a fitted network for calls that take microseconds.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010 (initial weights). Kingma and Ba, "Adam: a method for stochastic
    optimization", arXiv:1412.6980. Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical
    risk minimization", arXiv:1710.09412.

    Examples
    --------
    Only the import differs from scikit-learn:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from fusednn import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = MLPClassifier(max_iter=300, random_state=0).fit(X_train, y_train)
    >>> model.score(X_test, y_test) > 0.95
    True

    Keep the weights of the epoch with the best validation score:

    >>> model = MLPClassifier(early_stopping=True, random_state=0).fit(X_train, y_train)
    >>> model.best_validation_score_ == max(model.validation_scores_)
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
        device: Device = "cpu",
    ) -> None:
        self._store(locals())

"""The values that parameters of the estimators may take, as scikit-learn's constraints."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fusednn.estimators.network.initializers import INITIALIZERS
from fusednn.estimators.network.perceptron_weights import SCIKIT_LEARN
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.optimizers import NAMED, Optimizer
from fusednn.schedules import Schedule
from fusednn.text.tokenizer import Tokenizer
from fusednn.training.cycles import CYCLE

DTYPES = {
    "auto": (np.float64, np.float32),
    "float32": (np.float32,),
    "float64": (np.float64,),
}

_POSITIVE = Interval(Real, 0, None, closed="neither")
_SOLVERS = [StrOptions({"lbfgs", "sgd", "adam", *NAMED}), Optimizer]

SHARED: dict = {
    "solver": _SOLVERS,
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate_init": [_POSITIVE],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dtype": [StrOptions(set(DTYPES))],
    "scoring": [str, callable, None],
    "max_time": [_POSITIVE, None],
    "warm_start_optimizer": ["boolean"],
    "clip_norm": [_POSITIVE, None],
    "clip_value": [_POSITIVE, None],
    "standardize": ["boolean"],
    "ema_decay": [Interval(Real, 0, 1, closed="neither"), None],
    "accumulate": [Interval(Integral, 1, None, closed="left")],
    "l1": [Interval(Real, 0, None, closed="left")],
    "mixup": [Interval(Real, 0, None, closed="left")],
    "diagnose": ["boolean"],
    "missing_targets": [StrOptions({"error", "ignore"})],
    "device": [StrOptions({"cpu", "cuda", "auto"})],
    "n_jobs": [
        None,
        Interval(Integral, None, -1, closed="right"),
        Interval(Integral, 1, None, closed="left"),
    ],
}
"""The parameters of all estimators."""

CONSTRAINTS: dict = {
    **SHARED,
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "learning_rate": [
        StrOptions({"constant", "invscaling", "adaptive"}),
        Schedule,
        callable,
    ],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [_POSITIVE],
    "init": [StrOptions({SCIKIT_LEARN, *INITIALIZERS})],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "normalization": [StrOptions({"batch", "layer", "rms"}), None],
    "max_norm": [_POSITIVE, None],
}
"""The parameters of `MLPClassifier` and `MLPRegressor`."""

PATIENCE = [*SHARED["n_iter_no_change"], StrOptions({CYCLE})]
"""What `n_iter_no_change` of networks of layers may be."""

LAYERED: dict = {
    **SHARED,
    "n_iter_no_change": PATIENCE,
    "layers": ["array-like", None],
    "augment": ["array-like", None],
    "window": [Interval(Integral, 1, None, closed="left"), None],
    "best_epoch": [StrOptions({"first", "last"})],
    "learning_rate": [StrOptions({"constant", "adaptive"}), Schedule, callable],
}
"""The parameters of `NetworkClassifier` and `NetworkRegressor`."""

LANGUAGE: dict = {
    **{
        name: SHARED[name]
        for name in (
            *("alpha", "batch_size", "learning_rate_init", "max_iter", "shuffle", "random_state"),
            *("tol", "verbose", "warm_start", "early_stopping", "validation_fraction"),
            *("dtype", "max_time", "warm_start_optimizer", "clip_norm"),
            *("clip_value", "ema_decay", "accumulate", "diagnose", "device", "n_jobs"),
        )
    },
    "solver": [StrOptions({"sgd", "adam", *NAMED}), Optimizer],
    "learning_rate": LAYERED["learning_rate"],
    "layers": LAYERED["layers"],
    "n_iter_no_change": PATIENCE,
    "context": [Interval(Integral, 1, None, closed="left")],
    "tokenizer": [Tokenizer, None],
    "tied": ["boolean"],
    "steps_per_epoch": [Interval(Integral, 1, None, closed="left"), None],
}
"""The parameters of `LanguageModel`."""

CLASS_WEIGHT = [StrOptions({"balanced"}), dict, list, None]

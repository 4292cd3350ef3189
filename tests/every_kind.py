"""A small model of every kind that files have, fitted: for tests of files."""

import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    losses,
    optimizers,
    schedules,
)
from fusednn.layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    LayerNorm,
    PReLU,
    Residual,
    RMSNorm,
)

SMALL = {"max_iter": 3, "random_state": 0, "n_jobs": 1}
_RANDOM = np.random.RandomState(0)
X = _RANDOM.uniform(-1, 1, (60, 5))
CODES = np.hstack([X, _RANDOM.randint(4, size=(60, 1))])
NUMBERS, LABELS = _RANDOM.uniform(size=60), np.arange(60) % 3
TWO = np.array([3, 7], np.int16)[LABELS % 2]
WORDS = np.array(["a", "bä", "ccc"])
EVERY_LAYER = [
    Dense(6, weight_norm=True),
    BatchNorm(epsilon=1e-3),
    Activation("leaky_relu", slope=0.2),
    GaussianNoise(0.1),
    Residual([Dense(6, "tanh"), LayerNorm(), Residual([RMSNorm(), Dense(6)]), Dropout(0.2)]),
    PReLU(),
    AlphaDropout(0.1),
    Dense(4, "selu", bias=False, max_norm=2.0),
]


def estimators():
    """Unfitted estimators of ours with X and y, by name."""
    classes = {
        "plain": (MLPClassifier((4,), **SMALL), LABELS),
        "float32": (MLPClassifier((4,), dtype="float32", **SMALL), LABELS),
        "binary": (MLPClassifier((4, 3), activation="gelu", solver="lion", **SMALL), TWO),
        "words": (MLPClassifier((4,), solver="lbfgs", **SMALL), WORDS[LABELS]),
        "objects": (MLPClassifier(4, solver="sgd", **SMALL), WORDS.astype(object)[LABELS]),
        "bools": (MLPClassifier([4], class_weight={True: 2.0, False: 1}, **SMALL), LABELS > 1),
        "floats": (MLPClassifier((4,), loss="focal", **SMALL), LABELS.astype("f4")),
        "one class": (MLPClassifier((4,), **SMALL), np.ones(60, int)),
        "labels": (MLPClassifier((4,), **SMALL), np.array([[0, 1, 1], [1, 0, 1]])[LABELS % 2]),
        "columns": (MLPClassifier((4,), **SMALL), WORDS[np.stack([LABELS, LABELS // 2], 1)]),
        "options": (
            MLPClassifier(
                (4, 4),
                early_stopping=True,
                standardize=True,
                normalization="batch",
                ema_decay=0.9,
                diagnose=True,
                class_weight="balanced",
                dropout=np.array([0.1, 0.2]),
                clip_norm=np.float32(3),
                scoring="accuracy",
                loss=losses.CrossEntropy(0.1),
                solver=optimizers.AdamW(weight_decay=0.1),
                learning_rate=schedules.ReduceOnPlateau(patience=1),
                n_iter_no_change=np.inf,
                **SMALL,
            ),
            LABELS,
        ),
    }
    values = {
        "values": (MLPRegressor(hidden_layer_sizes=(4,), normalization="rms", **SMALL), NUMBERS),
        "quantiles": (
            MLPRegressor(
                losses.Quantile((0.1, 0.5)),
                (4,),
                solver="nadam",
                learning_rate=schedules.WarmUp(3, then=schedules.Cosine()),
                **SMALL,
            ),
            NUMBERS,
        ),
        "several quantiles": (
            MLPRegressor(losses.Quantile((0.1, 0.5)), (4,), **SMALL),
            np.stack([NUMBERS, -NUMBERS], 1),
        ),
        "gaussian": (MLPRegressor("gaussian", (), **SMALL), NUMBERS),
        "poisson": (MLPRegressor("poisson", (4,), solver="amsgrad", **SMALL), NUMBERS),
    }
    layered = {
        "every layer": (
            NetworkClassifier(EVERY_LAYER, standardize=True, ema_decay=0.5, **SMALL),
            WORDS[LABELS],
        ),
        "every layer float32": (NetworkRegressor(EVERY_LAYER, dtype="float32", **SMALL), NUMBERS),
        "default": (NetworkClassifier(**SMALL), LABELS),
    }
    found = {name: (made, X, y) for name, (made, y) in (classes | values | layered).items()}
    embedding = NetworkRegressor(
        [Embedding([5], size=2), Dense(4, "mish")], standardize=True, **SMALL
    )
    return found | {"embedding": (embedding, CODES, NUMBERS)}


def others():
    """Pipelines and networks of scikit-learn's, of which only predictors are made."""
    far = X * [1, 1e-3, 1, 1e6, 1] + [0, 1, 1e4, 1e7, 1]
    return {
        "theirs": (TheirClassifier((4,), max_iter=3, random_state=0), X, LABELS),
        "their labels": (
            TheirClassifier((4,), max_iter=3, random_state=0),
            X,
            np.eye(3, dtype=int)[LABELS],
        ),
        "their values": (
            TheirRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0),
            X,
            NUMBERS,
        ),
        "clipped": (
            make_pipeline(MinMaxScaler(clip=True), MLPClassifier((4,), **SMALL)),
            X,
            LABELS,
        ),
        "far float32": (
            make_pipeline(StandardScaler(), MLPRegressor("squared_error", (), **SMALL)),
            far.astype("f4"),
            NUMBERS,
        ),
    }


def fit_quietly(estimator, X, y, **kwargs):
    """A fit of too few passes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, y, **kwargs)

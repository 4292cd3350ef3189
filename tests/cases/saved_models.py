"""A small model of every kind that files have, fitted: for tests of files."""

import warnings

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

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
    GRU,
    LSTM,
    RNN,
    Activation,
    AlphaDropout,
    AvgPool1D,
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAvgPool,
    GlobalMaxPool,
    LayerNorm,
    MaxPool1D,
    MaxPool2D,
    MultiHeadAttention,
    Output,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    PositionalEncoding,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
    Scale,
    TransformerBlock,
    UpSample1D,
    UpSample2D,
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
    Reshape(2, 3, channels="first"),
    Dense(4, "gelu"),
    Flatten(),
    Dense(4, "selu", bias=False, max_norm=2.0),
]
TANGENT = [Dense(6, "selu", init="data", parametrization="ntk"), Dense(5, "tanh")]
SCHEDULED = {
    "layers": [
        *(
            GaussianNoise(0.1, schedules.FlatCosine()),
            Dense(6, "selu", "data", bias_rate_factor=0.1),
        ),
        *(AlphaDropout(0.1, schedules.FlatCosine()), Dense(5, "relu", parametrization="ntk")),
        *(Dropout(0.2, schedule=schedules.FlatCosine(0.3)), Output(bias_rate_factor=0.1)),
    ],
    "solver": optimizers.AdamW(weight_decay=0.1, decay_schedule=schedules.FlatCosine()),
    "learning_rate": schedules.CosLog(),
    "early_stopping": True,
    "best_epoch": "last",
    "n_iter_no_change": "cycle",
    **SMALL,
}
"""The parameters of a classifier with schedules of noise and decay, and rates of biases."""

TABULAR = [
    *(PiecewiseLinear(3, 2, [4]), PiecewiseLinear(columns=[1], edges=[[-0.5, 0.0, 0.5]])),
    *(Periodic(5, 3, columns=[2, 0]), Periodic(3, 2, 0.3, [1], kind="plr")),
    *(Scale(rate_factor=6.0), Dense(6), ParametricActivation("selu", rate_factor=0.1)),
    *(Dense(6, "tanh"), Scale(decay_factor=0.0), LayerNorm()),
    ParametricActivation("leaky_relu", 0.7, slope=0.2),
]
WINDOWS = [
    Reshape(5, 1, 1),
    Conv2D(6, (3, 1), "relu", stride=(2, 1), padding=((1, 2), 0)),
    BatchNorm(),
    AvgPool2D((2, 1), 1, padding=(1, 0)),
    ConvTranspose2D(6, (2, 1), padding=((1, 0), 0), groups=2),
    BatchNorm(),
    UpSample2D((1, 2)),
    MaxPool2D((1, 2)),
    Reshape(4, 6),
    Residual(
        [Conv1D(8, 3, padding="causal", dilation=2), BatchNorm(), Activation("tanh")],
        shortcut=[Conv1D(8, 1), BatchNorm()],
    ),
    MaxPool1D(3, 2, padding=1, ceil_mode=True),
    Conv1D(5, 2, "gelu", bias=False, max_norm=2.0),
    ConvTranspose1D(5, 3, stride=2, padding="same", groups=5),
    UpSample1D(2),
    Dropout(0.2, per="channel"),
    AvgPool1D(2),
    Residual([GlobalMaxPool()], shortcut=[GlobalAvgPool()]),
]
RECURRENCES = [
    Reshape(5, 1),
    GRU(4, return_sequences=True, bidirectional=True),
    BatchNorm(),
    Residual([LSTM(6, return_sequences=True)], shortcut=[RNN(6, "relu", return_sequences=True)]),
    Dropout(0.2),
    RNN(3, bidirectional=True),
]
ATTENTIVE = [
    Reshape(5, 1),
    Dense(6),
    PositionalEncoding(),
    BatchNorm(),
    PositionalEncoding("rotary"),
    Residual([MultiHeadAttention(3, True, 0.1, kv_heads=1, bias=False), Dropout(0.1)]),
    PositionalEncoding("sinusoidal"),
    TransformerBlock(1, 5, "swiglu", dropout=0.1, norm="rms"),
    TransformerBlock(3, activation="relu", norm_first=False),
    Flatten(),
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
        "windows": (NetworkClassifier(WINDOWS, standardize=True, **SMALL), WORDS[LABELS]),
        "recurrences": (NetworkClassifier(RECURRENCES, standardize=True, **SMALL), LABELS),
        "tabular": (NetworkClassifier(TABULAR, **SMALL), LABELS),
        "tangent": (NetworkClassifier(TANGENT, solver="adam", **SMALL), LABELS),
        "attention": (NetworkClassifier(ATTENTIVE, standardize=True, **SMALL), LABELS),
        "scheduled": (NetworkClassifier(**SCHEDULED), LABELS),
        "default": (NetworkClassifier(**SMALL), LABELS),
    }
    found = {name: (made, X, y) for name, (made, y) in (classes | values | layered).items()}
    embedding = NetworkRegressor(
        [Embedding([5], size=2), Dense(4, "mish")], standardize=True, **SMALL
    )
    return found | {"embedding": (embedding, CODES, NUMBERS)}


def others():
    """Networks of scikit-learn's, and what holds a network, of which only predictors are made."""
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
        **_choices(),
        **_back(),
        "search": (
            GridSearchCV(
                make_pipeline(RobustScaler(), MLPClassifier((4,), **SMALL)),
                {"mlpclassifier__alpha": [0.1, 1.0]},
                scoring=["accuracy", "neg_log_loss"],
                refit="neg_log_loss",
                cv=2,
            ),
            X,
            WORDS[LABELS],
        ),
    }


def _choices():
    """Behind choices of columns."""
    embedding = NetworkRegressor([Embedding([2], size=3), Dense(4, "mish")], **SMALL)
    two = [("scale", StandardScaler(), [4, 1]), ("keep", "passthrough", [5])]
    turned = ColumnTransformer([("scale", StandardScaler(), [3, 1])], remainder="passthrough")
    again = [("one", RobustScaler(), [0, 1]), ("two", MinMaxScaler(clip=True), [1])]
    again = ColumnTransformer(again, transformer_weights={"one": 2.5})
    return {
        "codes apart": (make_pipeline(ColumnTransformer(two), embedding), CODES, NUMBERS),
        "turned": (make_pipeline(turned, MLPClassifier((4,), **SMALL)), X, TWO),
        "twice": (
            make_pipeline(
                "passthrough",
                make_pipeline(again, None, MaxAbsScaler()),
                make_pipeline(TheirRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0)),
            ),
            X.astype("f4"),
            NUMBERS,
        ),
    }


def _back():
    """Whose targets are transformed."""
    few, two = {"hidden_layer_sizes": (4,), **SMALL}, np.stack([NUMBERS, 300 - 5 * NUMBERS], 1)
    by_log = FunctionTransformer(np.log1p, np.expm1)
    quantiles = MLPRegressor(losses.Quantile((0.1, 0.5)), **few)

    def back(regressor, y, transformer=None, x=X, **functions):
        made = TransformedTargetRegressor(regressor, transformer=transformer, **functions)
        return made, x, y

    return {
        "scaled back": back(MLPRegressor(**few), two, StandardScaler()),
        "scaled back from far": back(
            MLPRegressor(**few), two + np.array([0, 1e4]), StandardScaler(), X.astype("f4")
        ),
        "a column back": back(MLPRegressor(**few), NUMBERS[:, np.newaxis], MinMaxScaler()),
        "exponentials back": back(MLPRegressor("poisson", **few), NUMBERS, MaxAbsScaler()),
        "gaussian back": back(MLPRegressor("gaussian", **few), two, RobustScaler()),
        "gaussian column back": back(
            MLPRegressor("gaussian", **few), 9 * NUMBERS[:, np.newaxis], StandardScaler()
        ),
        "quantiles back": back(quantiles, NUMBERS, StandardScaler()),
        "expm1": back(
            make_pipeline(StandardScaler(), TheirRegressor(max_iter=3, random_state=0)),
            two,
            make_pipeline(by_log, StandardScaler()),
        ),
        "exp": back(quantiles, NUMBERS, func=np.log, inverse_func=np.exp, x=X.astype("f4")),
        "square": back(MLPRegressor("gaussian", **few), two, func=np.sqrt, inverse_func=np.square),
    }


def fit_quietly(estimator, X, y, **kwargs):
    """A fit of too few passes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, y, **kwargs)

"""Every layer, activation, loss and optimizer, and a small network for each.

This is the one list: tests that go through all of them read it. A public part that is not on it
fails `test_every_part.py`, and all that is on it is tested there, in `peers/`, and wherever a test
is parametrised over `LAYERS`, `ACTIVATIONS`, `LOSSES` or `OPTIMIZERS`.

Data have six columns, of which two or all may be codes.
"""

from typing import NamedTuple

import numpy as np
from cases.attention_layers import ATTENTION_LAYERS
from cases.recurrent_layers import RECURRENT_LAYERS
from cases.token_layers import TOKEN_LAYERS
from cases.window_layers import WINDOW_LAYERS

from fusednn import NetworkClassifier, NetworkRegressor, layers, losses, optimizers
from fusednn.layers import (
    GRU,
    Activation,
    AlphaDropout,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    LayerNorm,
    Output,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
    Scale,
    TokenEmbedding,
)
from fusednn.losses import (
    AbsoluteError,
    ClassificationLoss,
    CrossEntropy,
    Focal,
    Gamma,
    Gaussian,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
    SquaredError,
)
from fusednn.optimizers import SGD, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop
from fusednn.schedules import FlatCosine

LAYERS = {
    "Dense": [Dense(7, "tanh"), Dense(5, "selu", bias=False, max_norm=2.0)],
    "Dense, weight norm": [Dense(6, "gelu", weight_norm=True)],
    "Activation": [Dense(7), Activation("leaky_relu", slope=0.2)],
    "PReLU": [PReLU(), Dense(5), PReLU(0.1)],
    "ParametricActivation": [
        *(Dense(7), ParametricActivation("selu"), Dense(5), ParametricActivation("mish", 0.7)),
        ParametricActivation("leaky_relu", 0.3, slope=0.2, rate_factor=0.1, decay_factor=0.5),
    ],
    "Periodic": [
        Periodic(5, 3, columns=[4, 1, 2]),
        Dense(7, "tanh"),
        Periodic(3, 2, 0.3, decay_factor=0.5),
    ],
    "Periodic, PLR": [Periodic(5, 3, 0.5, kind="plr", columns=[0, 5], rate_factor=0.1), Dense(6)],
    "PiecewiseLinear": [
        *(PiecewiseLinear(4, columns=[4, 0, 1]), Dense(3, "tanh")),
        PiecewiseLinear(size=2, columns=[1, 2], edges=[[-0.5, 0.25], [-1, -0.2, 0.3, 0.9]]),
    ],
    "PiecewiseLinear of a size": [
        PiecewiseLinear(3, 5, rate_factor=0.5, decay_factor=0.3),
        Scale(),
        Dense(4, "tanh"),
    ],
    "Scale": [Scale(6.0), Dense(7, "tanh"), Scale(decay_factor=0.3)],
    "Output": [Dense(7, "tanh"), Output("zeros", rate_factor=0.5, bias_rate_factor=2.0)],
    "Dropout": [Dense(9, "relu"), Dropout(0.3)],
    "Dropout with a schedule": [Dense(9, "relu"), Dropout(0.3, schedule=FlatCosine())],
    "AlphaDropout": [Dense(9, "selu"), AlphaDropout(0.1)],
    "GaussianNoise": [GaussianNoise(0.1), Dense(5, "tanh")],
    "BatchNorm": [Dense(7), BatchNorm(epsilon=1e-3), Activation("silu")],
    "LayerNorm": [Dense(7, "tanh"), LayerNorm()],
    "RMSNorm": [Dense(7, "tanh"), RMSNorm()],
    "Residual": [Dense(6), Residual([LayerNorm(), Dense(4, "relu"), Dense(6)])],
    "Reshape and Flatten": [
        *(Reshape(3, 2), Dense(4, "tanh"), LayerNorm(), Residual([Dense(4)]), Flatten()),
        Dense(5, "relu"),
    ],
    "Reshape, channels first": [
        *(Reshape(2, 1, 3, channels="first"), Dense(4), BatchNorm(), Activation("relu")),
        *(PReLU(), Dropout(0.1), Flatten()),
    ],
    **WINDOW_LAYERS,
    **RECURRENT_LAYERS,
    **TOKEN_LAYERS,
    **ATTENTION_LAYERS,
    "Embedding": [Embedding([1, 3], categories=[4, 4], size=3), Dense(5, "tanh")],
}
ACTIVATIONS = [
    "identity",
    "relu",
    "tanh",
    "logistic",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
    "gelu",
    "gelu_tanh",
    "silu",
    "mish",
    "hard_swish",
]
LOSSES = {
    "cross-entropy": CrossEntropy(),
    "label smoothing": CrossEntropy(0.2),
    "focal": Focal(),
    "focal 0.5": Focal(0.5),
    "squared error": SquaredError(),
    "absolute error": AbsoluteError(),
    "Huber": Huber(),
    "Huber 0.3": Huber(0.3),
    "log-cosh": LogCosh(),
    "Poisson": Poisson(),
    "gamma": Gamma(),
    "median": Quantile(),
    "quantiles": Quantile((0.1, 0.5, 0.9)),
    "Gaussian": Gaussian(),
    "Gaussian, least variance": Gaussian(eps=1e-3),
}
OPTIMIZERS = {
    "sgd": SGD(),
    "momentum": SGD(0.9),
    "nesterov": SGD(0.9, nesterov=True),
    "rmsprop": RMSprop(),
    "rmsprop 0.9": RMSprop(alpha=0.9),
    "adagrad": Adagrad(),
    "adam": Adam(),
    "amsgrad": Adam(amsgrad=True),
    "adamw": AdamW(),
    "adamw, more decay": AdamW(weight_decay=0.5),
    "nadam": NAdam(),
    "nadam 0.8": NAdam(beta_1=0.8, momentum_decay=0.1),
    "nadam 0.7": NAdam(beta_1=0.7, momentum_decay=0.1),
    "lion": Lion(),
    "lion, more decay": Lion(weight_decay=0.3),
}

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(60, 6))
CODES = X.copy()
CODES[:, [1, 3]] = RANDOM.randint(4, size=(60, 2))
TOKENS = RANDOM.randint(1, 5, size=(60, 6)).astype(float)
LABELS, VALUES = np.arange(60) % 3, RANDOM.normal(size=60)


class Part(NamedTuple):
    """A layer, activation, loss or optimizer in a small network; `axes` are those of its end."""

    layers: list
    loss: losses.CrossEntropy | losses.SquaredError | None = None
    optimizer: optimizers.Optimizer | str = "adam"
    axes: tuple = ()

    @property
    def model(self):
        """The class of the estimator."""
        values = self.loss is not None and not isinstance(self.loss, ClassificationLoss)
        return NetworkRegressor if values else NetworkClassifier

    @property
    def X(self):
        """Data that the layers can read."""
        return data_for(self.layers)

    @property
    def y(self):
        """Targets that the loss takes; positive values are in the domain of all of them."""
        y = LABELS if self.model is NetworkClassifier else np.exp(VALUES / 2)
        if not self.axes:
            return y
        rows = np.arange(len(y))[:, np.newaxis] + np.arange(np.prod(self.axes))
        return y[rows % len(y)].reshape(len(y), *self.axes)

    def new(self, **options):
        """An estimator that is not fitted."""
        loss = {} if self.loss is None else {"loss": self.loss}
        defaults = {"max_iter": 3, "random_state": 0, "batch_size": 16}
        return self.model(self.layers, solver=self.optimizer, **{**loss, **defaults, **options})


def every_part():
    """All parts by their names."""
    small = [Dense(5, "tanh"), LayerNorm()]
    return {
        **{f"layer {name}": Part(specs) for name, specs in LAYERS.items()},
        **{
            f"activation {name}": Part([Dense(7, name), Dense(5), Activation(name)])
            for name in ACTIVATIONS
        },
        **{f"loss {name}": Part(small, loss=loss) for name, loss in LOSSES.items()},
        **{f"optimizer {name}": Part(small, optimizer=one) for name, one in OPTIMIZERS.items()},
        "end of steps": Part([Reshape(3, 2), GRU(4, return_sequences=True)], axes=(3,)),
        "end of an image": Part(
            [Reshape(2, 3, 1), Conv2D(5, 3, "tanh")], loss=Huber(0.5), axes=(2, 3)
        ),
    }


PARTS = every_part()


def data_for(specs):
    """The columns that a list of layers can read."""
    if isinstance(specs[0], TokenEmbedding):
        return TOKENS
    return CODES if isinstance(specs[0], Embedding) else X


def code_columns(specs):
    """The columns that hold codes."""
    if isinstance(specs[0], TokenEmbedding):
        return range(6)
    return specs[0].columns if isinstance(specs[0], Embedding) else ()


def kinds(specs):
    """The classes of a list of layers, and of those inside them."""
    found = set()
    for spec in specs:
        found |= {type(spec)} | kinds(getattr(spec, "layers", ()))
        found |= kinds(getattr(spec, "shortcut", None) or ())
    return found


def public(module, *bases):
    """The classes that a module of descriptions offers, without their bases."""
    found = (getattr(module, name) for name in module.__all__)
    return [one for one in found if isinstance(one, type) and one not in bases]


KNOWN = {
    "layer": public(layers, layers.Layer),
    "loss": public(losses),
    "optimizer": public(optimizers, optimizers.Optimizer),
}
"""All that is public, by kind; activations are names in the kernels' table."""

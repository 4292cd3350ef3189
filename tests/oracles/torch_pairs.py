"""Networks given as layers, each with its twin in PyTorch."""

import warnings

import numpy as np
import pytest
import torch
from oracles.torch_layers import described, read, sequence_of, write
from running.nested_weights import leaves
from torch import nn
from torch.nn import functional as F

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNorm,
    Conv1D,
    ConvTranspose1D,
    Dense,
    Embedding,
    Flatten,
    LayerNorm,
    MultiHeadAttention,
    Output,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
    Scale,
)

torch.set_num_threads(1)

SAMPLES, COLUMNS, BATCH, PASSES, RATE = 31, 7, 12, 17, 0.01
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
CODES = (1, 4)
TABLES = Embedding(CODES, (5, 3), 2)
NORMED = Dense(6, "tanh", weight_norm=True)

NETWORKS = {  # layers and the kind of the targets
    "no layers": ([], "classes"),
    "no layers, one output": ([], "binary"),
    "dense": ([Dense(12, "relu"), Dense(5, "tanh")], "classes"),
    "dense, few units": ([Dense(1, "tanh"), Dense(3, "gelu")], "binary"),
    "dense, many units": ([Dense(130, "relu"), Dense(67, "silu")], "classes"),
    "no biases": ([Dense(9, "tanh", bias=False), Dense(5, "elu", bias=False)], "classes"),
    "activations": (
        [Dense(9), Activation("mish"), Dense(8), Activation("sigmoid"), Activation("selu")],
        "binary",
    ),
    "activation first": ([Activation("tanh"), Dense(5, "relu")], "three"),
    "leaky": ([Dense(9), Activation("leaky_relu", 0.3), Dense(4, "leaky_relu")], "classes"),
    "prelu": ([Dense(9), PReLU(), Dense(5), PReLU(0.1)], "classes"),
    "prelu first": ([PReLU(), Dense(5, "tanh"), PReLU()], "one"),
    "parametric": (
        [Dense(9), ParametricActivation("mish"), Dense(17), ParametricActivation("selu", 0.5)],
        "classes",
    ),
    "parametric first": (
        [ParametricActivation("gelu", rate_factor=0.1), Dense(5), Reshape(5, 1),
         ParametricActivation("leaky_relu", 0.3, 0.2, decay_factor=2.0), Flatten()],
        "three",
    ),
    "periodic": ([Periodic(5, sigma=0.5), Scale(), Dense(9, "tanh")], "classes"),
    "periodic, not first": (
        [TABLES, Periodic(17, 3, 0.5, (2, 0), rate_factor=0.1), Dense(6), Reshape(2, 3),
         Periodic(4, 2, 0.5, decay_factor=0.3), Flatten()],
        "three",
    ),
    "plr": (
        [Periodic(5, 6, 0.5, (1, 5), kind="plr", decay_factor=2.0), Dense(9, "tanh"),
         Periodic(3, 1, 0.5, kind="plr")],
        "binary",
    ),
    # no quantile is one of the 31 numbers: there both sides have a gradient in PyTorch
    "bins": (
        [PiecewiseLinear(7, columns=(3, 0, 6)), Dense(9, "tanh"),
         PiecewiseLinear(columns=[0, 4], edges=[[-0.5, 0.1, 0.6], [-0.3, 0.3]])],
        "classes",
    ),
    "embedded bins": (
        [PiecewiseLinear(7, 17), Scale(), Dense(6, "tanh"), Reshape(2, 3),
         PiecewiseLinear(size=4, columns=[1], edges=[[-0.8, -0.3, 0.5]], rate_factor=0.1),
         Flatten()],
        "three",
    ),
    "bins behind codes": (
        [TABLES, PiecewiseLinear(11, 2, (0, 3), decay_factor=2.0), Dense(5, "tanh")], "one"
    ),
    "scale": (
        [Scale(), Dense(9, "tanh"), Scale(2.0, 0.5), Residual([Scale(decay_factor=0.0)])],
        "classes",
    ),
    "scale of rows": ([Reshape(7, 1), Dense(5), Scale(), LayerNorm(), Flatten(), Scale()], "one"),
    "batch norm before": ([Dense(9), BatchNorm(), Activation("relu"), Dense(4)], "classes"),
    "batch norm behind": ([Dense(9, "relu"), BatchNorm(0.3, 1e-3), Dense(4, "tanh")], "binary"),
    "batch norm first": ([BatchNorm(), Dense(9, "tanh"), BatchNorm()], "three"),
    "layer norm before": ([Dense(9), LayerNorm(), Activation("gelu"), Dense(17)], "classes"),
    "layer norm behind": ([Dense(9, "elu"), LayerNorm(1e-3), Dense(4, "relu")], "one"),
    "layer norm first": ([LayerNorm(), Dense(9, "tanh"), LayerNorm()], "binary"),
    "rms norm before": ([Dense(9), RMSNorm(), Activation("silu"), Dense(4)], "classes"),
    "rms norm behind": ([Dense(9, "relu"), RMSNorm(1e-3), PReLU()], "three"),
    "rms norm first": ([RMSNorm(), Dense(9, "tanh"), RMSNorm()], "binary"),
    "norms in a row": ([Dense(9), LayerNorm(), BatchNorm(), RMSNorm(), Dense(4)], "classes"),
    "residual": ([Dense(9, "tanh"), Residual([Dense(5, "relu"), Dense(9)])], "classes"),
    "residual of one": ([Dense(9, "relu"), Residual([Dense(9, "relu")]), Dense(4)], "binary"),
    "residual with norm": (
        [Dense(9), Residual([BatchNorm(), Activation("relu"), Dense(9)]), Activation("relu")],
        "classes",
    ),
    "residual with layer norm": (
        [Dense(9, "gelu"), Residual([LayerNorm(), Dense(9, "gelu"), LayerNorm()])],
        "three",
    ),
    "residual of residual": (
        [
            Dense(9, "tanh"),
            Residual([RMSNorm(), Residual([Dense(3, "relu"), Dense(9)]), Activation("elu")]),
            Residual([Residual([PReLU()])]),
        ],
        "classes",
    ),
    "residual first": ([Residual([Dense(5, "tanh"), Dense(COLUMNS, "relu")]), Dense(4)], "one"),
    "residual of norm first": ([Residual([BatchNorm(), Dense(COLUMNS, "relu")])], "classes"),
    "residual of activations": (
        [Dense(9), Residual([Activation("tanh")]), Residual([Activation("relu"), PReLU()])],
        "binary",
    ),
    "embedding": ([TABLES, Dense(9, "relu")], "classes"),
    "embedding alone": ([Embedding(tuple(range(COLUMNS)), size=3)], "binary"),
    "embedding with norm": (
        [TABLES, BatchNorm(), Residual([LayerNorm(), Dense(9, "tanh")]), PReLU()], "three"
    ),
    "rows": (
        [Reshape(7, 1), Dense(5, "tanh"), LayerNorm(), Dense(3, "relu"), Flatten()], "classes"
    ),
    "rows with norms": (
        [Dense(12), Reshape(4, 3), BatchNorm(), Activation("gelu"), PReLU(),
         Residual([Dense(5, "relu"), BatchNorm(), Dense(3)]), Flatten(), Dense(4)],
        "three",
    ),
    "channels first": (
        [Dense(24, "tanh"), Reshape(3, 2, 4, channels="first"), Dense(17, "relu"), RMSNorm(),
         PReLU(), Dense(1, "silu", weight_norm=True), Flatten()],
        "binary",
    ),
    "rows and one row": (
        [Flatten(), Dense(6), Reshape(2, 3),
         Residual([Flatten(), Dense(6, "tanh"), Reshape(2, 3)]), Activation("elu"),
         Reshape(2, 1, 3, channels="first"), BatchNorm(), Dense(1), Flatten()],
        "one",
    ),
    "vectors in rows": ([TABLES, Reshape(3, 3), Dense(4, "relu"), Flatten()], "classes"),
    "weight norm": ([NORMED, Dense(9, "relu", weight_norm=True)], "classes"),
    "weight norm, one unit": (
        [NORMED, Dense(1, weight_norm=True), Dense(4, weight_norm=True, bias=False)], "binary"
    ),
    "weight norm, first and many": ([Dense(67, weight_norm=True), LayerNorm()], "one"),
    "weight norm of the output": ([NORMED, Dense(3, "softmax", weight_norm=True)], "few"),
    "weight norm of the output, four": ([NORMED, Dense(4, "softmax", weight_norm=True)], "four"),
    "weight norm of the output, many": (
        [NORMED, Dense(10, "softmax", weight_norm=True)], "classes"
    ),
    "LSTM": ([Reshape(7, 1), LSTM(9)], "classes"),
    "GRU": (
        [Dense(12, "tanh"), Reshape(4, 3), GRU(6, rate_factor=0.5, decay_factor=3.0,
         bias_rate_factor=0.2), Dense(4)],
        "one",
    ),
    "recurrences": (
        [Reshape(7, 1), LSTM(5, return_sequences=True, bidirectional=True, decay_factor=0.5),
         LayerNorm(), Residual([RNN(10, "relu", return_sequences=True)]),
         GRU(4, bidirectional=True, return_sequences=True), RNN(6)],
        "three",
    ),
    "all": (
        [
            Embedding(CODES, (5, 3), 2, rate_factor=2.0, decay_factor=0.5),
            Dense(17, rate_factor=0.5, decay_factor=3.0),
            BatchNorm(rate_factor=0.7),
            Activation("relu"),
            Residual([RMSNorm(rate_factor=3.0), Dense(5, weight_norm=True, rate_factor=1.5),
                      PReLU(rate_factor=0.1), Dense(17, bias=False, decay_factor=0.0)]),
            LayerNorm(rate_factor=0.0),
            Scale(rate_factor=6.0, decay_factor=2.0),
        ],
        "classes",
    ),
    "rates of biases": (
        [Dense(9, "tanh", rate_factor=0.5, bias_rate_factor=0.1),
         Dense(6, "relu", bias_rate_factor=3.0, weight_norm=True), Reshape(3, 2),
         MultiHeadAttention(1, bias_rate_factor=2.0), Conv1D(4, 2, bias_rate_factor=0.0),
         ConvTranspose1D(3, 2, bias_rate_factor=0.5), LSTM(4, bias_rate_factor=0.3)],
        "three",
    ),
    "output layer": ([Dense(9, "tanh"), Output(rate_factor=0.1, decay_factor=2.0)], "binary"),
    "output layer of values": (
        [Dense(9, "tanh"), Output("zeros", rate_factor=3.0, bias_rate_factor=0.2)], "one"
    ),
    "output layer of classes": ([Output(bias=False, weight_norm=True, rate_factor=2.0)], "few"),
}  # fmt: skip
CLASSES = {"binary": 2, "few": 3, "four": 4, "classes": 10}


def data(layers, kind, dtype, samples=SAMPLES):
    """X, with codes where they are looked up, and targets."""
    random = np.random.RandomState(3)
    X = random.normal(size=(samples, COLUMNS))
    if layers and isinstance(layers[0], Embedding):
        for number, column in enumerate(layers[0].columns):
            count = layers[0].categories[number] if layers[0].categories else 3 + number
            X[:, column] = random.randint(count, size=samples)
    if kind in CLASSES:
        return X.astype(dtype), np.arange(samples) % CLASSES[kind]
    return X.astype(dtype), random.normal(size=(samples, 3) if kind == "three" else samples)


def shifted(weights, random):
    """Other weights of the same form; those that are positive stay so."""
    if isinstance(weights, list):
        return [shifted(part, random) for part in weights]
    factors = random.uniform(0.5, 1.2, weights.shape)
    return weights * factors + random.uniform(-0.1, 0.1, weights.shape)


class Pair:
    """An estimator of no steps yet and the same network in PyTorch, always in float64."""

    def __init__(self, layers, kind, dtype, samples=SAMPLES, **options):
        self.X, self.y = data(layers, kind, dtype, samples)
        make = NetworkClassifier if kind in CLASSES else NetworkRegressor
        options = {"learning_rate_init": RATE, "random_state": 0, **options}
        self.ours = make(
            layers, shuffle=False, warm_start=True, tol=1e-300, n_iter_no_change=np.inf, **options
        ).initialize(self.X, self.y)
        self.ours.set_weights(shifted(self.ours.get_weights(), np.random.RandomState(4)))
        self.specs = described(self.ours)
        with torch.random.fork_rng():
            self.theirs = sequence_of(self.specs, COLUMNS).double()
        write(self.specs, self.theirs, self.ours.get_weights())
        self.t = self.y if kind in CLASSES else self.y.astype(dtype).reshape(samples, -1)

    def inputs(self, rows=slice(None)):
        """X, whose gradient is kept."""
        return torch.from_numpy(self.X[rows]).double().requires_grad_()

    def objective(self, rows=slice(None), X=None):
        """The mean loss of some rows, a batch in training."""
        z = self.theirs(self.inputs(rows) if X is None else X)
        t = torch.from_numpy(self.t[rows])
        if isinstance(self.ours, NetworkRegressor):
            return ((z - t) ** 2).sum() / 2 / len(z)
        if z.shape[1] == 1:
            return F.binary_cross_entropy_with_logits(z[:, 0], t.double())
        return F.cross_entropy(z, t)

    def fit(self, passes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.ours.set_params(max_iter=passes).fit(self.X, self.y)

    def train(self, make, passes, *, alpha=0.0, accumulate=1, before=None, after=None, **options):
        """The same steps in PyTorch; `before` and `after` each are called with the pair."""
        groups = [
            {
                "params": [parameter],
                "lr": RATE * parameter.factors[0],
                "weight_decay": options.get("weight_decay", 0.0) * parameter.factors[1],
            }
            for parameter in self.theirs.parameters()
        ]
        judge = make(groups, lr=RATE, **options)
        joined = any(isinstance(module, nn.BatchNorm1d) for module in self.theirs.modules())
        self.theirs.train()
        losses = []
        for lo, hi in edges(0, len(self.X), BATCH, joined) * passes:
            if alpha:
                for group in judge.param_groups:
                    group["weight_decay"] = alpha / (hi - lo) * group["params"][0].factors[1]
            judge.zero_grad()
            blocks = edges(lo, hi, BATCH // accumulate, joined)
            parts = [
                self.objective(slice(*rows)) * ((rows[1] - rows[0]) / (hi - lo)) for rows in blocks
            ]
            sum(parts).backward()
            losses.append(sum(parts).item())
            if before is not None:
                before(self)
            judge.step()
            if after is not None:
                after(self)
        return losses

    def check(self, tolerance, theirs=None):
        """The weights of both, and running statistics."""
        found = leaves(self.ours.get_weights())
        expected = leaves(read(self.specs, theirs or self.theirs))
        compare(found, [tensor.numpy() for tensor in expected], tolerance)


def edges(start, stop, step, joined):
    """Ends of batches; with `joined` a last row by itself belongs to the one before."""
    starts = list(range(start, stop, step))
    if joined and len(starts) > 1 and stop - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], stop], strict=True))


def compare(found, expected, tolerance):
    """Arrays, to a share of the largest of each; of all where one is what terms cancel to."""
    largest = max(abs(other).max() for other in expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        scale = abs(other).max()
        scale = scale if scale > 1e-4 * largest else largest
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)

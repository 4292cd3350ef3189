"""Networks given as layers against PyTorch: outputs, gradients and fifty steps of training."""

import warnings
from itertools import cycle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from sklearn.exceptions import ConvergenceWarning
from torch import nn
from torch.nn import functional as F
from torch.optim import swa_utils
from torch_layers import gradient_of, leaves, linears, read, sequence_of, write

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    LayerNorm,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
)
from fusednn.optimizers import SGD, Adam, AdamW

pytestmark = pytest.mark.peers
torch.set_num_threads(1)

SAMPLES, COLUMNS, BATCH, PASSES, RATE = 31, 7, 12, 17, 0.01
TRAINED = {"float64": 1e-9, "float32": 1e-4}
"""Of a tensor's largest, after training."""
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
    "all": (
        [
            Embedding(CODES, (5, 3), 2, rate_factor=2.0, decay_factor=0.5),
            Dense(17, rate_factor=0.5, decay_factor=3.0),
            BatchNorm(rate_factor=0.7),
            Activation("relu"),
            Residual([RMSNorm(rate_factor=3.0), Dense(5, weight_norm=True, rate_factor=1.5),
                      PReLU(rate_factor=0.1), Dense(17, bias=False, decay_factor=0.0)]),
            LayerNorm(rate_factor=0.0),
        ],
        "classes",
    ),
}  # fmt: skip
NOISY = {
    "noise": (
        [GaussianNoise(), Dense(9, "selu"), AlphaDropout(), BatchNorm(), Dropout(), PReLU()],
        "classes",
    ),
    "noise within": (
        [
            Dropout(),
            Residual([Dense(COLUMNS, "relu"), GaussianNoise(), Dropout()]),
            AlphaDropout(),
        ],
        "one",
    ),
    "noise in rows": (
        [Reshape(7, 1), GaussianNoise(), Dense(9, "selu"), AlphaDropout(), Dropout(), Flatten()],
        "classes",
    ),
}
"""Which neither outputs nor the gradient of all data show."""
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
        specs = list(self.ours.layers_)
        if not (specs and isinstance(specs[-1], Dense) and specs[-1].activation == "softmax"):
            specs.append(Dense(self.ours.n_outputs_))
        self.specs = [*specs[:-1], Dense(**{**vars(specs[-1]), "activation": "identity"})]
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


@DTYPES
@pytest.mark.parametrize("name", [*NETWORKS, *NOISY])
def test_outputs_and_gradients(name, dtype):
    pair = Pair(*(NETWORKS | NOISY)[name], dtype)
    tolerance = {"float64": 1e-9, "float32": 1e-5}[dtype]
    before = pair.ours.get_weights()
    logits = pair.theirs.eval()(torch.from_numpy(pair.X).double()).detach()
    compare([pair.ours.predict_logits(pair.X)], [logits.numpy()], tolerance)
    if isinstance(pair.ours, NetworkClassifier):
        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        compare([pair.ours.predict_proba(pair.X)], [logits.softmax(1).numpy()], tolerance)
    loss, gradient, dx = pair.ours.loss_and_gradient(pair.X, pair.y, inputs=True)
    of = None if isinstance(pair.ours, NetworkClassifier) else 0
    compare([pair.ours.input_gradient(pair.X, of)], [saliency(pair, of)], tolerance)
    pair.theirs.train()
    X = pair.inputs()
    expected = pair.objective(X=X)
    expected.backward()
    compare([dx], [X.grad.numpy()], tolerance)
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    gradients = leaves(read(pair.specs, pair.theirs, gradient_of))
    found = leaves(gradient)
    assert all(array.dtype == dtype for array in found)
    compare(found, [tensor.numpy() for tensor in gradients], tolerance)
    for one, other in zip(leaves(before), leaves(pair.ours.get_weights()), strict=True):
        assert one.tobytes() == other.tobytes()


def saliency(pair, of):
    """PyTorch's gradient by X of an output, or of each row's largest."""
    X = pair.inputs()
    logits = pair.theirs.eval()(X)
    picked = logits.amax(dim=1) if of is None else logits[:, of]
    return torch.autograd.grad(picked.sum(), X)[0].numpy()


BLUNT = 1e-3
"""Adam's epsilon: gradients that are but rounding, of biases before a norm say, make no steps."""
SOLVERS = {
    "sgd": (SGD(0.9), torch.optim.SGD, {"momentum": 0.9}),
    "adam": (Adam(epsilon=BLUNT), torch.optim.Adam, {"eps": BLUNT}),
    "adamw": (
        AdamW(epsilon=BLUNT, weight_decay=0.1),
        torch.optim.AdamW,
        {"eps": BLUNT, "weight_decay": 0.1},
    ),
}
ALPHA = 0.05


def train_both(pair, name, accumulate=1, alpha=ALPHA, before=None, after=None, **ours):
    """Some fifty steps of both, in batches of which the last is smaller."""
    solver, make, options = SOLVERS[name]
    blocks = {"batch_size": BATCH // accumulate, "accumulate": accumulate}
    pair.ours.set_params(solver=solver, alpha=alpha, **blocks, **ours)
    pair.fit(PASSES)
    alpha = 0.0 if name == "adamw" else alpha
    pair.train(
        make, PASSES, alpha=alpha, accumulate=accumulate, before=before, after=after, **options
    )


@DTYPES
@pytest.mark.parametrize(("name", "solver"), list(zip(NETWORKS, cycle(SOLVERS), strict=False)))
def test_fifty_steps(name, solver, dtype):
    pair = Pair(*NETWORKS[name], dtype)
    train_both(pair, solver)
    pair.check(TRAINED[dtype])


MIXED = pytest.mark.parametrize(
    ("name", "solver"),
    [("all", "adamw"), ("residual with norm", "sgd"), ("weight norm, one unit", "adam")],
)


@DTYPES
@MIXED
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("samples", [SAMPLES, 25])
def test_batches(name, solver, accumulate, samples, dtype):
    """Of 25 samples the last is alone, and joined to the batch before it where rows meet."""
    pair = Pair(*NETWORKS[name], dtype, samples)
    train_both(pair, solver, accumulate)
    pair.check(TRAINED[dtype])


LIMITS = {"all": 1.5, "residual with norm": 0.9, "weight norm, one unit": 0.12}
"""That some gradients are longer than, and some not."""


@DTYPES
@MIXED
@pytest.mark.parametrize("accumulate", [1, 3])
def test_clipping(name, solver, accumulate, dtype):
    norms, limit = [], LIMITS[name]

    def clip(pair):
        norms.append(nn.utils.clip_grad_norm_(pair.theirs.parameters(), limit).item())

    pair = Pair(*NETWORKS[name], dtype)
    train_both(pair, solver, accumulate, alpha=0.0, before=clip, clip_norm=limit)
    pair.check(TRAINED[dtype])
    assert min(norms) < limit < max(norms)


@DTYPES
@MIXED
@pytest.mark.parametrize("accumulate", [1, 3])
def test_averages(name, solver, accumulate, dtype):
    """Of running statistics too, as with `use_buffers`; without a share of the first weights."""
    pair = Pair(*NETWORKS[name], dtype)

    def average(mean, part, steps):
        share = (1 - 0.9) / (1 - 0.9 ** (int(steps) + 1))
        return mean + share * (part - mean)

    averaged = swa_utils.AveragedModel(pair.theirs, avg_fn=average, use_buffers=True)

    def add(pair):
        averaged.update_parameters(pair.theirs)

    train_both(pair, solver, accumulate, after=add, ema_decay=0.9)
    pair.check(TRAINED[dtype], averaged.module)


BOUNDED = {
    "hidden": ([Dense(67, "relu", max_norm=0.8), Dense(3, "tanh", max_norm=0.9)], "classes"),
    "residual": ([Residual([BatchNorm(), Dense(COLUMNS, max_norm=0.5)]), PReLU()], "binary"),
    "few outputs": ([Dense(5, "relu"), Dense(3, "softmax", max_norm=0.3)], "few"),
    "many outputs": ([Dense(5, "relu"), Dense(10, "softmax", max_norm=0.3)], "classes"),
}


def bound(pair):
    """Scales what is too long, of each unit, down to the bound."""
    with torch.no_grad():
        for spec, linear in linears(pair.specs, pair.theirs):
            if spec.max_norm is not None:
                lengths = linear.weight.norm(dim=1, keepdim=True)
                linear.weight *= (spec.max_norm / lengths).clamp(max=1)


@DTYPES
@pytest.mark.parametrize(("name", "solver"), list(zip(BOUNDED, cycle(SOLVERS), strict=False)))
@pytest.mark.parametrize("accumulate", [1, 3])
def test_bounds(name, solver, accumulate, dtype):
    pair = Pair(*BOUNDED[name], dtype)
    train_both(pair, solver, accumulate, after=bound)
    pair.check(TRAINED[dtype])


def test_loss_curve_of_a_small_network():
    """2-4-1 by gradient descent, a hundred passes of one batch, by the defaults of both."""
    random = np.random.RandomState(0)
    X = random.normal(size=(200, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    ours = NetworkClassifier(
        [Dense(4, "relu")], solver=SGD(), learning_rate_init=0.01, batch_size=len(X), tol=1e-300,
        n_iter_no_change=np.inf, max_iter=100, shuffle=False, warm_start=True, random_state=0,
    ).initialize(X, y)  # fmt: skip
    first, second = nn.Linear(2, 4, dtype=torch.float64), nn.Linear(4, 1, dtype=torch.float64)
    theirs = nn.Sequential(first, nn.ReLU(), second)
    pairs = [[part.detach().numpy().T for part in layer.parameters()] for layer in (first, second)]
    ours.set_weights(pairs)
    judge, expected = torch.optim.SGD(theirs.parameters(), lr=0.01), []
    data, targets = torch.from_numpy(X), torch.from_numpy(y)[:, None].double()
    for _ in range(100):
        judge.zero_grad()
        loss = F.binary_cross_entropy_with_logits(theirs(data), targets)
        loss.backward()
        judge.step()
        expected.append(loss.item())
    with pytest.warns(ConvergenceWarning):
        ours.fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "activation", "tolerance"), [("float64", "relu", 1e-9), ("float32", "tanh", 1e-4)]
)
def test_losses_of_a_large_network(dtype, activation, tolerance):
    """784-256-128-10 by Adam over 200 batches of images that are made up.

    In float32 the activation is a smooth one: beside a kink rounding decides about a gradient.
    """
    random = np.random.RandomState(0)
    y = random.randint(10, size=6400)
    X = (random.uniform(size=(10, 784))[y] * random.uniform(size=(6400, 784))).astype(dtype)
    ours = NetworkClassifier(
        [Dense(256, activation), Dense(128, activation)],
        solver=Adam(),
        batch_size=32,
        random_state=0,
    ).initialize(X, y)
    specs = [*ours.layers_, Dense(10)]
    theirs = sequence_of(specs, 784).to(getattr(torch, dtype))
    write(specs, theirs, ours.get_weights())
    judge, expected, found = torch.optim.Adam(theirs.parameters()), [], []
    for start in range(0, 6400, 32):
        rows = slice(start, start + 32)
        judge.zero_grad()
        loss = F.cross_entropy(theirs(torch.from_numpy(X[rows])), torch.from_numpy(y[rows]))
        loss.backward()
        judge.step()
        expected.append(loss.item())
        found.append(ours.partial_fit(X[rows], y[rows]).loss_)
    assert expected[-1] < 0.1 * expected[0]
    np.testing.assert_allclose(found, expected, rtol=tolerance)

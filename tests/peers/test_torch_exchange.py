"""`import_torch` and `export_torch` against PyTorch's own modules, whose channels come first."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from every_part import LAYERS, code_columns, public
from oracles import torch_layers as twins
from oracles.parity import fit_quietly
from torch import nn

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    export_torch,
    import_torch,
    layers,
)
from fusednn.layers import (
    Activation,
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
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
    Scale,
    TokenEmbedding,
    UpSample1D,
    UpSample2D,
)

pytestmark = pytest.mark.peers
torch.set_num_threads(1)


class Block(nn.Module):
    """A residual block with the attributes of `Residual`."""

    def __init__(self, inner, shortcut=()):
        super().__init__()
        self.layers, self.shortcut = nn.Sequential(*inner), nn.Sequential(*shortcut)

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


class Tables(nn.ModuleList):
    """A vector for each code in some columns, behind the others."""

    def __init__(self, columns, *tables):
        super().__init__(tables)
        self.columns = columns

    def forward(self, x):
        others = [column for column in range(x.shape[1]) if column not in self.columns]
        pairs = zip(self, self.columns, strict=True)
        vectors = [table(x[:, column].long()) for table, column in pairs]
        return torch.cat([x[:, others], *vectors], dim=1)


class Codes(nn.Embedding):
    """Vectors of codes that are floats."""

    def forward(self, x):
        return super().forward(x.long())


def norm_weights(linear):
    return nn.utils.parametrizations.weight_norm(linear, dim=0)


TABULAR = [
    PiecewiseLinear(size=3, columns=[1], edges=[[-0.5, 0.0, 0.5]]),
    PiecewiseLinear(columns=[0], edges=[[-1.0, 0.2, 1.0]]),
    Periodic(5, 3, columns=[2]),
    Periodic(4, 1, columns=[10], kind="plr"),
    Scale(),
]
PAIRS = {  # the axes of our sample, our layers, PyTorch's
    "dense": (
        (6,),
        [Dense(7, "relu"), Dense(5, "tanh", bias=False), layers.Output()],
        lambda: [nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 5, bias=False), nn.Tanh()],
    ),
    "weight norm": (
        (6,),
        [Dense(7, weight_norm=True), Dropout(0.1), Dense(3, "gelu", bias=False, weight_norm=True)],
        lambda: [
            *(norm_weights(nn.Linear(6, 7)), nn.Dropout(0.1)),
            *(norm_weights(nn.Linear(7, 3, bias=False)), nn.GELU()),
        ],
    ),
    "norms": (
        (6,),
        [
            *(BatchNorm(), Dense(7), BatchNorm(), Activation("relu"), Dropout(0.5), LayerNorm()),
            *(GaussianNoise(), Dense(5), PReLU(), RMSNorm(1e-3)),
        ],
        lambda: [
            *(nn.BatchNorm1d(6), nn.Linear(6, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout()),
            *(nn.LayerNorm(7), nn.Identity(), nn.Linear(7, 5), nn.PReLU(5)),
            nn.RMSNorm(5, eps=1e-3),
        ],
    ),
    "embedding": (
        (6,),
        [Embedding([1, 3], categories=[4, 3], size=2), Dense(4, "tanh")],
        lambda: [
            *(Tables([1, 3], nn.Embedding(4, 2), nn.Embedding(3, 2)), nn.Linear(8, 4), nn.Tanh()),
        ],
    ),
    "tokens": (
        (6,),
        [TokenEmbedding(5, 3, padding=0), Dropout(0.2), Flatten(), Dense(4, "tanh")],
        lambda: [
            *(Codes(3, 5, padding_idx=0), nn.Dropout(0.2), nn.Flatten()),
            *(nn.Linear(30, 4), nn.Tanh()),
        ],
    ),
    "columns of tables": (
        (6,),
        [*TABULAR, Dense(4), ParametricActivation("selu", 0.5)],
        lambda: [
            *(twins.PiecewiseLinear(TABULAR[0], 6), twins.PiecewiseLinear(TABULAR[1], 8)),
            *(twins.Periodic(TABULAR[2], 9), twins.Periodic(TABULAR[3], 11), twins.Scale(11)),
            *(nn.Linear(11, 4), twins.Parametric(ParametricActivation("selu", 0.5), 4)),
        ],
    ),
    "residual": (
        (6,),
        [Dense(4), Residual([LayerNorm(), Dense(5, "relu"), Dense(4)]), Activation("relu")],
        lambda: [
            nn.Linear(6, 4),
            Block([nn.LayerNorm(4), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 4)]),
            nn.ReLU(),
        ],
    ),
    "images": (
        (6, 5, 2),
        [
            *(Conv2D(4, (3, 2), "relu", padding=1, stride=(1, 2)), BatchNorm(), MaxPool2D(2)),
            *(PReLU(), Flatten(), Dense(9, "tanh")),
        ],
        lambda: [
            *(nn.Conv2d(2, 4, (3, 2), (1, 2), padding=1), nn.ReLU(), nn.BatchNorm2d(4)),
            *(nn.MaxPool2d(2), nn.PReLU(4), nn.Flatten(), nn.Linear(12, 9), nn.Tanh()),
        ],
    ),
    "images, groups": (
        (5, 4, 4),
        [
            *(Conv2D(6, 3, groups=2, dilation=(2, 1), bias=False), Activation("silu")),
            *(Conv2D(8, 1, groups=1), Conv2D(8, 2, padding="valid", groups=8), AvgPool2D((1, 2))),
            Flatten(),
        ],
        lambda: [
            nn.Conv2d(4, 6, 3, padding="same", groups=2, dilation=(2, 1), bias=False),
            *(nn.SiLU(), nn.Conv2d(6, 8, 1), nn.Conv2d(8, 8, 2, groups=8), nn.AvgPool2d((1, 2))),
            nn.Flatten(),
        ],
    ),
    "norms behind flatten": (
        (3, 4, 2),
        [
            *(Conv2D(3, 3), Flatten(), BatchNorm(), Dropout(0.2), LayerNorm(), PReLU(), RMSNorm()),
            *(Residual([BatchNorm(), Dense(5), Activation("relu"), Dense(36), LayerNorm()]),),
            Residual([Dense(4)], shortcut=[BatchNorm(), Dense(4)]),
        ],
        lambda: [
            *(nn.Conv2d(2, 3, 3, padding="same"), nn.Flatten(), nn.BatchNorm1d(36), nn.Dropout()),
            *(nn.LayerNorm(36), nn.PReLU(36), nn.RMSNorm(36, eps=1e-5)),
            Block(
                [
                    *(nn.BatchNorm1d(36), nn.Linear(36, 5), nn.ReLU(), nn.Linear(5, 36)),
                    nn.LayerNorm(36),
                ]
            ),
            Block([nn.Linear(36, 4)], [nn.BatchNorm1d(36), nn.Linear(36, 4)]),
        ],
    ),
    "residual that flattens": (
        (4, 3),
        [
            Conv1D(2, 3),
            Residual([Flatten(), BatchNorm()], shortcut=[Flatten(), Dense(8), PReLU()]),
            Dense(5, "relu"),
        ],
        lambda: [
            nn.Conv1d(3, 2, 3, padding="same"),
            Block(
                [nn.Flatten(), nn.BatchNorm1d(8)],
                [nn.Flatten(), nn.Linear(8, 8), nn.PReLU(8)],
            ),
            *(nn.Linear(8, 5), nn.ReLU()),
        ],
    ),
    "series": (
        (9, 3),
        [
            *(Conv1D(4, 3, "relu", stride=2, padding=1), AvgPool1D(2), BatchNorm()),
            *(ConvTranspose1D(6, 3, stride=2, groups=2, output_padding=1), UpSample1D(2)),
            *(MaxPool1D(3, stride=2, padding=1), Flatten()),
        ],
        lambda: [
            *(nn.Conv1d(3, 4, 3, 2, padding=1), nn.ReLU(), nn.AvgPool1d(2), nn.BatchNorm1d(4)),
            nn.ConvTranspose1d(4, 6, 3, 2, groups=2, output_padding=1),
            *(nn.Upsample(scale_factor=2), nn.MaxPool1d(3, 2, padding=1), nn.Flatten()),
        ],
    ),
    "blocks with shortcuts": (
        (6, 6, 2),
        [
            Residual(
                [Conv2D(4, 3, stride=2, padding=1), BatchNorm(), Activation("relu"), Conv2D(4, 3)],
                shortcut=[Conv2D(4, 1, stride=2, bias=False), BatchNorm()],
            ),
            *(Activation("relu"), Residual([Conv2D(4, 3, "relu")]), GlobalAvgPool(), Dense(3)),
        ],
        lambda: [
            Block(
                [
                    *(nn.Conv2d(2, 4, 3, 2, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
                    nn.Conv2d(4, 4, 3, padding=1),
                ],
                [nn.Conv2d(2, 4, 1, 2, bias=False), nn.BatchNorm2d(4)],
            ),
            *(nn.ReLU(), Block([nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()])),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
        ],
    ),
    "the way up": (
        (6,),
        [
            *(Dense(36, "relu"), BatchNorm(), Reshape(4, 3, 3), Activation("tanh")),
            *(ConvTranspose2D(4, (3, 2), stride=2, padding=1, bias=False), UpSample2D((1, 2))),
            *(Conv2D(2, 3, padding="valid"), GlobalMaxPool()),
        ],
        lambda: [
            *(nn.Linear(6, 36), nn.ReLU(), nn.BatchNorm1d(36), nn.Unflatten(1, (3, 4, 3))),
            *(nn.Tanh(), nn.ConvTranspose2d(3, 4, (3, 2), 2, padding=1, bias=False)),
            *(nn.Upsample(scale_factor=(1, 2)), nn.Conv2d(4, 2, 3)),
            *(nn.AdaptiveMaxPool2d(1), nn.Flatten()),
        ],
    ),
    "down and up in a block": (
        (6,),
        [
            Dense(12, "tanh"),
            Residual([Reshape(4, 3), Conv1D(3, 3, "relu"), Flatten(), Dense(12)]),
            *(Reshape(4, 3), Conv1D(2, 2, padding="valid"), Flatten()),
        ],
        lambda: [
            *(nn.Linear(6, 12), nn.Tanh()),
            Block(
                [
                    *(nn.Unflatten(1, (3, 4)), nn.Conv1d(3, 3, 3, padding="same"), nn.ReLU()),
                    *(nn.Flatten(), nn.Linear(12, 12)),
                ]
            ),
            *(nn.Unflatten(1, (3, 4)), nn.Conv1d(3, 2, 2), nn.Flatten()),
        ],
    ),
    "a block between products": (
        (6,),
        [
            *(
                Dense(12),
                BatchNorm(),
                Residual([Reshape(4, 3), Conv1D(3, 3), Flatten(), Dense(12)]),
            ),
            *(PReLU(), Dense(5, "relu"), Dense(6), Reshape(2, 3, channels="first"), Conv1D(2, 1)),
            Flatten(),
        ],
        lambda: [
            *(nn.Linear(6, 12), nn.BatchNorm1d(12)),
            Block(
                [
                    *(nn.Unflatten(1, (3, 4)), nn.Conv1d(3, 3, 3, padding="same"), nn.Flatten()),
                    nn.Linear(12, 12),
                ]
            ),
            *(nn.PReLU(12), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 6), nn.Unflatten(1, (2, 3))),
            *(nn.Conv1d(2, 2, 1), nn.Flatten()),
        ],
    ),
    "planes": (
        (24,),
        [Reshape(2, 3, 4, channels="first"), Conv2D(3, 3), Flatten(), Dense(4, "relu")],
        lambda: [
            *(nn.Unflatten(1, (2, 3, 4)), nn.Conv2d(2, 3, 3, padding="same"), nn.Flatten()),
            *(nn.Linear(36, 4), nn.ReLU()),
        ],
    ),
    "rows without windows": (
        (3, 4),
        [Dense(5, "relu"), LayerNorm(), Flatten(), Dense(4)],
        lambda: [
            *(nn.Linear(4, 5), nn.ReLU(), nn.LayerNorm(5), nn.Flatten(), nn.Linear(15, 4)),
        ],
    ),
}
EVERY = pytest.mark.parametrize("name", PAIRS)
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
SAMPLES = 20


def data(name):
    shape, specs, _ = PAIRS[name]
    random = np.random.RandomState(0)
    X = random.normal(size=(SAMPLES, *shape))
    if isinstance(specs[0], TokenEmbedding):
        X = random.randint(3, size=X.shape).astype(float)
        X[:, -1] = 1  # no padding, as Flatten takes samples of one length
    if isinstance(specs[0], Embedding):
        X[:, list(specs[0].columns)] = random.randint(3, size=(SAMPLES, 2))
    return X, random.normal(size=(SAMPLES, 2))


def theirs(name, dtype):
    """PyTorch's module with its own first weights, and statistics of some batches."""
    X, y = data(name)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        found = nn.Sequential(*PAIRS[name][2]()).to(getattr(torch, dtype))
        found.append(nn.Linear(found(as_theirs(name, X, dtype)).shape[1], y.shape[1]))
        found = found.to(getattr(torch, dtype))
        for parameter in found.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        for _ in range(3):
            found(as_theirs(name, X, dtype))
    return found.eval()


def as_theirs(name, X, dtype):
    """Samples with the channels first, if any layer is over windows."""
    moved = np.moveaxis(X, -1, 1) if X.ndim > 2 and "without windows" not in name else X
    return torch.from_numpy(np.ascontiguousarray(moved, dtype))


def ours(name, dtype, **options):
    return NetworkRegressor(PAIRS[name][1], dtype=dtype, **options).initialize(*data(name))


def check_equal(name, model, module, dtype):
    X, _ = data(name)
    with torch.no_grad():
        expected = module(as_theirs(name, X, dtype)).numpy()
    tolerance = {"float64": 1e-9, "float32": 1e-5}[dtype] * abs(expected).max()
    np.testing.assert_allclose(model.predict(X), expected, rtol=0, atol=tolerance)


def test_every_layer_is_here():
    def kinds(specs):
        for spec in specs:
            yield type(spec)
            yield from kinds(getattr(spec, "layers", ()))
            yield from kinds(getattr(spec, "shortcut", None) or ())

    found = {kind for _, specs, _ in PAIRS.values() for kind in kinds(specs)}
    recurrent = {layers.RNN, layers.LSTM, layers.GRU}  # in test_torch_recurrences.py
    attentive = {layers.MultiHeadAttention, layers.PositionalEncoding, layers.TransformerBlock}
    assert found >= {*public(layers, layers.Layer)} - {layers.AlphaDropout} - recurrent - attentive


@DTYPES
@EVERY
def test_import(name, dtype):
    model, module = ours(name, dtype), theirs(name, dtype)
    assert import_torch(model, module.state_dict()) is model
    check_equal(name, model, module, dtype)


@DTYPES
@EVERY
def test_export(name, dtype):
    """After some training, into a module by the keys that it has; PyTorch checks them all."""
    X, y = data(name)
    model, module = ours(name, dtype, warm_start=True, max_iter=3), theirs(name, dtype)
    fit_quietly(model, X, y)
    arrays = export_torch(model)
    assert all(array.dtype == dtype for array in arrays.values() if array.ndim)
    module.load_state_dict({key: torch.as_tensor(array) for key, array in arrays.items()})
    check_equal(name, model, module, dtype)


@EVERY
def test_round_trip(name):
    """Every bit comes back, and PyTorch's own keys are those of the export."""
    model, module = ours(name, "float32"), theirs(name, "float32")
    given = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    import_torch(model, given)
    for found in (export_torch(model), export_torch(model, given)):
        assert list(found) == list(given)
        for key, array in given.items():
            if not key.endswith("num_batches_tracked"):
                assert found[key].tobytes() == np.ascontiguousarray(array).tobytes()
    before = model.predict(data(name)[0])
    other = import_torch(ours(name, "float32", random_state=5), export_torch(model))
    assert other.predict(data(name)[0]).tobytes() == before.tobytes()


@pytest.mark.parametrize("name", LAYERS)
def test_every_part_comes_back(name):
    """Other weights of the same network are replaced by those of the export."""
    random = np.random.RandomState(0)
    X, y = random.normal(size=(30, 6)), np.arange(30) % 3
    codes = list(code_columns(LAYERS[name]))
    X[:, codes] = random.randint(4, size=(30, len(codes)))
    one, other = (
        NetworkClassifier(LAYERS[name], random_state=seed).initialize(X, y) for seed in (0, 1)
    )
    import_torch(other, {key: torch.as_tensor(one) for key, one in export_torch(one).items()})
    assert other.predict_proba(X).tobytes() == one.predict_proba(X).tobytes()


@pytest.mark.parametrize("kind", ["batch", "layer", "rms", None])
def test_perceptrons(kind):
    X, y = data("dense")
    options = {"normalization": kind, "dropout": 0.1, "standardize": True, "max_iter": 3}
    model = fit_quietly(MLPRegressor(hidden_layer_sizes=(7, 5), random_state=0, **options), X, y)
    norms = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm, "rms": nn.RMSNorm}
    modules, width = [], 6
    for units in (7, 5):
        norm = [norms[kind](units, eps=1e-5)] if kind else []
        modules += [nn.Linear(width, units), *norm, nn.ReLU(), nn.Dropout(0.1)]
        width = units
    module = nn.Sequential(*modules, nn.Linear(width, 2)).double()
    arrays = export_torch(model)
    module.load_state_dict({key: torch.as_tensor(array) for key, array in arrays.items()})
    scaled = (X - model.feature_means_) * model.feature_factors_
    expected = module.eval()(torch.from_numpy(scaled)).detach().numpy()
    np.testing.assert_allclose(model.predict(X), expected, rtol=0, atol=1e-9)
    module = module.apply(lambda one: getattr(one, "reset_parameters", lambda: None)())
    expected = module.eval()(torch.from_numpy(scaled)).detach().numpy()
    import_torch(model, module.state_dict())
    np.testing.assert_allclose(model.predict(X), expected, rtol=0, atol=1e-9)


def test_classes():
    """The rows of the last layer are in the order of the labels."""
    X, labels = data("dense")[0], np.array(["no", "yes", "maybe"])[np.arange(SAMPLES) % 3]
    model = fit_quietly(MLPClassifier((4,), max_iter=2), X, labels)
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    import_torch(model, module.state_dict())
    expected = module(torch.from_numpy(X)).softmax(1).detach().numpy()
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=0, atol=1e-9)
    assert model.predict(X).tolist() == model.classes_[expected.argmax(1)].tolist()


@DTYPES
def test_two_rows_for_two_classes(dtype):
    """A module whose loss is a cross entropy has a row for each of two classes."""
    X, labels = data("dense")[0], np.arange(SAMPLES) % 2
    net = NetworkClassifier([Dense(4, "relu")], dtype=dtype).initialize(X, labels)
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)).to(getattr(torch, dtype))
    import_torch(net, module)
    rows = torch.from_numpy(X.astype(dtype))
    tolerance = {"float64": 1e-12, "float32": 1e-6}[dtype]
    expected = module(rows).softmax(1).detach().numpy()
    np.testing.assert_allclose(net.predict_proba(X), expected, rtol=0, atol=tolerance)
    arrays = export_torch(net, module.state_dict())
    module.load_state_dict({key: torch.as_tensor(array) for key, array in arrays.items()})
    again = module(rows).softmax(1).detach().numpy()
    np.testing.assert_allclose(net.predict_proba(X), again, rtol=0, atol=tolerance)


def test_parameters_and_other_types():
    """Parameters require gradients, and NumPy has no bfloat16."""
    X, y = data("dense")
    net = NetworkRegressor([Dense(4, "relu")]).initialize(X, y)
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)).to(torch.bfloat16)
    import_torch(net, dict(module.named_parameters()))
    expected = module.double()(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(net.predict(X), expected, rtol=0, atol=1e-9)


def test_named_modules_and_old_weight_norm():
    """Names do not matter, only their order."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            with pytest.warns(FutureWarning, match="weight_norm"):
                self.first = nn.utils.weight_norm(nn.Linear(6, 7))
            self.slope, self.head = nn.PReLU(), nn.Linear(7, 2)

        def forward(self, x):
            return self.head(self.slope(self.first(x)))

    X, y = data("dense")
    model = NetworkRegressor([Dense(7, weight_norm=True), PReLU()]).initialize(X, y)
    module = Net().double()
    import_torch(model, module.state_dict())
    expected = module(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(model.predict(X), expected, rtol=0, atol=1e-9)
    keys = [key for key in module.state_dict() if not key.startswith("slope")]
    with pytest.raises(ValueError, match=r"^layers\[1\] \(PReLU\) has no 'bias', and received 'h"):
        export_torch(model, keys)
    assert list(export_torch(model, module.state_dict())) == list(module.state_dict())

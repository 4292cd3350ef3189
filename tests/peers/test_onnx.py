"""Networks in ONNX Runtime: every activation and every layer."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from fusednn.kernels.activations import ACTIVATIONS
from oracles.onnx_sessions import (
    check_classifier,
    check_regressor,
    check_values,
    predictor_of,
    run,
    session_of,
)
from oracles.parity import fit_quietly

from fusednn import (
    MLPClassifier,
    NetworkClassifier,
    NetworkRegressor,
    freeze,
)
from fusednn.export.onnx.activations import FORMS
from fusednn.graph.layers.batch_norm import BatchNorm as BatchNormOp
from fusednn.graph.layers.layer_norm import LayerNorm as LayerNormOp
from fusednn.graph.layers.untrained import Identity, Standardize
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
from fusednn.plan.binding.activations import epilogue

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
COLUMNS, CODES = 7, (1, 4)
SHORT = {"max_iter": 4, "random_state": 0}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.onnx"


def samples(dtype="float64"):
    """Features with codes from 0 to 4 and from 0 to 2 among them."""
    random = np.random.RandomState(3)
    X = random.normal(size=(300, COLUMNS))
    X[:, CODES] = random.randint([5, 3], size=(300, 2))
    return X.astype(dtype)


def classes(X, count=3):
    return (np.argsort(X[:, 2]).argsort() * count) // len(X)


# -- activations -------------------------------------------------------------------------


def test_every_activation_has_a_form():
    assert set(FORMS) == set(ACTIVATIONS)


@DTYPES
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation, dtype, digits, path):
    X, y = digits[0].astype(dtype), digits[1]
    est = MLPClassifier((19, 13), activation, dtype=dtype, **SHORT)
    check_classifier(fit_quietly(est, X[:400], y[:400]), X[1000:], path)


@DTYPES
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_far_out(activation, dtype, path):
    """Where exponentials and squares are infinite, and where they vanish."""
    far = [*np.logspace(1.5, 6, 30), 1e10, 1e13, 1e20, 1e30, float(np.finfo(dtype).max) / 4]
    x = np.concatenate([np.linspace(-30, 30, 2001), far, np.negative(far)]).astype(dtype)
    op = Identity(1, epilogue(activation))
    predictor, X = predictor_of([op], [], dtype), x[:, np.newaxis]
    with np.errstate(over="ignore"):
        expected = predictor.predict(X)
    found = run(session_of(predictor, path), X)["variable"]
    assert np.isfinite(expected).all()
    least = {"float32": 4e-7, "float64": 2e-15}[dtype]
    assert (abs(found - expected) <= least * np.maximum(1, abs(expected))).all()


@DTYPES
@pytest.mark.parametrize(
    ("name", "constants"),
    [("leaky_relu", (0.3,)), ("leaky_relu", (-2.0,)), ("elu", (1.0, 0.7)), ("elu", (2.0, 0.5))],
)
def test_constants_of_activations(name, constants, dtype, path):
    X = np.linspace(-9, 9, 301).astype(dtype)[:, np.newaxis]
    predictor = predictor_of([Identity(1, epilogue(name, constants))], [], dtype)
    found = run(session_of(predictor, path), X)["variable"]
    check_values(found, predictor.predict(X), 1e-6 if dtype == "float32" else 1e-15)


# -- layers ------------------------------------------------------------------------------

NETWORKS = {
    "no layers": [],
    "dense": [Dense(12, "relu"), Dense(5, "tanh", bias=False)],
    "one unit": [Dense(1, "tanh"), Dense(130, "gelu")],
    "one unit, no biases": [
        Dense(1, "tanh", bias=False),
        RMSNorm(),
        Dense(3, "silu", bias=False),
        Dense(1, bias=False),
        BatchNorm(),
        Activation("softplus"),
        Dense(1, "relu", bias=False),
    ],
    "weight norm": [Dense(6, "tanh", weight_norm=True)],
    "activation first": [Activation("mish"), Dense(5, "relu"), Activation("selu")],
    "leaky": [Dense(9), Activation("leaky_relu", 0.3), Dense(4, "leaky_relu")],
    "prelu": [PReLU(), Dense(9), PReLU(0.1)],
    "dropout": [Dense(9, "relu"), Dropout(0.5), AlphaDropout(0.2), GaussianNoise(0.3)],
    "noise alone": [GaussianNoise(0.1)],
    "batch norm folded": [Dense(9), BatchNorm(), Activation("relu"), Dense(4)],
    "batch norm": [BatchNorm(), Activation("tanh"), Dense(6, "relu"), BatchNorm(), PReLU()],
    "layer norm": [LayerNorm(), Dense(9), LayerNorm(), Activation("relu"), Dense(4)],
    "rms norm": [RMSNorm(), Dense(9), RMSNorm(), Activation("silu"), Dense(4)],
    "residual": [Dense(8), Residual([Dense(5, "relu"), Dense(8)]), Activation("gelu_tanh")],
    "residual first": [Residual([LayerNorm(), Dense(COLUMNS, "tanh")])],
    "rows": [Reshape(7, 1), Dense(5, "tanh"), LayerNorm(), Dense(1, bias=False), Flatten()],
    "channels first": [
        Dense(24, "tanh"),
        Reshape(3, 2, 4, channels="first"),
        Residual([BatchNorm(), Dense(5, "relu"), PReLU(), Dense(3)]),
        Reshape(2, 12, channels="first"),
        RMSNorm(),
        Flatten(),
    ],
    "rows and one row": [
        Reshape(1, 7),
        Residual([Flatten(), Dense(7, "tanh"), Reshape(1, 7)]),
        Flatten(),
    ],
    "nested": [
        Dense(8, "relu"),
        Residual(
            [Dense(6), BatchNorm(), Residual([RMSNorm(), Dense(6, "elu")]), PReLU(), Dense(8)]
        ),
        Residual([Activation("tanh")]),
        Residual([Dropout(0.2)]),
        Dense(3, "softplus"),
    ],
    "embedding": [Embedding(CODES, (5, 3), 2), Dense(9, "relu")],
    "embedding, sizes": [Embedding(CODES, (5, 3)), LayerNorm(), Dense(9, "relu")],
    "embedding, then": [Embedding((4,), (3,), 3), Activation("tanh"), Residual([Dense(9)])],
}


@DTYPES
@pytest.mark.parametrize("name", NETWORKS)
def test_layers(name, dtype, path):
    X = samples(dtype)
    est = NetworkClassifier(NETWORKS[name], dtype=dtype, learning_rate_init=0.02, **SHORT)
    check_classifier(fit_quietly(est, X, classes(X)), X, path)


@DTYPES
@pytest.mark.parametrize("standardize", [False, True])
def test_layers_of_a_regressor(standardize, dtype, path):
    X = samples(dtype) * 5 + 10
    layers = [LayerNorm(), Residual([Dense(COLUMNS, "silu")]), Dense(8, "hard_swish")]
    est = NetworkRegressor(layers, standardize=standardize, dtype=dtype, **SHORT)
    check_regressor(fit_quietly(est, X, X[:, :2]), X, path)


@DTYPES
@pytest.mark.parametrize("normalization", ["batch", "layer", "rms"])
def test_options_of_perceptrons(normalization, dtype, path):
    X = samples(dtype)
    options = {"standardize": True, "dropout": 0.1, "ema_decay": 0.9, "max_norm": 1.5}
    est = MLPClassifier((9, 8), normalization=normalization, dtype=dtype, **options, **SHORT)
    check_classifier(fit_quietly(est, X, classes(X)), X, path)


@DTYPES
def test_every_table_and_no_plain_column(dtype, path):
    X = np.random.RandomState(0).randint(4, size=(300, 3)).astype(dtype)
    est = NetworkClassifier([Embedding((0, 1, 2), size=3), Dense(9, "relu")], dtype=dtype, **SHORT)
    check_classifier(fit_quietly(est, X, X[:, 0] > X[:, 1]), X, path)


@DTYPES
def test_codes_that_are_odd(dtype, path):
    """Halves go up, what is out of bounds to the nearest code, and NaN to 0."""
    X = samples(dtype)
    est = NetworkRegressor([Embedding(CODES, (5, 3), 2), Dense(9)], dtype=dtype, **SHORT)
    predictor = freeze(fit_quietly(est, X, X[:, 2]))
    codes = [-1e30, -3, -0.5, -0.49, 0.49, 0.5, 0.50001, 1.5, 2.5, 3.4999998, 4.49, 4.5, 7, 1e30]
    codes += [np.nan, np.inf, -np.inf]
    X = X[: len(codes)]
    X[:, 1] = X[:, 4] = codes
    found = run(session_of(predictor, path), X)["variable"]
    X[:, [1, 4]] = np.nan_to_num(X[:, [1, 4]], nan=0, posinf=9, neginf=-9)
    check_values(found, predictor.predict(X, validate=False))


@DTYPES
def test_normalisations_far_from_zero(dtype, path):
    """Means go first, by themselves: a variance that is a difference of squares has no digits
    here, nor has a shift that has taken up a mean."""
    random, width, far, spread = np.random.RandomState(0), 40, 3000, 0.5
    X = (random.normal(size=(300, width)) * spread + far).astype(dtype)
    scale, shift = (random.uniform(0.5, 2, width).astype(dtype) for _ in range(2))
    mean, variance = X.mean(axis=0), X.var(axis=0)
    for op, arrays in (
        (LayerNormOp(width, centered=False), [scale]),
        (BatchNormOp(width, epilogue("relu")), [scale, shift, mean, variance]),
        (Standardize(width), [mean, scale]),
    ):
        check_regressor(predictor_of([op], arrays, dtype), X, path)
    layer_norm = predictor_of([LayerNormOp(width)], [scale, shift], dtype)
    exact = X - X.mean(axis=1, keepdims=True, dtype=float)
    exact = exact / np.sqrt((exact**2).mean(axis=1, keepdims=True) + 1e-5) * scale + shift
    found = run(session_of(layer_norm, path), X)["variable"]
    bound = 2 * np.finfo(dtype).eps * far / spread  # the mean's rounding
    np.testing.assert_allclose(found, exact, rtol=0, atol=bound * 2)

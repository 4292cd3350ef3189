"""`diagnose=True`: what is kept of each pass, against inspection and NumPy."""

import pickle

import numpy as np
import pytest
from cases.diagnosed_fits import LABELS, VALUES, X, new
from oracles.parity import assert_same_bits, run_python
from scipy import sparse
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
)
from fusednn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    MaxPool2D,
    PReLU,
    Residual,
)

rng = np.random.RandomState(1)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
WEIGHTS = rng.uniform(0.5, 2, 600)
PROBE = slice(0, 512)
KEPT = ["activation_stats_", "diagnosed_layers_", "diagnosed_weights_", "gradient_norms_"]
KINDS = pytest.mark.parametrize(
    "kind", [MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor]
)


def matrix_gradients(model, *data):
    """The gradients of all matrices, in the order of the layers."""
    _, *groups = model.loss_and_gradient(*data)

    def arrays(part):
        return [part] if isinstance(part, np.ndarray) else [a for p in part for a in arrays(p)]

    return [array for array in arrays(groups) if array.ndim > 1]


def targets(kind):
    return LABELS if issubclass(kind, MLPClassifier | NetworkClassifier) else VALUES


def norms(*matrices):
    return np.sqrt(sum(np.sum(w.astype(float) ** 2) for w in matrices))


def stats(outputs, kind=None):
    share = 0.0
    if kind == "relu":
        share = np.mean([(column == 0).all() for column in outputs.T])
    elif kind == "tanh":
        share = np.mean(np.abs(outputs) > 0.99)
    elif kind == "logistic":
        share = np.mean((outputs < 0.01) | (outputs > 0.99))
    return [outputs.astype(float).mean(), outputs.astype(float).std(), share]


@KINDS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_norms_and_statistics_of_the_last_pass(kind, dtype, solver):
    y = targets(kind)
    model = new(kind, dtype=dtype, solver=solver).fit(X, y)
    passes, rtol = model.n_iter_, 1e-9 if dtype == "float64" else 1e-4
    seen = X[PROBE]
    gradients = matrix_gradients(model, seen, y[PROBE])
    assert model.gradient_norms_.shape == (passes, 3)
    assert model.activation_stats_.shape == (passes, 3, 3)
    np.testing.assert_allclose(model.gradient_norms_[-1], [norms(w) for w in gradients], rtol=rtol)
    second = "relu" if isinstance(model, MLPClassifier | MLPRegressor) else "tanh"
    expected = [
        stats(model.hidden_activations(seen, 0), "relu"),
        stats(model.hidden_activations(seen, 1), second),
        stats(model.predict_logits(seen)),
    ]
    np.testing.assert_allclose(model.activation_stats_[-1], expected, rtol=rtol, atol=rtol)
    names = ["hidden 0", "hidden 1", "output"]
    if not isinstance(model, MLPClassifier | MLPRegressor):
        names = ["layers[0] Dense", "layers[1] Dense", "output"]
    assert model.diagnosed_layers_ == model.diagnosed_weights_ == names


def test_samples_weights_and_the_penalty():
    """The probe has the weights of the loss, none of weight 0, and no L2 term."""
    weights = WEIGHTS.copy()
    weights[:50] = 0
    model = new(MLPClassifier, alpha=5.0, class_weight={0: 1, 1: 2, 2: 3}, activation="logistic")
    model.fit(X, LABELS, weights)
    rows = slice(50, 562)
    gradients = matrix_gradients(model.set_params(alpha=0.0), X[rows], LABELS[rows], weights[rows])
    np.testing.assert_allclose(model.gradient_norms_[-1], [norms(w) for w in gradients], rtol=1e-9)
    expected = stats(model.hidden_activations(X[rows], 1), "logistic")
    np.testing.assert_allclose(model.activation_stats_[-1, 1], expected, rtol=1e-9)


def test_layers_with_and_without_weights():
    layers = [
        Dense(8, weight_norm=True),
        BatchNorm(),
        Activation("relu"),
        Dropout(0.2),
        Residual([LayerNorm(), Dense(8, "tanh"), Dense(8)]),
        PReLU(),
    ]
    model = new(NetworkClassifier, layers=layers, standardize=True).fit(X, LABELS)
    assert model.diagnosed_layers_ == [
        *("layers[0] Dense", "layers[1] BatchNorm", "layers[4] Residual", "layers[5] PReLU"),
        "output",
    ]
    assert model.diagnosed_weights_ == ["layers[0] Dense", "layers[4] Residual", "output"]
    gradients = matrix_gradients(model, X[PROBE], LABELS[PROBE])
    expected = [norms(gradients[0]), norms(*gradients[1:3]), norms(gradients[3])]
    np.testing.assert_allclose(model.gradient_norms_[-1], expected, rtol=1e-9)
    expected = [stats(model.hidden_activations(X[PROBE], at)) for at in (0, 3, 4, 5)]
    expected[1] = stats(model.hidden_activations(X[PROBE], 3), "relu")
    expected.append(stats(model.predict_logits(X[PROBE])))
    np.testing.assert_allclose(model.activation_stats_[-1], expected, rtol=1e-9, atol=1e-12)


def test_convolutions():
    """A filter is a unit, dead if it is 0 for all samples and pixels."""
    images = X[:120].reshape(-1, 2, 3, 1)
    layers = [Conv2D(5, 2, "relu"), BatchNorm(), Conv2D(3, 2, "tanh"), MaxPool2D((2, 1))]
    layers.append(Flatten())
    model = new(NetworkClassifier, layers=layers, warm_start=True, solver="sgd")
    weights = model.initialize(images, LABELS[:120]).get_weights()
    weights[0][1][:2] = -100
    model.set_weights(weights).fit(images, LABELS[:120])
    kinds = "Conv2D", "BatchNorm", "Conv2D", "MaxPool2D", "Flatten"
    names = [f"layers[{number}] {kind}" for number, kind in enumerate(kinds)]
    assert model.diagnosed_layers_ == [*names, "output"]
    assert model.diagnosed_weights_ == [names[0], names[2], "output"]
    gradients = matrix_gradients(model, images, LABELS[:120])
    assert [array.ndim for array in gradients] == [4, 4, 2]
    np.testing.assert_allclose(model.gradient_norms_[-1], [norms(w) for w in gradients], rtol=1e-9)
    outputs = [model.hidden_activations(images, at) for at in (0, 2)]
    expected = [
        stats(one.reshape(-1, one.shape[-1]), kind)
        for one, kind in zip(outputs, ("relu", "tanh"), strict=True)
    ]
    found = model.activation_stats_[-1]
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    assert found[0, 2] == 2 / 5
    # a diagnosis sees the statistics of the batch, a prediction running ones
    assert found[2, :2] == pytest.approx(expected[1][:2], abs=0.3)


def test_tables_of_an_embedding():
    data = np.c_[rng.randint(0, 7, 100), rng.randint(0, 3, 100), X[:100, :2]]
    layers = [Embedding([0, 1], size=3), Dense(5, "relu")]
    model = new(NetworkRegressor, layers=layers).fit(data, VALUES[:100])
    one, two, *others = matrix_gradients(model, data, VALUES[:100])
    expected = [norms(one, two), *map(norms, others)]
    np.testing.assert_allclose(model.gradient_norms_[-1], expected, rtol=1e-9)
    assert model.diagnosed_weights_[0] == "layers[0] Embedding"


@KINDS
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix])
def test_sparse_data(kind, form):
    dense = X * (np.abs(X) > 1)
    models = [new(kind).fit(data, targets(kind)) for data in (dense, form(dense))]
    for name in ("gradient_norms_", "activation_stats_"):
        one, other = (getattr(model, name) for model in models)
        np.testing.assert_allclose(other, one, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("y", [VALUES, np.c_[VALUES, X[:, 2]]], ids=["one", "two"])
def test_other_losses_and_outputs(y):
    model = new(MLPRegressor, loss="huber", ema_decay=0.9, accumulate=2).fit(X, y)
    gradients = matrix_gradients(model, X[PROBE], y[PROBE])
    np.testing.assert_allclose(model.gradient_norms_[-1], [norms(w) for w in gradients], rtol=1e-9)


def test_passes_are_appended_and_begin_anew():
    model = new(MLPClassifier, solver="sgd")
    for count in (1, 2, 3):
        model.partial_fit(X[:40], LABELS[:40], classes=[0, 1, 2])
        assert len(model.gradient_norms_) == len(model.activation_stats_) == count
    first = model.gradient_norms_.copy()
    model.set_params(warm_start=True, max_iter=2).fit(X, LABELS)
    assert len(model.gradient_norms_) == len(model.loss_curve_) == 5
    np.testing.assert_array_equal(model.gradient_norms_[:3], first)
    model.set_params(warm_start=False).fit(X, LABELS)
    assert len(model.gradient_norms_) == 2
    model.set_params(diagnose=False).fit(X, LABELS)
    assert not [name for name in KEPT if hasattr(model, name)]


@KINDS
def test_early_stopping(kind):
    model = new(kind, early_stopping=True, max_iter=30, n_iter_no_change=2, tol=0.5)
    model.fit(X, targets(kind))
    assert model.n_iter_ < 30
    assert model.gradient_norms_.shape == (model.n_iter_, 3)
    assert np.isfinite(model.activation_stats_).all()


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_jobs": 2, "dropout": 0.3, "dtype": "float32"},
        {"early_stopping": True, "solver": "sgd", "learning_rate": "adaptive", "ema_decay": 0.9},
        {"solver": "lbfgs", "standardize": True},
    ],
    ids=str,
)
def test_the_network_is_the_same(params):
    model = new(MLPClassifier, max_iter=20, **params)
    assert_same_bits(clone(model).set_params(diagnose=False).fit(X, LABELS), model.fit(X, LABELS))


def test_the_same_network_with_normalisation():
    layers = [Dense(8), BatchNorm(), Activation("relu"), Dropout(0.2)]
    model = new(NetworkClassifier, layers=layers)
    pair = [clone(model).set_params(diagnose=flag).fit(X, LABELS) for flag in (True, False)]
    np.testing.assert_array_equal(*(each.predict_proba(X) for each in pair))
    assert pair[0].loss_curve_ == pair[1].loss_curve_


class Stops:
    """A watcher that ends the fit."""

    passes = 0

    def begin(self):
        self.passes += 1

    def end(self, progress, parameters):
        return progress.n_iter == 3


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_another_watcher_is_told(solver):
    model = new(MLPClassifier, max_iter=9, solver=solver)
    model._watcher = Stops()
    model.fit(X, LABELS)
    assert model._watcher.passes == model.n_iter_ == len(model.gradient_norms_) == 3


def test_a_copy_has_it_all():
    model = new(MLPRegressor).fit(X, VALUES)
    copy = pickle.loads(pickle.dumps(model))
    for name in KEPT:
        np.testing.assert_array_equal(getattr(copy, name), getattr(model, name))


OFF = """
import sys
import numpy as np
from fusednn import MLPClassifier
X = np.random.RandomState(0).normal(size=(40, 3))
model = MLPClassifier((4,), tol=1.0).fit(X, X[:, 0] > 0)
found = [name for name in vars(model) if "diagnos" in name or "stats" in name or "norms" in name]
print(found, [name for name in sys.modules if name.endswith((".diagnosis", ".probe"))])
"""


def test_off_leaves_nothing_and_imports_nothing():
    assert run_python(OFF).strip() == "['diagnose'] []"


@KINDS
def test_what_is_refused(kind):
    with pytest.raises(InvalidParameterError, match="'diagnose' parameter"):
        new(kind, diagnose="yes").fit(X, targets(kind))


def test_normalised_perceptron():
    """Weights belong to the products, activations to the normalisation behind them."""
    model = MLPClassifier((6, 5), normalization="batch", standardize=True, diagnose=True)
    model.set_params(max_iter=2, random_state=0).fit(X, LABELS)
    assert model.diagnosed_weights_ == ["hidden 0", "hidden 1", "output"]
    assert model.diagnosed_layers_ == [
        "hidden 0", "normalization 0", "hidden 1", "normalization 1", "output",
    ]  # fmt: skip
    outputs = model.hidden_activations(X[:512], -1)
    assert model.activation_stats_[-1, 3, 0] == pytest.approx(outputs.mean(), rel=0.2)

"""`diagnose=True`: what is kept of each pass, against inspection and NumPy, and its warnings."""

import pickle
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from parity import assert_same_bits, run_python
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from fusednn import (
    DiagnosisDisplay,
    DiagnosisWarning,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
)
from fusednn.layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    PReLU,
    Residual,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.RandomState(0)
X = rng.normal(size=(600, 6))
LABELS = (X[:, 0] > 0) * 1 + (X[:, 1] > 0.5)
VALUES = X[:, 0] * X[:, 1]
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

    return [array for array in arrays(groups) if array.ndim == 2]


def new(kind, **params):
    params = {"max_iter": 4, "random_state": 0, "diagnose": True, **params}
    if issubclass(kind, MLPClassifier | MLPRegressor):
        params = {"hidden_layer_sizes": (9, 5), "alpha": 0.0, **params}
    else:
        params = {"layers": [Dense(9, "relu"), Dense(5, "tanh")], **params}
    return kind(**params)


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


def told(function):
    """The texts of the diagnosis's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [str(w.message) for w in caught if w.category is DiagnosisWarning]


# -- what is kept ----------------------------------------------------------------------------


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


# -- warnings --------------------------------------------------------------------------------


HEALTHY = {
    "relu": [Dense(32, "relu")] * 10,
    "tanh": [Dense(32, "tanh")] * 10,
    "selu": [Dense(32, "selu")] * 10,
    "batch norm": [Dense(32), BatchNorm(), Activation("sigmoid")] * 10,
    "layer norm": [Dense(32), LayerNorm(), Activation("relu")] * 10,
    "residual": [Dense(32)] + [Residual([LayerNorm(), Dense(32, "relu"), Dense(32)])] * 10,
    "shallow": [Dense(32, "sigmoid")],
    "none": [],
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_healthy_networks_are_not_told_of(name, solver, digits):
    data, y = digits
    data = data[:600].astype(np.float32)
    model = NetworkClassifier(
        HEALTHY[name],
        solver=solver,
        learning_rate_init=0.01,
        max_iter=10,
        random_state=0,
        standardize=True,
        diagnose=True,
    )
    assert told(lambda: model.fit(data, y[:600])) == []


@pytest.mark.parametrize("init", ["scikit-learn", "glorot_uniform"])
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_vanishing_gradients(init, solver):
    model = new(
        MLPClassifier,
        hidden_layer_sizes=(20,) * 10,
        activation="logistic",
        solver=solver,
        init=init,
    )
    (message,) = told(lambda: model.fit(X, LABELS))
    assert message.startswith("The gradients vanish: that of hidden 0 is ")
    assert "Try 'relu' with the initialisation 'he_normal'" in message


def test_a_vanishing_signal():
    """Small weights: all gradients are as small as one another, but so are the outputs."""
    model = new(NetworkClassifier, layers=[Dense(20, "tanh")] * 10, solver="sgd", warm_start=True)
    model.initialize(X, LABELS)
    weights = model.get_weights()
    model.set_weights([[w * 0.2, b] for w, b in weights])
    (message,) = told(lambda: model.fit(X, LABELS))
    assert message.startswith("The signal vanishes")
    assert "the outputs of layers[6] Dense deviate by " in message


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_weights_of_zero(activation):
    """Units that are all the same; with ReLU they are dead, which explains the gradients."""
    model = new(MLPClassifier, init="zeros", activation=activation)
    (message,) = told(lambda: model.fit(X, LABELS))
    expected = {"relu": "100% of the units of hidden 0, hidden 1 are dead: 0 for all samples."}
    assert message.startswith(
        expected.get(activation, "The gradients vanish: those of all weights are 0.")
    )


def test_exploding_gradients():
    model = new(MLPRegressor)
    (message,) = told(lambda: model.fit(X, VALUES * 1e6))
    assert message.startswith("The gradients explode: that of hidden 0")
    layers = [Dense(50, "relu")] * 12
    model = new(NetworkClassifier, layers=layers, solver="sgd", learning_rate_init=1e6)

    def fit():
        with pytest.raises(ValueError, match="non-finite"):
            model.fit(X, LABELS)

    (message,) = told(fit)
    assert message.startswith("The gradients explode: the weights have stopped being finite.")
    assert model.gradient_norms_.shape[1:] == (13,)


def test_dead_units():
    model = new(MLPClassifier, warm_start=True, hidden_layer_sizes=(30, 10), solver="sgd")
    told(lambda: model.fit(X, LABELS))
    model.intercepts_[1] -= 1000
    (message,) = told(lambda: model.fit(X, LABELS))
    assert message.startswith("100% of the units of hidden 1 are dead")
    assert "leaky_relu" in message


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_saturated_outputs(activation):
    model = new(MLPClassifier, activation=activation)
    (message,) = told(lambda: model.fit(X * 1e4, LABELS))
    assert "of the outputs of hidden 0 are saturated" in message


def test_once_for_each_kind_and_at_the_users_line():
    model = new(MLPClassifier, hidden_layer_sizes=(9,) * 10, activation="logistic", solver="sgd")

    def calls():
        for _ in range(3):
            model.partial_fit(X, LABELS, classes=[0, 1, 2])

    assert len(told(calls)) == 1
    for _ in range(2):
        assert len(told(lambda: model.fit(X, LABELS))) == 1
    with pytest.warns(DiagnosisWarning, match="vanish") as caught:
        clone(model).partial_fit(X, LABELS, classes=[0, 1, 2])
    assert caught[0].filename == __file__


def test_as_an_error_it_leaves_the_estimator_as_it_was():
    model = new(MLPClassifier, hidden_layer_sizes=(9,) * 10, activation="logistic", solver="sgd")
    told(lambda: model.fit(X, LABELS))
    before = {name: pickle.dumps(value) for name, value in vars(model).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error", DiagnosisWarning)
        with pytest.raises(DiagnosisWarning):
            model.fit(X[:100], LABELS[:100])
    assert {name: pickle.dumps(value) for name, value in vars(model).items()} == before


# -- the display -----------------------------------------------------------------------------


@pytest.fixture
def plt():
    """Pyplot without windows, left without figures."""
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_display(plt):
    layers = [Dense(8), BatchNorm(), Activation("relu")]
    model = new(NetworkClassifier, layers=layers).fit(X, LABELS)
    display = DiagnosisDisplay.from_estimator(model)
    assert len(plt.get_fignums()) == 1
    gradients = display.axes_[0]
    assert gradients.get_yscale() == "log"
    for lines, values, names in (
        (display.gradient_lines_, model.gradient_norms_, model.diagnosed_weights_),
        (display.activation_lines_, model.activation_stats_[:, :, 1], model.diagnosed_layers_),
    ):
        assert [line.get_label() for line in lines] == names
        for line, column in zip(lines, values.T, strict=True):
            assert list(line.get_xdata()) == [1, 2, 3, 4]
            np.testing.assert_array_equal(line.get_ydata(), column)
    assert gradients.get_title() == "NetworkClassifier"
    _, pair = plt.subplots(2)
    assert display.plot(ax=pair, name="net", linewidth=3) is display
    assert list(display.axes_) == list(pair)
    assert {line.get_linewidth() for line in display.gradient_lines_} == {3}
    with pytest.raises(ValueError, match="ax must be two Axes"):
        display.plot(ax=pair[0])
    zeros = DiagnosisDisplay(
        gradient_norms=np.zeros((2, 1)),
        activation_stats=np.zeros((2, 1, 3)),
        layers=["output"],
        weighted_layers=["output"],
    )
    assert np.isnan(zeros.plot().gradient_lines_[0].get_ydata()).all()


def test_what_cannot_be_displayed(monkeypatch):
    with pytest.raises(NotFittedError):
        DiagnosisDisplay.from_estimator(MLPClassifier())
    model = new(MLPClassifier, diagnose=False).fit(X, LABELS)
    with pytest.raises(AttributeError, match="only a fit with diagnose=True"):
        DiagnosisDisplay.from_estimator(model)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"DiagnosisDisplay.plot requires matplotlib"):
        DiagnosisDisplay.from_estimator(model.set_params(diagnose=True).fit(X, LABELS))


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

"""The gradients of outputs and of the loss by the inputs."""

import numpy as np
import pytest
from cases.saved_models import WORDS, estimators, fit_quietly
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor
from fusednn.graph.layers import dense as ops
from fusednn.graph.network import Network
from fusednn.layers import BatchNorm, Dense, Dropout, Residual
from fusednn.plan.binding.data import source_of
from fusednn.plan.inference import lower_input_gradient
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import ParameterLayout
from fusednn.plan.machines import Threads
from fusednn.plan.training import Target, TrainingPlan
from fusednn.plan.updating.rule import Rule

KINDS = {name: made for name, made in estimators().items() if name != "one class"}
EVERY = pytest.mark.parametrize("name", KINDS)
rng = np.random.RandomState(1)
X = rng.normal(size=(500, 5))
LABELS, VALUES = np.digitize(X @ rng.normal(size=5), [-1, 1]), X[:, :2] * X[:, 3:]
SMALL = {"max_iter": 4, "random_state": 0}


def fitted(name):
    """One of every kind, X, y, the columns with derivatives, and whether it is float64."""
    model, X, y = KINDS[name]
    fit_quietly(model, X, y)
    codes = set(model.layers[0].columns) if name == "embedding" else set()
    columns = [column for column in range(X.shape[1]) if column not in codes]
    return model, X, y, columns, "float32" not in name


def in_float64(model):
    """The same network with weights of float64, of which differences can be taken."""
    if hasattr(model, "layers_"):
        model._arrays = [array.astype(float) for array in model._arrays]
    else:
        model.coefs_ = [w.astype(float) for w in model.coefs_]
        model.intercepts_ = [b.astype(float) for b in model.intercepts_]
    return model


def difference(function, X, column):
    """The central difference of a function of X in one of its columns, for each row."""
    step = np.zeros(X.shape[-1])
    step[column] = 1e-6
    return (function(X + step) - function(X - step)) / 2e-6


def bounds(exact, scale):
    """The tolerance of float32 or of differences, beside values as large as `scale`."""
    return {"rtol": 1e-5 if exact else 1e-4, "atol": (1e-7 if exact else 1e-5) * max(1.0, scale)}


@EVERY
def test_gradients_of_outputs_are_differences(name):
    model, X, _, columns, exact = fitted(name)
    X = X[:20]
    outputs = model.predict_logits(X).shape[1]
    found = [model.input_gradient(X, of) for of in range(outputs)]
    judge = in_float64(model)
    for of, gradient in enumerate(found):
        assert gradient.shape == X.shape
        assert gradient.dtype == (np.float64 if exact else np.float32)
        assert not np.delete(gradient, columns, axis=1).any()
        for column in columns:
            expected = difference(lambda x, of=of: judge.predict_logits(x)[:, of], X, column)
            assert_allclose(gradient[:, column], expected, **bounds(exact, abs(expected).max()))


@EVERY
def test_gradients_of_the_loss_are_differences(name):
    model, X, y, columns, exact = fitted(name)
    weights = rng.uniform(0.5, 2, len(y))
    before, *_, gradient = model.loss_and_gradient(X, y, weights, inputs=True)
    plain = model.loss_and_gradient(X, y, weights)
    assert plain[0] == before
    assert gradient.shape == X.shape
    assert gradient.dtype == (np.float64 if exact else np.float32)
    assert not np.delete(gradient, columns, axis=1).any()
    judge = in_float64(model)
    for _ in range(8):
        row, column = rng.randint(len(X)), rng.choice(columns)

        def loss(x, row=row):
            moved = X.astype(float)
            moved[row] = x
            return judge.loss_and_gradient(moved, y, weights)[0]

        expected = difference(loss, X[row].astype(float), column)
        assert_allclose(gradient[row, column], expected, **bounds(exact, 0.01))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("cls", [MLPRegressor, MLPClassifier])
def test_a_linear_model_has_its_coefficients(cls, dtype):
    y = VALUES if cls is MLPRegressor else LABELS
    model = fit_quietly(cls(hidden_layer_sizes=(), dtype=dtype, **SMALL), X, y)
    [w] = model.coefs_
    for of, column in enumerate(w.T):
        assert_array_equal(model.input_gradient(X, of), np.tile(column, (len(X), 1)))


def test_the_class_that_is_predicted():
    model = fit_quietly(MLPClassifier((8,), **SMALL), X, WORDS[LABELS])
    each = np.stack([model.input_gradient(X, of) for of in range(3)])
    numbers = np.searchsorted(model.classes_, model.predict(X))
    assert len(set(numbers)) > 1
    assert_array_equal(model.input_gradient(X), each[numbers, np.arange(len(X))])


def test_the_only_output():
    for model, y in ((MLPClassifier((8,), **SMALL), LABELS > 0), (MLPRegressor(**SMALL), LABELS)):
        fit_quietly(model, X, y)
        assert_array_equal(model.input_gradient(X), model.input_gradient(X, np.int64(0)))


DEEP = [Dense(70, "gelu"), BatchNorm(), Residual([Dense(70, "relu"), Dropout(0.2)]), Dense(9)]


@pytest.mark.parametrize("layers", [DEEP, [BatchNorm(), Dense(40, "silu")]], ids=["deep", "norm"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rows_threads_and_forms_change_no_bit(layers, dtype):
    """More rows than a batch's buffers hold, and one row; several threads; other layouts of X."""
    many = np.tile(X, (10, 1)).astype(dtype)
    model = NetworkClassifier(layers, batch_size=100, n_jobs=1, **SMALL)
    fit_quietly(model, many[:500], LABELS)
    y = np.tile(LABELS, 10)
    one = model.input_gradient(many, 1)
    assert_array_equal(one, np.tile(one[:500], (10, 1)))
    assert_array_equal(model.input_gradient(many[7:8], 1), one[7:8])
    assert_array_equal(model.input_gradient(np.asfortranarray(many), 1), one)
    loss, _, dx = model.loss_and_gradient(many, y, inputs=True)
    model.set_params(n_jobs=3)
    assert_array_equal(model.input_gradient(many, 1), one)
    again, _, other = model.loss_and_gradient(many, y, inputs=True)
    assert again == loss
    assert_array_equal(other, dx)


def test_blocks_of_a_batch_are_one_batch():
    """The gradient of 5,000 samples' mean loss is that of each 500's, a tenth each."""
    model = fit_quietly(MLPClassifier((30, 20), alpha=0.0, **SMALL), X, LABELS)
    part = model.loss_and_gradient(X, LABELS, inputs=True)[-1]
    whole = model.loss_and_gradient(np.tile(X, (10, 1)), np.tile(LABELS, 10), inputs=True)[-1]
    assert_allclose(whole, np.tile(part / 10, (10, 1)), rtol=1e-12, atol=1e-18)


def test_memory_grows_by_the_gradient_alone():
    """More rows than the buffers hold, forward and back, in training and without."""
    sizes = {"loss": [], "output": []}
    network = Network((ops.Dense(5, 30), ops.Dense(30, 3)), "softmax")
    forms = forms_of(network, np.dtype(float), wants_dx=True)
    layout = ParameterLayout(forms, np.dtype(float))
    flat, copies = np.zeros(layout.count), np.zeros(layout.transposed_count)
    for rows in (5000, 20000):
        data, target = np.zeros((rows, 5)), Target(np.zeros((rows, 1)), None)
        source, order = source_of(data, data.dtype), np.arange(rows)
        rule = Rule(None, inputs=True)
        plan = TrainingPlan(network, source, target, rule, rows, order, Threads(2))
        assert plan.dx.shape == data.shape
        sizes["loss"].append(plan.memory.bytes)
        views, transposed = layout.views(flat), layout.copies(copies)
        program, dx = lower_input_gradient(
            network, views, transposed, source, data.dtype, picked=0, machine=Threads(2)
        )
        assert dx.shape == data.shape
        sizes["output"].append(program.memory.bytes)
    for small, large in sizes.values():
        assert small == large


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_data_have_dense_gradients(form):
    data = np.where(abs(X) > 0.7, X, 0.0)
    model = fit_quietly(MLPClassifier((8,), **SMALL), data, LABELS)
    found, expected = model.input_gradient(form(data)), model.input_gradient(data)
    assert type(found) is np.ndarray
    assert_allclose(found, expected, atol=1e-13)
    dx = model.loss_and_gradient(form(data), LABELS, inputs=True)[-1]
    expected = model.loss_and_gradient(data, LABELS, inputs=True)[-1]
    assert_allclose(dx, expected, atol=1e-15)


def test_samples_without_a_target_have_no_gradient():
    y = VALUES.copy()
    y[3], y[5, 0] = np.nan, np.nan
    model = fit_quietly(MLPRegressor(missing_targets="ignore", **SMALL), X, y)
    dx = model.loss_and_gradient(X, y, inputs=True)[-1]
    known = np.delete(np.arange(len(X)), 3)
    expected = model.loss_and_gradient(X[known], y[known], inputs=True)[-1]
    assert_array_equal(dx[known], expected)
    assert not dx[3].any()
    assert dx[5].any()


def test_it_changes_nothing():
    model = fit_quietly(NetworkClassifier(DEEP, **SMALL), X, LABELS)
    before = [array.copy() for array in model._arrays]
    logits = model.predict_logits(X)
    model.input_gradient(X)
    model.loss_and_gradient(X, LABELS, inputs=True)
    for one, other in zip(model._arrays, before, strict=True):
        assert_array_equal(one, other)
    assert_array_equal(model.predict_logits(X), logits)


def test_steps_against_the_gradient_lower_the_loss():
    model = fit_quietly(MLPRegressor(hidden_layer_sizes=(20,), **SMALL), X, VALUES)
    loss, *_, dx = model.loss_and_gradient(X, VALUES, inputs=True)
    assert model.loss_and_gradient(X - dx, VALUES)[0] < loss


def test_what_is_refused():
    with pytest.raises(NotFittedError):
        MLPClassifier().input_gradient(X)
    model = fit_quietly(MLPClassifier((4,), **SMALL), X, LABELS)
    for of in (3, -1):
        with pytest.raises(ValueError, match=rf"of must be in \[0, 3\), got {of}"):
            model.input_gradient(X, of)
    for of in (0.5, "red", True):
        with pytest.raises(TypeError, match=rf"of must be an integer, got {of!r}"):
            model.input_gradient(X, of)
    for inputs in ("no", 1, None):
        with pytest.raises(TypeError, match=rf"inputs must be a bool, got {inputs!r}"):
            model.loss_and_gradient(X, LABELS, inputs=inputs)
    for data in (X[0], X[:, 1:], X * np.nan, X[:0], X[None]):
        with pytest.raises(ValueError, match=r".") as ours:
            model.input_gradient(data)
        with pytest.raises(ValueError, match=r".") as theirs:
            model.predict_logits(data)
        assert str(ours.value) == str(theirs.value)
    several = [
        fit_quietly(MLPRegressor(**SMALL), X, VALUES),
        fit_quietly(NetworkRegressor(loss="gaussian", **SMALL), X, LABELS),
        fit_quietly(MLPClassifier(**SMALL), X, (X[:, :2] > 0).astype(int)),
        fit_quietly(MLPClassifier(**SMALL), X, np.stack([LABELS, LABELS // 2], 1)),
    ]
    for model in several:
        count = model.predict_logits(X).shape[1]
        with pytest.raises(ValueError, match=f"has {count} outputs: say which by `of`"):
            model.input_gradient(X)
        assert model.input_gradient(X, count - 1).any()

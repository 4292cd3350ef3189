"""All that is public is on the list `every_part.py`, and each part on it has all that it needs.

Every test goes through all parts: gradients, bits whatever the threads and splits, memory that
holds NaN, files, predictors, C. ONNX and PyTorch are in `peers/test_every_part_peers.py`.
"""

import inspect

import numpy as np
import pytest
from cases import game_networks, op_networks, saved_models, series_networks
from cases.augmented_networks import AUGMENTED
from cases.step_networks import STEPPED, ops_of
from every_part import (
    ACTIVATIONS,
    KNOWN,
    LAYERS,
    LOSSES,
    OPTIMIZERS,
    PARTS,
    VALUES,
    code_columns,
    data_for,
    kinds,
)
from fusednn.kernels import activations, optimizers
from fusednn.kernels.losses import LOSSES as LOSS_KERNELS
from numpy.testing import assert_allclose, assert_array_equal
from oracles import interpreter
from oracles.parity import fit_quietly
from running.c_programs import COMPILERS, assert_answers, needs_compiler, run_models
from running.nested_weights import flat, moved
from running.poison import Poisoned

from fusednn import NetworkRegressor, export_c, freeze, load
from fusednn.graph.in_windows import in_windows
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.recurrent import GATES, Recurrent
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.network import Network
from fusednn.graph.one_step import one_step
from fusednn.layers import Embedding, TokenEmbedding
from fusednn.losses import ClassificationLoss
from fusednn.plan.binding.bindings import BINDINGS
from fusednn.training.optimizer_state import rule_of

EVERY = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
EVERY_LAYER = pytest.mark.parametrize("specs", LAYERS.values(), ids=LAYERS)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def fitted(part, **options):
    return fit_quietly(part.new(**options), part.X, part.y)


def fitted_values(specs, **options):
    """A regressor of one value."""
    model = NetworkRegressor(specs, max_iter=3, batch_size=16, **options)
    return fit_quietly(model, data_for(specs), VALUES)


def outputs_of(model):
    """The method that answers with numbers, of an estimator or a predictor."""
    return model.predict_proba if hasattr(model, "classes_") else model.predict


# -- the list --------------------------------------------------------------------------------


def test_all_layers_are_on_the_list():
    assert set.union(*map(kinds, LAYERS.values())) == set(KNOWN["layer"])


def test_the_networks_of_all_layers_have_them():
    """But for those that read the data."""
    lists = saved_models.EVERY_LAYER + saved_models.WINDOWS + saved_models.RECURRENCES
    lists = lists + saved_models.ATTENTIVE + saved_models.TABULAR
    found = kinds(lists + saved_models.SCHEDULED["layers"])
    assert found == set(KNOWN["layer"]) - {Embedding, TokenEmbedding}


def test_all_activations_are_on_the_list():
    assert set(ACTIVATIONS) == set(activations.ACTIVATIONS)


def test_all_losses_are_on_the_list():
    """The descriptions, and each kernel that they lead to."""
    assert set(map(type, LOSSES.values())) == set(KNOWN["loss"])
    lowered = set()
    for loss in LOSSES.values():
        links = ["softmax", "logistic"] if isinstance(loss, ClassificationLoss) else [None]
        lowered |= {loss.lowered(*filter(None, [link]))[0] for link in links}
    assert lowered == set(LOSS_KERNELS)


def test_all_optimizers_are_on_the_list():
    """The descriptions, and each kernel that they lead to, or that scikit-learn's names do."""
    assert set(map(type, OPTIMIZERS.values())) == set(KNOWN["optimizer"])
    of_scikit_learn = {"sgd", "nesterov"}  # velocities that include the rate
    of_gradients_in_memory = {"store", "accumulate"}
    found = {rule_of(one).optimizer for one in OPTIMIZERS.values()}
    assert found | of_scikit_learn | of_gradients_in_memory == set(optimizers.OPTIMIZERS)


def test_all_calls_are_bound_and_interpreted():
    """No row of the table is for nothing."""
    called = set()
    for network in op_networks.CASES.values():
        for kind in ({}, {"wants_dx": True}, {"trains": True, "noisy": True, "wants_dx": True}):
            called |= {call.op for call in network.graph(**kind).calls}
        if not op_networks.code_columns(network):
            called |= {call.op for call in network.graph(trains=True, mixed=True).calls}
    for network, asked in AUGMENTED.values():
        graph = network.graph(trains=True, noisy=True, augmentation=asked)
        called |= {call.op for call in graph.calls}
    called |= {call.op for call in op_networks.RESCALED.graph().calls}
    for network in series_networks.SERIES.values():
        for kind in ({}, {"trains": True, "noisy": True, "wants_dx": True}):
            called |= {call.op for call in network.graph(**kind, ragged=True).calls}
        if not op_networks.code_columns(network):
            graph = network.graph(trains=True, mixed=True, ragged=True)
            called |= {call.op for call in graph.calls}
    for cell in GATES:
        ops = in_windows((Reshape((4, 3)), Recurrent(3, 2, cell), Dense(2, 1)), 4)
        for kind in ({}, {"ragged": True, "windowed": True}):
            graph = Network(ops, "squared_error").graph(trains=True, **kind)
            called |= {call.op for call in graph.calls}
    for name in STEPPED:
        network = Network(one_step(ops_of(name, 5)), "squared_error")
        called |= {call.op for call in network.graph().calls}
    for graph in game_networks.GRAPHS.values():
        called |= {call.op for call in graph.calls}
    assert called == BINDINGS.keys()
    methods = dict(inspect.getmembers(interpreter.Run, inspect.isfunction))
    assert called <= methods.keys()


# -- gradients -------------------------------------------------------------------------------


@EVERY
def test_gradients_are_differences(part):
    """Gradients of the loss that training minimises, along random directions."""
    model = fitted(part, dtype="float64", alpha=0.1)
    weights = model.get_weights()
    _, gradient = model.loss_and_gradient(part.X, part.y)
    found = flat(gradient)

    def loss(step):
        model.set_weights(moved(weights, iter(step)))
        return model.loss_and_gradient(part.X, part.y)[0]

    for direction in np.random.RandomState(3).normal(size=(5, len(found))) / np.sqrt(len(found)):
        numeric = (loss(1e-5 * direction) - loss(-1e-5 * direction)) / 2e-5
        assert direction @ found == pytest.approx(numeric, rel=1e-5, abs=1e-8)


@pytest.mark.thinned
@EVERY
@DTYPES
def test_gradients_by_the_inputs_are_differences(part, dtype):
    """The output is the predicted class's logit, as small moves do not change it, or the first."""
    model, X, step = fitted(part, dtype=dtype), part.X, 1e-6
    if hasattr(model, "classes_") and not part.axes:
        found, picked = model.input_gradient(X), model.predict(X)
    else:
        found, picked = model.input_gradient(X, 0), 0
    assert found.dtype == dtype
    model._arrays = [array.astype(float) for array in model._arrays]
    for column in range(X.shape[1]):
        moves = step * (np.arange(X.shape[1]) == column)
        if column in code_columns(part.layers):
            assert not found[:, column].any()
            continue
        ends = [model.predict_logits(X + sign * moves) for sign in (1, -1)]
        differences = (ends[0] - ends[1]).reshape(len(X), -1) / (2 * step)
        expected = differences[np.arange(len(X)), picked]
        tolerance = {"float32": 1e-4, "float64": 1e-6}[dtype]
        assert_allclose(found[:, column], expected, rtol=tolerance, atol=tolerance)


# -- bits ------------------------------------------------------------------------------------


@pytest.mark.thinned
@EVERY
@DTYPES
@pytest.mark.parametrize("block", [4096, 8], ids=["whole", "blocks"])
def test_threads_change_no_bit(monkeypatch, part, dtype, block):
    """Batches that are whole, and batches that go through the buffers in blocks."""
    monkeypatch.setattr("fusednn.plan.memory.sizes.BLOCK_LIMIT", block)
    one, *others = (fitted(part, dtype=dtype, n_jobs=jobs) for jobs in (1, 2, 3))
    for other in others:
        assert one.loss_curve_ == other.loss_curve_
        assert flat(one.get_weights()).tobytes() == flat(other.get_weights()).tobytes()
        assert_array_equal(outputs_of(one)(part.X), outputs_of(other)(part.X))


@pytest.mark.thinned
@EVERY
@DTYPES
def test_rows_alone_and_together_have_the_same_bits(part, dtype):
    model = fitted(part, dtype=dtype)
    answer, many = outputs_of(model), np.tile(part.X, (5, 1))
    whole = answer(many)
    for rows in (slice(0, 1), slice(59, 61), slice(11, 20), slice(3, 131), slice(299, 300)):
        assert_array_equal(answer(many[rows]), whole[rows])


@pytest.mark.thinned
@EVERY
@DTYPES
def test_what_is_no_value_is_never_read(monkeypatch, part, dtype):
    """NaN in all memory that is to be written first: in passes, gradients and predictions."""
    many = np.tile(part.X, (2, 1))  # more rows than are multiplied without packing

    def results():
        model = fitted(part, dtype=dtype, n_jobs=2)
        loss, gradient = model.loss_and_gradient(part.X, part.y)
        parts = model.loss_curve_, flat(model.get_weights()), loss, flat(gradient)
        return [*parts, outputs_of(model)(part.X[:9]), outputs_of(model)(many)]

    clean = results()
    poisoned = Poisoned(monkeypatch)
    for one, other in zip(clean, results(), strict=True):
        assert np.isfinite(one).all()
        assert_array_equal(one, other)
    assert min(map(len, poisoned.buffers.values())) > 0
    assert min(map(min, poisoned.buffers.values())) > 0


# -- files, predictors, C --------------------------------------------------------------------


@pytest.mark.thinned
@EVERY
@DTYPES
def test_files_and_predictors(part, dtype, tmp_path):
    model, X = fitted(part, dtype=dtype), part.X
    answers, tolerance = outputs_of(model)(X), {"float32": 1e-5, "float64": 1e-10}[dtype]
    model.save(tmp_path / "model")
    again = type(model).load(tmp_path / "model")
    assert_array_equal(outputs_of(again)(X), answers)
    assert again.get_params()["solver"] == part.optimizer
    assert part.loss is None or again.get_params()["loss"] == part.loss
    predictor = freeze(model)
    predictor.save(tmp_path / "frozen")
    for found in (predictor, load(tmp_path / "model"), load(tmp_path / "frozen")):
        method = getattr(found, outputs_of(model).__name__)
        assert_allclose(method(X), answers, atol=tolerance * max(1, abs(answers).max()))
        by_row = np.concatenate([method(row[np.newaxis]) for row in X[:9]])
        assert_array_equal(by_row, method(X)[:9])


@EVERY_LAYER
def test_weights_are_taken_as_they_are_shown(specs):
    model, other = (fitted_values(specs, random_state=seed) for seed in (0, 1))
    other.set_weights(model.get_weights())
    assert_array_equal(other.predict(data_for(specs)), model.predict(data_for(specs)))


@EVERY
def test_it_has_a_form_in_c(part, tmp_path):
    export_c(fitted(part), tmp_path / "model.c")
    assert (tmp_path / "model.c").read_text().count("{") > 10


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_c_answers_as_the_predictor(dtype, tmp_path):
    """All parts in one program."""
    models = {
        f"part_{number}": (freeze(fitted(part, dtype=dtype)).model(), part.X)
        for number, part in enumerate(PARTS.values())
    }
    assert_answers(models, run_models(tmp_path, models, COMPILERS[0], ["-O0"]), dtype)

"""Gradients over runs of rows, by a convolution that the tests make."""

from types import SimpleNamespace

import numpy as np
import pytest
from cases import convolution_by_hand
from cases.convolution_by_hand import Convolution, Run
from cases.op_networks import parameters_for
from numpy.testing import assert_allclose

from fusednn.graph import network as networks
from fusednn.graph.arrays import CHUNKS, Array
from fusednn.graph.gradients import Partials
from fusednn.graph.layers.dense import Dense
from fusednn.graph.network import Network
from fusednn.plan.binding import bindings
from fusednn.plan.binding.loss import Target
from fusednn.plan.binding.products import gradient_op
from fusednn.plan.layout.forms import Table, Vectors
from fusednn.plan.updating.rule import Rule
from fusednn.training.predict import input_gradient
from fusednn.training.session import Session

SAMPLES = 43
LAYERS = {
    "one channel": Convolution(9, 1, 3, taps=2),
    "one tap": Convolution(7, 5, 33, taps=1),
    "stride": Convolution(12, 3, 5, taps=3, stride=2, first=1),
    "dilation": Convolution(14, 2, 20, taps=4, dilation=3),
    "many": Convolution(6, 70, 35, taps=2),  # tiles of the weights that two taps share
    "lines": Convolution(25, 3, 4, taps=2, stride=2, lines=3),
}
EVERY = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
BOUNDS = {np.float32: 2e-5, np.float64: 1e-12}
"""To a share of the largest."""


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    for name, binding in convolution_by_hand.BINDINGS.items():
        monkeypatch.setitem(bindings.BINDINGS, name, binding)


def drawn(layer, dtype=np.float64):
    """A network behind a dense layer and before another, X, targets, and parameters."""
    rng = np.random.default_rng(0)
    network = Network((Dense(6, layer.fan_in), layer, Dense(layer.fan_out, 2)), "squared_error")
    parameters = parameters_for(network.graph(trains=True), rng)
    parts = rng.normal(size=(SAMPLES, 6)), rng.normal(size=(SAMPLES, 2)), *parameters
    X, t, *parameters = (part.astype(dtype) for part in parts)
    return network, X, t, parameters


def mean_error(t):
    def of_loss(logits, _):
        d = (logits - t) / SAMPLES
        return (d * d * SAMPLES).mean(axis=1)[:, np.newaxis] / 2, d

    return of_loss


def trained(layer, dtype, rule, jobs=1, batch=SAMPLES, poisoned=False):
    """The loss and gradients of all samples, or the parameters after two passes."""
    network, X, t, parameters = drawn(layer, dtype)
    session = Session(
        *(network, X, Target(t, None), rule),
        batch=batch, order=np.arange(SAMPLES), l2=0.0, n_jobs=jobs,
    )  # fmt: skip
    session.load(parameters)
    if poisoned:
        for array in session.plan.memory.work:
            if array.dtype.kind == "f":
                array[:] = np.nan
    with session:
        if rule.optimizer is None:
            loss = session.run_gradient(1.0)
            found = session.plan.layout.unpack(session.plan.gradient)
            return [np.array(loss), *found, *([session.plan.dx] if rule.inputs else [])]
        for _ in range(2):
            session.run_passes(np.full(session.batches, 0.05))
    return session.parameters()


def interpreted(layer, dtype=np.float64):
    """The same loss and gradients by NumPy in float64."""
    network, X, t, parameters = drawn(layer, dtype)
    graph = network.graph(trains=True, wants_dx=True)
    run = Run(graph, parameters, X, mean_error(t.astype(float)))
    return [run.losses.sum(), *run.gradients(), run.dx]


def assert_same_bits(ones, others):
    for one, other in zip(ones, others, strict=True):
        assert np.isfinite(one).all()
        assert one.tobytes() == other.tobytes()


@EVERY
def test_the_interpreters_gradients_are_differences(layer):
    rng = np.random.default_rng(1)
    network, X, t, parameters = drawn(layer)
    graph = network.graph(trains=True)
    gradients = Run(graph, parameters, X, mean_error(t)).gradients()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        for _ in range(3):
            place = tuple(rng.integers(size) for size in gradient.shape)
            before, ends = parameter[place], []
            for parameter[place] in (before + 1e-6, before - 1e-6):
                d = Run(network.graph(), parameters, X).logits - t
                ends.append((d**2).sum() / 2 / SAMPLES)
            parameter[place] = before
            expected = (ends[0] - ends[1]) / 2e-6
            assert gradient[place] == pytest.approx(expected, rel=1e-5, abs=1e-6)


@DTYPES
@EVERY
@pytest.mark.parametrize("jobs", [1, 3])
def test_gradients(layer, dtype, jobs):
    found = trained(layer, dtype, Rule(None, inputs=True), jobs)
    for one, other in zip(found, interpreted(layer, dtype), strict=True):
        scale = np.abs(other).max()
        assert_allclose(one / scale, other / scale, rtol=0, atol=BOUNDS[dtype])


@DTYPES
@EVERY
@pytest.mark.parametrize("rule", [Rule(None), Rule("adam", (0.9, 0.999, 1e-8), l1=0.1)], ids=str)
def test_threads_and_memory_change_no_bit(layer, dtype, rule):
    """The last batch is smaller, and ends within a chunk."""
    batch = 18 if rule.optimizer else SAMPLES
    one = trained(layer, dtype, rule, batch=batch)
    for jobs, poisoned in ((2, False), (3, True)):
        assert_same_bits(one, trained(layer, dtype, rule, jobs, batch, poisoned))


@EVERY
def test_a_step_moves_by_the_gradient(layer):
    _, _, _, before = drawn(layer)
    gradients = interpreted(layer)[1:-1]
    network, X, t, parameters = drawn(layer)
    session = Session(
        *(network, X, Target(t, None), Rule("sgd", (0.0,))),
        batch=SAMPLES, order=np.arange(SAMPLES), l2=0.0, n_jobs=2,
    )  # fmt: skip
    session.load(parameters)
    with session:
        session.run_passes(np.ones(1))
    for one, other, gradient in zip(before, session.parameters(), gradients, strict=True):
        assert_allclose(one - other, gradient, rtol=1e-9, atol=1e-9)


@DTYPES
@pytest.mark.parametrize("layer", [LAYERS["one tap"], Convolution(24, 70, 35, taps=1, lines=4)])
def test_runs_that_are_all_rows_have_the_bits_of_one_sum(layer, dtype, monkeypatch):
    rule = Rule("adam", (0.9, 0.999, 1e-8))
    found = trained(layer, dtype, rule)
    networks._graph.cache_clear()
    monkeypatch.setattr(Convolution, "runs", lambda self: None)
    assert_same_bits(found, trained(layer, dtype, rule))
    networks._graph.cache_clear()


@DTYPES
@EVERY
def test_gradients_of_outputs(layer, dtype):
    network, X, _, parameters = drawn(layer, dtype)
    found = input_gradient(network, parameters, X, picked=1, n_jobs=2)
    expected = Run(network.graph(wants_dx=True), parameters, X, of=1).dx
    assert_allclose(found, expected, rtol=0, atol=BOUNDS[dtype] * np.abs(expected).max())


def test_rows_beyond_a_samples_are_refused(monkeypatch):
    layer = LAYERS["stride"]
    runs = layer.runs()
    for wrong in (
        runs._replace(length=runs.length + 1),
        runs._replace(x=runs.x._replace(first=3)),
        runs._replace(dz=runs.dz._replace(first=1)),
        runs._replace(taps=(0, 1, 5)),
        runs._replace(taps=(0, 1)),
    ):
        monkeypatch.setattr(Convolution, "runs", lambda self, wrong=wrong: wrong)
        networks._graph.cache_clear()
        with pytest.raises(AssertionError):
            trained(layer, np.float64, Rule(None))
    networks._graph.cache_clear()


@pytest.mark.parametrize("form", [kind(8, 2, np.float64) for kind in (Vectors, Table)])
def test_forms_without_an_update_from_chunks_are_refused(form):
    lowering = SimpleNamespace(forms=[form])
    with pytest.raises(TypeError, match="no update for Partials"):
        gradient_op(lowering, 0, Partials(Array((8, 2), CHUNKS)))

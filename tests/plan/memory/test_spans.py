"""Loops over samples: their steps, and the memory of what they alone use."""

import numpy as np
import pytest
from cases.op_networks import CASES
from fusednn.kernels.intrinsics.shapes import SHAPE

from fusednn import NetworkClassifier
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    GlobalAvgPool,
    MaxPool2D,
    MultiHeadAttention,
)
from fusednn.plan.memory import spans
from fusednn.plan.memory.buffers import leading_dimension
from fusednn.training.session import Session


@pytest.fixture
def plans(monkeypatch):
    """The plans of fits."""
    found, begin = [], Session.__enter__

    def entered(session):
        found.append(session.plan)
        return begin(session)

    monkeypatch.setattr(Session, "__enter__", entered)
    return found


def fit(layers, X, **options):
    y = np.arange(len(X)) % 3
    return NetworkClassifier(layers, max_iter=1, random_state=0, **options).fit(X, y)


def test_memory_of_images(plans):
    """What the way back needs of 128 images, and two steps of all else: not 80 MB."""
    X = np.random.default_rng(0).normal(size=(128, 28, 28, 1)).astype(np.float32)
    layers = [
        *(Conv2D(32, 3, "relu", padding="valid"), Conv2D(64, 3, "relu", padding="valid")),
        *(MaxPool2D(2), Flatten(), Dense(128, "relu")),
    ]
    with pytest.warns(UserWarning, match="iterations"):
        fit(layers, X, batch_size=128, n_jobs=2)
    [plan] = plans
    assert sum(array.nbytes for array in plan.memory.work) < 25e6


@pytest.mark.parametrize("near", [1, 30_000])
def test_bits_depend_on_no_threads(near, monkeypatch):
    monkeypatch.setattr(spans, "STEP_BYTES", near)
    X = np.random.default_rng(0).normal(size=(50, 9, 8, 2)).astype(np.float32)
    layers = [Conv2D(12, 3, "relu"), MaxPool2D(2), Conv2D(5, 2, "tanh"), Flatten(), Dense(9)]
    with pytest.warns(UserWarning, match="iterations"):
        one, *others = (fit(layers, X, batch_size=23, n_jobs=jobs) for jobs in (1, 2, 3))
    for other in others:
        for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


def test_every_network_of_images_has_loops():
    """Those that the tests of gradients run in small steps."""
    assert sum(network.positions > 1 for network in CASES.values()) > 20


@pytest.mark.parametrize("near", [1, 30_000])
def test_bits_of_recurrences_between_convolutions(near, monkeypatch):
    """Loops of few samples beside calls that run for all samples of a task."""
    monkeypatch.setattr(spans, "STEP_BYTES", near)
    X = np.random.default_rng(0).normal(size=(70, 11, 2)).astype(np.float32)
    layers = [
        *(Conv1D(12, 3, "relu"), LSTM(9, return_sequences=True, bidirectional=True)),
        *(Conv1D(5, 2, "tanh"), GRU(6)),
    ]
    with pytest.warns(UserWarning, match="iterations"):
        one, *others = (fit(layers, X, batch_size=37, n_jobs=jobs) for jobs in (1, 2, 3))
    whole = one.predict_proba(X)
    for other in others:
        assert one.loss_curve_ == other.loss_curve_
        np.testing.assert_array_equal(other.predict_proba(X), whole)
    for rows in (slice(0, 1), slice(7, 12), slice(30, 70)):
        np.testing.assert_array_equal(one.predict_proba(X[rows]), whole[rows])


def test_recurrences_take_all_samples_of_a_task():
    """Weights are then read once for each step and task; other calls run for few samples."""
    network = CASES["list of LSTM, sequences"]
    calls = network.graph(trains=True).calls
    found = spans.Spans(calls, [{}] * len(calls), (), np.float32, lambda call: True, 8)
    steps = {call.op: loop.step for loop in found.loops for call in calls[loop.first : loop.last]}
    assert {steps[op] for op in steps if op in spans.TOGETHER} == {0}
    assert steps["lstm_backward"] == 0
    assert steps["convolve"] > 0
    assert steps["convolution_partials"] > 0


@pytest.mark.parametrize(
    ("layer", "multiples"),
    [(RNN, (1, 1)), (LSTM, (4, 1, 1, 1)), (GRU, (3, 3, 1, 1))],
)
def test_memory_of_recurrences(layer, multiples, plans):
    """For each sample and step: gates, states, and what the way back needs besides."""
    samples, units, channels, extra = 32, 48, 16, 20
    for steps in (extra, 2 * extra):
        X = np.random.default_rng(0).normal(size=(samples, steps, channels)).astype(np.float32)
        with pytest.warns(UserWarning, match="iterations"):
            fit([layer(units)], X, batch_size=samples, n_jobs=1)
    few, many = (sum(array.nbytes for array in plan.memory.work) for plan in plans)
    widths = [times * units for times in multiples]
    elements = sum(leading_dimension(width, np.float32) for width in (channels, *widths))
    assert (many - few) / samples / extra <= 4 * elements


def test_memory_of_attention_grows_with_the_steps(plans):
    """Beyond 512 steps the weights of all pairs are not kept, whose number is the square."""
    for steps in (520, 1040):
        X = np.random.default_rng(0).normal(size=(4, steps, 4)).astype(np.float32)
        with pytest.warns(UserWarning, match="iterations"):
            fit([MultiHeadAttention(2), GlobalAvgPool()], X, batch_size=2, n_jobs=1)
    few, many = (sum(array.nbytes for array in plan.memory.work) for plan in plans)
    assert many < 2.1 * few
    assert many < 4 * 2 * 1040**2  # the weights of one sample


@pytest.mark.parametrize(
    ("batch", "sizes"), [(1, [1]), (8, [4, 4]), (12, [6, 6]), (40, [7, 14, 7, 12])]
)
def test_two_workers_have_as_much_to_do(batch, sizes, plans):
    """Twelve series of several steps each make tasks of six, not of eight and four."""
    X = np.random.default_rng(0).normal(size=(2 * batch + 1, 20, 4)).astype(np.float32)
    with pytest.warns(UserWarning, match="iterations"):
        fit([Dense(16), Dense(16), GlobalAvgPool()], X, batch_size=batch, n_jobs=2)
    [plan] = plans
    tasks, _ = plan.program.stages[0]
    assert all(task.lo % plan.program.chunk == 0 for task in tasks)
    found = [task.hi - task.lo for task in tasks]
    assert sum(found) == batch
    if SHAPE.rows == 8:
        assert found == sizes

"""Recurrences with rounded weights: whose bits they have, and how far their answers are off."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from cases.op_models import made
from cases.padded_series import padded, series_of_lengths
from fusednn.kernels.intrinsics.integers import DOT

import fusednn
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.reshape import Reshape
from fusednn.plan import cutting
from fusednn.plan.binding.activations import epilogue
from fusednn.serving import computing
from fusednn.serving.model import VALUES, Head
from fusednn.serving.predictor import Predictor

STEPS, CHANNELS, UNITS = 9, 5, 37
CELLS = ["tanh", "relu", "lstm", "gru"]
KINDS = [
    "bfloat16",
    pytest.param(
        "int8", marks=pytest.mark.skipif(DOT is None, reason="no product of integers here")
    ),
]
cells = pytest.mark.parametrize("cell", CELLS)
both = pytest.mark.parametrize("weights", KINDS)
X = np.random.RandomState(0).normal(size=(70, STEPS * CHANNELS)).astype(np.float32)


def model_of(cell, directions=1):
    """Two recurrences and a dense layer of many units, whose weights are rounded too."""
    first = Recurrent(CHANNELS, UNITS, cell, sequences=True, both=directions > 1)
    second = replace(first, fan_in=directions * UNITS, units=21, sequences=False)
    ops = Reshape((STEPS, CHANNELS)), first, second, Dense(directions * 21, 6, epilogue("relu"))
    model = made(ops, Head(VALUES, "identity"), np.float32)
    return model._replace(arrays=[array / 6 for array in model.arrays])  # no chaos


@both
@cells
def test_same_bits_however_called(cell, weights):
    model = model_of(cell, 2)
    predictor = Predictor(model, 1, weights)
    whole = predictor(X)
    for rows in (1, 7):
        some = [predictor(X[i : i + rows]) for i in range(0, 70, rows)]
        np.testing.assert_array_equal(np.concatenate(some), whole)
    np.testing.assert_array_equal(Predictor(model, 2, weights)(X), whole)


@both
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_few_samples_by_two_threads(cell, weights, monkeypatch):
    monkeypatch.setattr(computing, "BRIEF_FLOPS", 0)
    monkeypatch.setattr(computing, "FLOPS_PER_HELPER", 1)
    monkeypatch.setattr(cutting, "PART_OPERATIONS", 1)
    one, two = (Predictor(model_of(cell, 2), jobs, weights) for jobs in (1, 2))
    for rows in (1, 3):
        for _ in range(5):
            np.testing.assert_array_equal(two(X[:rows]), one(X[:rows]))


@both
@cells
def test_steps_of_a_stream_have_the_bits_of_the_whole(cell, weights):
    predictor = Predictor(model_of(cell), 1, weights)
    stream, whole = predictor.stream(), predictor(X[:3])
    for series, expected in zip(X[:3].reshape(3, STEPS, CHANNELS), whole, strict=True):
        stream.reset()
        np.testing.assert_array_equal([stream.step(x) for x in series][-1], expected)


@cells
def test_halves_have_the_bits_of_floats_of_the_same_values(cell):
    predictor = Predictor(model_of(cell, 2), 1, "bfloat16")
    np.testing.assert_array_equal(predictor(X), Predictor(predictor.model(), 1)(X))
    assert not np.array_equal(predictor(X), Predictor(model_of(cell, 2), 1)(X))


@pytest.mark.skipif(DOT is None, reason="no product of integers here")
@cells
def test_integers_round_states_and_weights(cell):
    exact = Predictor(model_of(cell), 1)(X)
    predictor = Predictor(model_of(cell), 1, "int8")
    of_weights = abs(Predictor(predictor.model(), 1)(X) - exact).max()
    size = abs(exact).max()
    assert 0 < of_weights < 0.05 * size
    assert 0 < abs(predictor(X) - exact).max() < 0.05 * size


@both
def test_files_and_pickles_keep_the_bits(weights, tmp_path):
    once = Predictor(model_of("gru"), 1, weights)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(once))(X), once(X))
    once.save(tmp_path / "model.safetensors")
    read = fusednn.load(tmp_path / "model.safetensors", weights=weights)
    np.testing.assert_array_equal(read(X), once(X))


@both
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_padded_series_are_answered_as_if_alone(cell, weights):
    layer = {"lstm": fusednn.layers.LSTM, "gru": fusednn.layers.GRU}[cell]
    series = series_of_lengths((7, 2, 1, 5, 7, 4))
    network = fusednn.NetworkRegressor([layer(UNITS, bidirectional=True)], random_state=0)
    predictor = fusednn.freeze(network.initialize(series, np.zeros(6)), weights=weights)
    alone = np.concatenate([predictor(one) for one in series])
    np.testing.assert_array_equal(predictor(padded(series)), alone)


def test_a_state_that_is_not_finite_stays_so():
    model = model_of("relu")
    arrays = [np.full_like(array, 1e30) for array in model.arrays]
    model = model._replace(arrays=arrays)
    for weights in ("bfloat16", "int8")[: 1 + (DOT is not None)]:
        with np.errstate(invalid="ignore"):
            assert not np.isfinite(Predictor(model, 1, weights)(abs(X))).any()

"""Recurrences that multiply x by its weights for some steps at a time, in predictions."""

import numpy as np
import pytest
from cases.op_models import made
from cases.padded_series import padded
from oracles.interpreter import Run

from fusednn.graph import network as networks
from fusednn.graph.layers import recurrent
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.recurrent import TOGETHER, Recurrent
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.network import Network
from fusednn.serving import computing
from fusednn.serving.model import VALUES, Head
from fusednn.serving.predictor import Predictor

STEPS = 2 * TOGETHER + 5
LISTS = {
    "LSTM": (Recurrent(3, 7, "lstm"), Dense(7, 2)),
    "two ways": (
        Recurrent(3, 5, "lstm", sequences=True, both=True),
        Recurrent(10, 6, "gru", both=True),
        Dense(12, 2),
    ),
    "GRU": (Recurrent(3, 9, "gru", sequences=True), Recurrent(9, 4, "lstm"), Dense(4, 2)),
}
lists = pytest.mark.parametrize("name", LISTS)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
X = np.random.default_rng(0).normal(size=(40, 3 * STEPS))


def ops_of(name, steps=STEPS):
    return Reshape((steps, 3)), *LISTS[name]


@pytest.fixture
def whole(monkeypatch):
    """Afterwards graphs multiply x for all steps at once."""

    def switch():
        monkeypatch.setattr(recurrent, "TOGETHER", 1 << 30)
        networks._graph.cache_clear()

    yield switch
    networks._graph.cache_clear()


def calls_of(network, **how):
    return [call.op for call in network.graph(**how).calls]


def test_where_x_is_multiplied_in_parts():
    """In predictions of many steps by a thread for itself; not where there is a way back."""
    network = Network(ops_of("GRU"), "squared_error")
    assert calls_of(network) == ["reshape", "gru_forward", "lstm_forward", "join_states", "dense"]
    for how in ({"trains": True}, {"wants_dx": True}, {"is_shared": True}):
        assert calls_of(network, **how)[:3] == ["reshape", "dense", "gru_forward"]
    short = Network(ops_of("GRU", TOGETHER), "squared_error")
    assert calls_of(short)[:3] == ["reshape", "dense", "gru_forward"]


def model_of(name, dtype):
    """Weights that leave the states far from their bounds."""
    model = made(ops_of(name), Head(VALUES, "identity"), dtype)
    return model._replace(arrays=[array / 3 for array in model.arrays])


@lists
@DTYPES
def test_outputs_are_the_interpreters(name, dtype):
    model = model_of(name, dtype)
    network = Network(model.ops, "squared_error")
    want = Run(network.graph(), model.arrays, X).logits
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(Predictor(model)(X), want, atol=tolerance)


@lists
@DTYPES
@pytest.mark.parametrize("jobs", [1, 2])
def test_the_bits_are_those_of_all_steps_at_once(name, dtype, jobs, whole, monkeypatch):
    """For whole series, and for series of unequal lengths, alone and together."""
    monkeypatch.setattr(computing, "FLOPS_PER_HELPER", 1)
    model, lengths = model_of(name, dtype), np.arange(len(X)) % STEPS + 1
    ragged = padded(
        [row[: 3 * count].reshape(count, 3) for row, count in zip(X, lengths, strict=True)]
    )
    ragged = ragged.reshape(len(X), -1).astype(dtype)
    predictor = Predictor(model, jobs)
    found = [predictor(X), predictor(ragged)]
    some = np.concatenate([predictor(X[at : at + 3]) for at in range(0, len(X), 3)])
    np.testing.assert_array_equal(some, found[0])
    whole()
    predictor = Predictor(model, jobs)
    assert calls_of(Network(model.ops, "squared_error"))[:2] == ["reshape", "dense"]
    for rows, answers in zip((X, ragged), found, strict=True):
        np.testing.assert_array_equal(predictor(rows), answers)


def test_a_call_takes_less_memory(whole):
    ops = Reshape((512, 3)), Recurrent(3, 32, "lstm"), Dense(32, 2)
    model = made(ops, Head(VALUES, "identity"), np.float32)

    def sums():
        [_, call, *_] = Network(ops, "squared_error").graph().calls
        return call.out.get("gates", call.out.get("out")).positions

    assert sums() == TOGETHER
    found = Predictor(model)(np.ones((2, 3 * 512), np.float32))
    whole()
    assert sums() == 512
    np.testing.assert_array_equal(Predictor(model)(np.ones((2, 3 * 512), np.float32)), found)

"""Series that arrive step by step: the bits of the whole, states, copies, and what is refused."""

import copy
import pickle

import numpy as np
import pytest
from cases.op_models import made
from cases.step_networks import CHANNELS, STEPPED, ops_of

from fusednn import NetworkClassifier, NetworkRegressor, freeze, load
from fusednn.layers import (
    GRU,
    LSTM,
    Activation,
    BatchNorm,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    GlobalMaxPool,
    MaxPool1D,
    MultiHeadAttention,
    Reshape,
    Residual,
    TransformerBlock,
)
from fusednn.serving.model import VALUES, Head
from fusednn.serving.predictor import Predictor

STEPS = 11
RANDOM = np.random.RandomState(0)
SERIES = RANDOM.normal(size=(2, STEPS, CHANNELS)).astype(np.float32)
HEAD = Head(VALUES, "identity")
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def predictor_of(name, dtype, steps=STEPS, **options):
    return Predictor(made(ops_of(name, steps), HEAD, dtype), **options)


@both_types
@pytest.mark.parametrize("name", STEPPED)
def test_each_step_has_the_bits_of_the_whole(name, dtype):
    stream = predictor_of(name, dtype).stream()
    for series in SERIES.astype(dtype):
        stream.reset()
        for step in range(STEPS):
            found = stream.step(series[step])
            seen = series[: step + 1]
            whole = predictor_of(name, dtype, step + 1)(seen.reshape(1, -1))
            np.testing.assert_array_equal(found, whole.reshape(-1)[-len(found) :])


def test_rounded_weights_have_the_bits_of_the_whole():
    predictor = predictor_of("convolutions", np.float32, weights="bfloat16")
    stream, whole = predictor.stream(), predictor(SERIES[0].reshape(1, -1)).reshape(STEPS, -1)
    np.testing.assert_array_equal([stream.step(x) for x in SERIES[0]], whole)


def test_streams_are_apart():
    predictor = predictor_of("mixed", np.float32)
    streams = [predictor.stream() for _ in SERIES]
    for x in SERIES.swapaxes(0, 1):
        found = [stream.step(row) for stream, row in zip(streams, x, strict=True)]
    np.testing.assert_array_equal(found, predictor(SERIES.reshape(2, -1)))


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_a_copy_goes_on_from_there(copied):
    stream = predictor_of("mixed", np.float32).stream()
    for x in SERIES[0, :4]:
        stream.step(x)
    other = copied(stream)
    for x in SERIES[1]:
        other.step(x)
    again = copied(stream)
    for x in SERIES[0, 4:]:
        np.testing.assert_array_equal(stream.step(x), again.step(x))


def test_what_is_refused_leaves_the_states():
    stream = predictor_of("mixed", np.float32).stream()
    stream.step(SERIES[0, 0])
    untouched = copy.copy(stream)
    for x, words in (
        ([1.0, np.nan, 0.0], "Input X contains NaN"),
        ([1.0, np.inf, 0.0], "infinity"),
        ([1.0, 2.0], "has 3 features; got x of shape"),
        (SERIES[0], "has 3 features; got x of shape"),
    ):
        for call in (stream.step, stream.predict, stream):
            with pytest.raises(ValueError, match=words):
                call(x)
    rows = SERIES[0, :2]
    for X, words in (
        (rows.tolist()[0], r"Steps of this stream are \(n_steps, 3\); got X of shape \(3,\)"),
        (rows.astype(str), "numeric"),
        (rows + 1j, "Complex data not supported"),
        (rows.astype(float) * 1e300, "infinity"),
    ):
        with pytest.raises(ValueError, match=words):
            stream.steps(X)
    with pytest.raises(ValueError, match=r"out must be of shape \(3,\)"):
        stream.step(SERIES[0, 1], out=np.empty(2, np.float32))
    np.testing.assert_array_equal(stream.step(SERIES[0, 1]), untouched.step(SERIES[0, 1]))


def test_kinds_of_steps(tmp_path):
    """Lists, other types and `out` as a predictor takes them; a loaded predictor streams too."""
    predictor = predictor_of("LSTM", np.float32)
    predictor.save(tmp_path / "series.fusednn")
    ours, theirs = predictor.stream(), load(tmp_path / "series.fusednn").stream()
    out = np.empty(2, np.float32)
    for x in SERIES[0]:
        assert theirs.step(x.astype(float).tolist(), out=out) is out
        np.testing.assert_array_equal(ours.step(x), out)
    assert repr(ours) == f"<Stream of {predictor!r}>"


SMALL = {"max_iter": 1, "random_state": 0}
X = RANDOM.normal(size=(30, 5, 2))
fits = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@fits
def test_a_classifier_answers_as_its_predictor():
    y = np.array(["a", "b", "c"])[np.arange(30) % 3]
    predictor = freeze(NetworkClassifier([GRU(4)], standardize=True, **SMALL).fit(X, y))
    for ask in ("predict", "predict_proba", "__call__"):
        stream = predictor.stream()
        for x in X[3]:
            found = getattr(stream, ask)(x)
        np.testing.assert_array_equal(found, getattr(predictor, ask)(X[3]))
    assert predictor.stream().classes_.tolist() == ["a", "b", "c"]


CAUSAL, AHEAD = Conv1D(2, 2, padding="causal"), [Conv1D(2, 2), GRU(2)]


@fits
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([Dense(3), LSTM(2, bidirectional=True)], "but the network's LSTM goes from"),
        ([Conv1D(3, 2), GRU(2)], "the network's Conv1D is not causal"),
        ([Conv1D(3, 2, padding="causal", stride=2), GRU(2)], "network's Conv1D is not causal"),
        ([GRU(2, return_sequences=True), GlobalMaxPool()], "network's GlobalMaxPool needs the"),
        ([MaxPool1D(2), GRU(2)], "the network's MaxPool1D needs the steps"),
        ([GRU(2, return_sequences=True), Flatten()], "the network's Flatten needs"),
        ([MultiHeadAttention(2), GRU(2)], "MultiHeadAttention is not causal: it needs causal="),
        ([TransformerBlock(1), GRU(2)], "network's MultiHeadAttention is not causal"),
        ([Residual([Conv1D(2, 3)]), GRU(2)], "the network's Conv1D is not causal"),
        (
            [CAUSAL, Dropout(0.1), Activation("tanh"), BatchNorm(), Residual([CAUSAL]), *AHEAD],
            "the network's Conv1D number 3 is not causal",
        ),
    ],
)
def test_networks_that_look_ahead_are_refused(layers, words, standardize):
    model = NetworkRegressor(layers, standardize=standardize, **SMALL)
    predictor = freeze(model.initialize(X, X[:, 0, 0]))
    with pytest.raises(ValueError, match=words):
        predictor.stream()


@fits
def test_networks_without_steps_are_refused():
    rows = X.reshape(30, -1)
    layers = [Reshape(5, 2), GRU(2, bidirectional=True)]
    predictor = freeze(NetworkRegressor(layers, **SMALL).fit(rows, rows[:, 0]))
    with pytest.raises(ValueError, match="the network's GRU goes from"):
        predictor.stream()
    predictor = freeze(NetworkRegressor([Dense(3)], **SMALL).fit(rows, rows[:, 0]))
    with pytest.raises(ValueError, match=r"does not begin with axes \(steps, channels\)"):
        predictor.stream()

"""Truncated backpropagation (`window=`) beside PyTorch's, with states that are detached."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.torch_truncated import RATE, Truncated

from fusednn import NetworkRegressor, export_torch
from fusednn.layers import GRU, LSTM, RNN, Dense, LayerNorm, TokenEmbedding

pytestmark = pytest.mark.peers
SAMPLES, BATCH, STEPS, CHANNELS, EPOCHS = 10, 4, 11, 3, 7
RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(SAMPLES, STEPS, CHANNELS))
LENGTHS = (2, 11, 5, 4, 1, 8, 11, 7, 11, 3)
"""Each batch has a longest series, so that some series has a step in every window."""
STACKS = {
    "LSTM": (
        [LSTM(6, return_sequences=True), LayerNorm(), LSTM(5)],
        lambda: [torch.nn.LSTM(3, 6, batch_first=True), torch.nn.LayerNorm(6),
                 torch.nn.LSTM(6, 5, batch_first=True), torch.nn.Linear(5, 1)],
    ),
    "GRU": (
        [Dense(4, "tanh"), GRU(6)],
        lambda: [torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.GRU(4, 6, batch_first=True),
                 torch.nn.Linear(6, 1)],
    ),
    "RNN": (
        [RNN(6, "relu", return_sequences=True), RNN(4)],
        lambda: [torch.nn.RNN(3, 6, nonlinearity="relu", batch_first=True),
                 torch.nn.RNN(6, 4, batch_first=True), torch.nn.Linear(4, 1)],
    ),
}  # fmt: skip
"""Layers with the last state as output; the test of targets per step makes it all states."""
TOKENS = {
    "tokens": (
        [TokenEmbedding(3, 9, padding=0), GRU(6, return_sequences=True), LSTM(5)],
        lambda: [torch.nn.Embedding(9, 3, padding_idx=0), torch.nn.GRU(3, 6, batch_first=True),
                 torch.nn.LSTM(6, 5, batch_first=True), torch.nn.Linear(5, 1)],
    ),
}  # fmt: skip
OF_EACH = pytest.mark.parametrize("each", [False, True], ids=["label", "each step"])


def layers_of(layers, each):
    """The list, whose last recurrence gives all states if `each` step has a target."""
    *others, last = layers
    return [*others, type(last)(**{**vars(last), "return_sequences": each})]


def begun(layers, X, y, window, clip=None):
    return NetworkRegressor(
        layers, learning_rate_init=RATE, max_iter=EPOCHS, batch_size=BATCH, shuffle=False,
        random_state=0, window=window, clip_norm=clip, tol=0, warm_start=True, dtype="float64",
    ).initialize(X, y)  # fmt: skip


def check(model, X, y, want):
    """Fits the model, and compares its weights with those wanted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    for ours, expected in zip(export_torch(model).values(), want, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("clip", [None, 0.05])
@OF_EACH
@pytest.mark.parametrize("window", [4, 1, 11])
@pytest.mark.parametrize("name", STACKS)
def test_training_is_that_of_detached_states(name, window, each, clip):
    """Over 21 batches; 4 leaves a window of three steps, the last or for a label the first."""
    layers, modules = STACKS[name]
    y = RANDOM.normal(size=(SAMPLES, STEPS) if each else SAMPLES)
    model = begun(layers_of(layers, each), X, y, window, clip)
    theirs = Truncated(modules(), export_torch(model), each, clip)
    check(model, X, y, theirs.fit(X, y, BATCH, EPOCHS, window))


@OF_EACH
@pytest.mark.parametrize(
    ("name", "window"), [("LSTM", 4), ("GRU", 3), ("RNN", 5), ("tokens", 4), ("LSTM", 1)]
)
def test_unequal_lengths_are_those_of_each_series_alone(name, window, each):
    layers, modules = {**STACKS, **TOKENS}[name]
    series = [row[:end] for row, end in zip(X, LENGTHS, strict=True)]
    if name == "tokens":
        series = [RANDOM.randint(1, 9, size=end) for end in LENGTHS]
    y = [RANDOM.normal(size=end) for end in LENGTHS] if each else RANDOM.normal(size=SAMPLES)
    model = begun(layers_of(layers, each), series, y, window)
    theirs = Truncated(modules(), export_torch(model), each)
    check(model, series, y, theirs.fit_alone(series, y, BATCH, EPOCHS, window))


@OF_EACH
@pytest.mark.parametrize("dtype", ["int64", "uint8"])
def test_tokens_of_equal_length(dtype, each):
    """Some of them the padding's code, within the samples."""
    layers, modules = TOKENS["tokens"]
    tokens = RANDOM.randint(0, 9, size=(SAMPLES, STEPS))
    tokens[:, -1] = 5
    y = RANDOM.normal(size=(SAMPLES, STEPS) if each else SAMPLES)
    given = tokens.astype(dtype)
    layers = layers_of(layers, each)
    model = begun(layers, given, y, 4)
    theirs = Truncated(modules(), export_torch(model), each)
    check(model, given, y, theirs.fit(tokens, y, BATCH, EPOCHS, 4))

"""`warmup` of networks on series: later calls with unequal lengths compile nothing."""

import numpy as np
import pytest
from cases.free_series import FREE
from fusednn.kernels import library
from fusednn.kernels._cache import statistics
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, NetworkRegressor, freeze, warmup
from fusednn.layers import GRU, LSTM, Conv1D, Dense, GlobalAvgPool, Reshape, TokenEmbedding

RANDOM = np.random.default_rng(0)
LENGTHS = RANDOM.integers(3, 12, size=90)
LENGTHS[:2] = 12
SERIES = [RANDOM.normal(size=(length, 3)).astype(np.float32) for length in LENGTHS]
TOKENS = [RANDOM.integers(1, 9, size=length) for length in LENGTHS]
ONES = [np.ones(length) for length in LENGTHS]
CLASSES = np.arange(90) % 3
PADDED = np.full((90, 12, 3), np.nan, np.float32)
for row, one in zip(PADDED, SERIES, strict=True):
    row[: len(one)] = one
EACH = [LSTM(4, return_sequences=True), Dense(3, "tanh")]
CASES = {
    **{name: (NetworkClassifier(layers), SERIES, CLASSES) for name, layers in FREE.items()},
    "rows": (
        NetworkClassifier([Reshape(12, 3), Conv1D(4, 3, padding="valid"), GlobalAvgPool()]),
        PADDED.reshape(90, -1),
        CLASSES,
    ),
    "channels first": (
        NetworkClassifier([Reshape(3, 12, channels="first"), GRU(4)]),
        PADDED.swapaxes(1, 2).reshape(90, -1),
        CLASSES,
    ),
    "tokens": (
        NetworkClassifier([TokenEmbedding(3, 9, padding=0), GRU(4)]),
        TOKENS,
        CLASSES,
    ),
    "targets of each step": (NetworkRegressor(EACH), SERIES, ONES),
    "mixed": (NetworkRegressor([GRU(4)], mixup=0.2), SERIES, CLASSES.astype(float)),
    "windows": (NetworkRegressor(EACH, window=5), SERIES, ONES),
    "windows of labels": (NetworkRegressor([GRU(4)], window=7), SERIES, CLASSES.astype(float)),
    "windows of tokens": (
        NetworkClassifier([TokenEmbedding(3, 9, padding=0), LSTM(4)], window=5),
        TOKENS,
        CLASSES,
    ),
}


@pytest.fixture
def nothing_compiled():
    """A process that has no kernels yet, but for the disk cache; what it loads is kept."""
    before = dict(library._compiled)
    library._compiled.clear()
    yield
    _ALIVE.append(dict(library._compiled))  # plans in caches have their addresses
    library._compiled.update(before)


_ALIVE = []


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize(("model", "X", "y"), CASES.values(), ids=CASES)
def test_nothing_is_compiled_afterwards(model, X, y):
    model.set_params(dtype="float32", max_iter=1)
    counts = warmup(model)
    assert counts["compiled"] + counts["loaded"] > 9
    before, had = statistics(), set(library._compiled)
    model = fit_quietly(model, X, y)
    for rows in (1, 90):
        model.predict(X[:rows])
    predictor = freeze(model)
    for rows in (1, 90):
        predictor.predict(X[:rows])
    missing = {function.__name__ for function, *_ in set(library._compiled) - had}
    assert not missing
    assert statistics() == before

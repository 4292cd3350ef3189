"""`warmup` of layers over windows: afterwards fits, predictions and predictors compile nothing."""

import numpy as np
import pytest
from fusednn.kernels import library
from fusednn.kernels._cache import statistics
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, NetworkRegressor, freeze, warmup
from fusednn.estimators.network.rehearsals import axes_taken
from fusednn.layers import (
    Activation,
    AvgPool1D,
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
    Reshape,
    Residual,
    UpSample2D,
)

CASES = {
    # the list, and the axes of samples that are not those of the rehearsal
    "images": ([Conv2D(5, 3, "relu"), MaxPool2D(2), Flatten(), Dense(7, "tanh")], (9, 7, 2)),
    "a block": (
        [
            *(Conv2D(8, 3), BatchNorm(), Activation("relu"), Dropout(0.2, per="channel")),
            Residual([Conv2D(8, 3, stride=2)], shortcut=[Conv2D(8, 1, stride=2), BatchNorm()]),
            GlobalAvgPool(),
        ],
        (6, 6, 1),
    ),
    "groups": (
        [Conv2D(8, 3), Conv2D(8, 3, groups=8), Conv2D(6, 3, groups=2), GlobalMaxPool()],
        (7, 5, 1),
    ),
    "the way up": (
        [
            *(ConvTranspose2D(4, 3, "relu", stride=2), UpSample2D(2), Conv2D(2, 3)),
            *(AvgPool2D(2), Flatten()),
        ],
        (3, 4, 2),
    ),
    "channels first": (
        [Reshape(2, 5, 4, channels="first"), Conv2D(3, 3, "gelu"), Flatten()],
        (40,),
    ),
    "series": (
        [
            *(Conv1D(6, 5, "relu", padding="causal"), MaxPool1D(2)),
            *(AvgPool1D(2, ceil_mode=True), Flatten(), Dense(3, "softmax")),
        ],
        (11, 4),
    ),
}


@pytest.fixture
def nothing_compiled(monkeypatch):
    """A process that has no kernels yet, but for the disk cache; what it loads is kept."""
    before = dict(library._compiled)
    library._compiled.clear()
    yield
    _ALIVE.append(dict(library._compiled))  # plans in caches have their addresses
    library._compiled.update(before)


_ALIVE = []


@pytest.mark.thinned
@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("layers", "axes"), CASES.values(), ids=CASES)
def test_nothing_is_compiled_afterwards(layers, axes, dtype):
    X, y = np.random.default_rng(0).normal(size=(150, *axes)), np.arange(150) % 3
    model = NetworkClassifier(layers, dtype=dtype, max_iter=1)
    counts = warmup(model)
    assert counts["compiled"] + counts["loaded"] > 9
    before = statistics()
    model = fit_quietly(model, X, y)
    for rows in (1, 64, 65, 150):
        model.predict(X[:rows])
        model.predict_proba(X[:rows])
    predictor = freeze(model)
    for rows in (1, 150):
        predictor.predict(X[:rows])
        predictor.predict_proba(X[:rows])
    assert statistics() == before


@pytest.mark.parametrize(
    ("layers", "axes"),
    [
        ([Dense(3, "relu")], (4,)),
        ([Reshape(2, 5), Conv1D(2, 2), Flatten()], (10,)),
        ([Conv1D(2, 3), Flatten()], (4,)),
        ([Conv1D(2, 7, padding=0), Flatten()], (8, 3)),
        ([Conv2D(2, 3), Flatten()], (8, 8, 3)),
        ([Conv2D(4, 3, groups=4), Flatten()], (8, 8, 4)),
        ([Residual([Conv2D(6, 3)]), Flatten()], (8, 8, 6)),
        ([Conv2D(2, 3), *[MaxPool2D(2)] * 5, Flatten(), Dense(3, "softmax")], (32, 32, 3)),
        ([Dense(3), GlobalAvgPool()], (8, 8, 3)),
        ([Conv2D(2, 3), Reshape(784 * 2)], (28, 28, 3)),
        ([Conv2D(2, 3)], (8, 8, 3)),
    ],
)
def test_axes_that_suit(layers, axes):
    assert axes_taken(layers) == axes


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"layers\[1\] is Conv1D.*received samples with axes \(8, 8, 2\)"
    ):
        warmup(NetworkRegressor([Conv2D(2, 3), Conv1D(2, 3)]))
    with pytest.raises(ValueError, match="samples with axes, which sparse X cannot have"):
        warmup(NetworkRegressor([Conv2D(2, 3), Flatten()]), sparse=True)

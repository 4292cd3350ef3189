"""Which networks have all their ops on a GPU, and which are refused: what docs/cuda.md says."""

import numpy as np
import pytest
from running.host_device import opened_as_cuda
from running.stand_in_gpu import StandIn
from scipy import sparse

from fusednn import (
    Autoencoder,
    LanguageModel,
    MLPClassifier,
    NetworkClassifier,
    VariationalAutoencoder,
)
from fusednn.layers import (
    GRU,
    AvgPool1D,
    Conv1D,
    Dense,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAvgPool,
    LayerNorm,
    MaxPool1D,
    MultiHeadAttention,
    Periodic,
    PiecewiseLinear,
    PReLU,
    Residual,
    RMSNorm,
)
from fusednn.text import CharTokenizer
from fusednn.training.cuda import gpu

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 5)).astype(np.float32)
CODES = np.c_[RANDOM.integers(0, 4, 60), X].astype(np.float32)
SERIES = RANDOM.normal(size=(60, 6, 2)).astype(np.float32)
Y = np.arange(60) % 2
GIVEN = {"device": "cuda", "max_iter": 1, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """A GPU that has the ops of the table, by the CPU's kernels."""
    one = StandIn()
    monkeypatch.setattr(gpu, "_used_by", None)
    monkeypatch.setattr(gpu, "_loaded", {})
    monkeypatch.setattr(gpu, "_packages", one.packages)
    monkeypatch.setattr(gpu.packages, "toolkit", lambda: (13, 0))
    with opened_as_cuda(lambda: gpu.open_gpu(one.compiled)):
        yield


@pytest.mark.parametrize(
    ("layers", "samples"),
    [
        ([GaussianNoise(0.1), Dense(8, "gelu"), PReLU(), RMSNorm(), LayerNorm()], X),
        ([Embedding([0]), Residual([Dense(8, "relu"), Dense(7)]), Dense(4)], CODES),
        ([Dense(8, weight_norm=True), Dense(4, "relu", max_norm=1.0)], X),
        ([MaxPool1D(2), AvgPool1D(3), Flatten(), Dense(4)], SERIES),
        ([Dense(4, "relu"), GlobalAvgPool()], SERIES),
    ],
    ids=["norms", "embeddings", "bounds", "pools", "axes"],
)
def test_networks_that_run(layers, samples):
    model = NetworkClassifier(layers, **GIVEN).fit(samples, Y)
    assert model.predict(samples).shape == (60,)


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.2, "mixup": 0.2, "clip_norm": 1.0, "ema_decay": 0.9},
        {"normalization": "batch", "early_stopping": True},
        {"normalization": "layer", "l1": 0.1},
        {"solver": "lbfgs"},
    ],
    ids=lambda options: "-".join(options),
)
def test_perceptrons_run(options):
    MLPClassifier((8,), **GIVEN, **options).fit(X, Y)


def test_autoencoders_run():
    Autoencoder(**GIVEN).fit(X)


@pytest.mark.parametrize(
    ("layers", "samples"),
    [
        ([Conv1D(3, 2), Flatten()], SERIES),
        ([GRU(4)], SERIES),
        ([MultiHeadAttention(2), GlobalAvgPool()], SERIES),
        ([Dense(4), LayerNorm(), GlobalAvgPool()], SERIES),
        ([Periodic(4), Dense(4)], X),
        ([PiecewiseLinear(4), Dense(4)], X),
    ],
    ids=["convolution", "recurrence", "attention", "norm-of-axes", "periodic", "bins"],
)
def test_networks_that_are_refused(layers, samples):
    model = NetworkClassifier(layers, **GIVEN)
    with pytest.raises(NotImplementedError, match="does not run on a GPU yet: use device='cpu'"):
        model.fit(samples, Y)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (VariationalAutoencoder(**GIVEN), (X,)),
        (Autoencoder(tied=True, **GIVEN), (X,)),
        (MLPClassifier((8,), **GIVEN), (sparse.csr_matrix(X), Y)),
        (LanguageModel(tokenizer=CharTokenizer(), context=8, **GIVEN), (["one two " * 100],)),
    ],
    ids=["variational", "tied", "csr", "language"],
)
def test_others_that_are_refused(model, arguments):
    with pytest.raises(NotImplementedError, match="does not run on a GPU yet"):
        model.fit(*arguments)

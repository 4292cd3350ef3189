"""Which networks have all their ops on a GPU: what docs/cuda.md says."""

import numpy as np
import pytest
from cases.declared_ops import OPS
from fusednn.kernels.cuda.twins import every_twin
from running.host_device import opened_as_cuda
from running.stand_in_gpu import StandIn
from scipy import sparse

from fusednn import (
    GAN,
    Autoencoder,
    LanguageModel,
    MLPClassifier,
    NetworkClassifier,
    TabularClassifier,
    TabularRegressor,
    VariationalAutoencoder,
    freeze,
)
from fusednn.augment import Crop, Jitter, Stretch
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    AvgPool1D,
    BatchNorm,
    Conv1D,
    ConvTranspose1D,
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
    PositionalEncoding,
    PReLU,
    Residual,
    RMSNorm,
    UpSample1D,
)
from fusednn.text import CharTokenizer
from fusednn.training.cuda import gpu

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 5)).astype(np.float32)
CODES = np.c_[RANDOM.integers(0, 4, 60), X].astype(np.float32)
IMAGES = RANDOM.normal(size=(12, 28, 28, 1)).astype(np.float32)
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
    with opened_as_cuda(lambda: gpu.open_gpu(one.compiled, one.compiled_program)):
        yield


@pytest.mark.parametrize(
    ("layers", "samples"),
    [
        ([GaussianNoise(0.1), Dense(8, "gelu"), PReLU(), RMSNorm(), LayerNorm()], X),
        ([Embedding([0]), Residual([Dense(8, "relu"), Dense(7)]), Dense(4)], CODES),
        ([Dense(8, weight_norm=True), Dense(4, "relu", max_norm=1.0)], X),
        ([MaxPool1D(2), AvgPool1D(3), Flatten(), Dense(4)], SERIES),
        ([Dense(4, "relu"), GlobalAvgPool()], SERIES),
        ([Periodic(4, kind="plr"), Periodic(4), Dense(4)], X),
        ([PiecewiseLinear(4), Dense(4)], X),
        ([PiecewiseLinear(4, 3), Dense(4)], X),
        (
            [Conv1D(3, 2), BatchNorm(), Conv1D(3, 2, groups=3), Conv1D(6, 2, groups=3), Flatten()],
            SERIES,
        ),
        ([ConvTranspose1D(2, 2), ConvTranspose1D(20, 3), UpSample1D(2), Flatten()], SERIES),
        ([LSTM(3, return_sequences=True, bidirectional=True), RNN(4), Dense(4)], SERIES),
        ([GRU(4, bidirectional=True)], [series[: 1 + n % 6] for n, series in enumerate(SERIES)]),
        ([Dense(4), LayerNorm(), GlobalAvgPool()], SERIES),
        ([PositionalEncoding(), MultiHeadAttention(2, dropout=0.1), GlobalAvgPool()], SERIES),
    ],
    ids=[
        *("norms", "embeddings", "bounds", "pools", "axes", "periodic", "bins", "embedded-bins"),
        *("convolutions", "transposed"),
        *("recurrences", "unequal series", "norm-of-axes", "attention"),
    ],
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


def test_windows_of_long_series_run():
    NetworkClassifier([GRU(4, return_sequences=True), LSTM(3)], window=4, **GIVEN).fit(SERIES, Y)


@pytest.mark.parametrize("tied", [False, True])
def test_autoencoders_run(tied):
    Autoencoder(tied=tied, **GIVEN).fit(X)


def test_variational_autoencoders_run():
    VariationalAutoencoder(**GIVEN).fit(X)


def test_csr_matrices_run():
    MLPClassifier((8,), **GIVEN).fit(sparse.csr_matrix(X), Y)


@pytest.mark.parametrize("tied", [True, False])
def test_language_models_run(tied):
    model = LanguageModel(tokenizer=CharTokenizer(), context=8, tied=tied, **GIVEN)
    model.fit("one two " * 20)
    assert len(model.generate("one", 4, random_state=0)) == 4  # written on the CPU
    assert model.perplexity("one two one") > 1


@pytest.mark.parametrize(
    "options",
    [{}, {"loss": "wasserstein"}, {"spectral_norm": True, "loss": "hinge"}],
    ids=["penalty", "bounds", "spectral-norm"],
)
def test_adversarial_networks_run(options):
    GAN(latent=3, **GIVEN, **options).fit(X, Y).sample(4)


def test_adversarial_networks_of_images_run():
    GAN(latent=3, **GIVEN).fit(IMAGES)


@pytest.mark.parametrize("augmentation", [Crop(4), Stretch(0.2), Jitter(0.1)], ids=str)
def test_augmentations_run(augmentation):
    NetworkClassifier([Flatten(), Dense(4)], augment=[augmentation], **GIVEN).fit(SERIES, Y)


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
@pytest.mark.parametrize("preset", ["fast", pytest.param("realmlp", marks=pytest.mark.long)])
def test_models_of_raw_tables_run(kind, preset):
    rows = [{"a": a, "b": b, "town": "Rome" if a > b else "Oslo"} for a, b, *_ in X.tolist()]
    model = kind(preset, device="cuda", random_state=0, n_jobs=1).fit(rows, Y)
    assert freeze(model, device="cuda").predict(rows).shape == (60,)


def test_all_but_streams_and_rounded_weights_have_kernels():
    """Streams stay on the CPU, and predictors of rounded weights refuse a GPU at once."""
    assert {module for module, name in OPS if OPS[module, name] not in every_twin()} == {
        "fusednn.kernels.ops.attention.stepped",
        "fusednn.kernels.ops.products.reduced",
        "fusednn.kernels.ops.products.reduced_convolution",
        "fusednn.kernels.ops.recurrence.rounded",
    }

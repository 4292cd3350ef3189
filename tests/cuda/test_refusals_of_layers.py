"""What a user is told of a layer that has no kernels for GPUs, before anything is sent."""

import numpy as np
import pytest
from running.host_device import HostDevice, opened_as_cuda
from scipy import sparse

from fusednn import (
    GAN,
    Autoencoder,
    LanguageModel,
    MLPClassifier,
    NetworkClassifier,
    NetworkRegressor,
    TabularClassifier,
    VariationalAutoencoder,
    freeze,
)
from fusednn.augment import Flip
from fusednn.layers import (
    GRU,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MultiHeadAttention,
    Periodic,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
)
from fusednn.text import CharTokenizer

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 5)).astype(np.float32)
CODES = np.c_[RANDOM.integers(0, 4, 60), X].astype(np.float32)
SERIES = RANDOM.normal(size=(60, 6, 2)).astype(np.float32)
IMAGES = RANDOM.normal(size=(60, 4, 4, 2)).astype(np.float32)
Y = np.arange(60) % 2
GIVEN = {"max_iter": 1, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Without(HostDevice):
    """A device without ops whose names have one of some words in them."""

    def __init__(self, words):
        super().__init__()
        self.words = words.split()

    def has(self, kernel):
        name = kernel.op.py_func.__name__
        return not any(word in name for word in self.words)


LAYERS = {
    "Conv1D": ("conv taps", [Conv1D(3, 2), GlobalAvgPool()], SERIES),
    "Conv2D": ("conv taps", [Residual([Conv2D(2, 1)]), Flatten()], IMAGES),
    "GRU": ("gru", [GRU(4)], SERIES),
    "MultiHeadAttention": ("attend", [MultiHeadAttention(2), GlobalAvgPool()], SERIES),
    "LayerNorm": ("layer_norm", [Dense(4), LayerNorm(), Dense(2)], X),
    "RMSNorm": ("layer_norm", [Dense(4), Residual([Residual([RMSNorm()])])], X),
    "Embedding": ("embed", [Embedding([0]), Dense(4)], CODES),
    "Periodic": ("periodic", [Periodic(4), Dense(4)], X),
    "PReLU": ("prelu", [Dense(4), PReLU()], X),
    "BatchNorm": ("batch_", [Dense(4), BatchNorm()], X),
    "Dense": ("forward", [Dense(4)], X),
}


@pytest.mark.parametrize(
    ("name", "words", "layers", "samples"),
    [(name, *rest) for name, rest in LAYERS.items()],
    ids=LAYERS,
)
def test_layers(name, words, layers, samples):
    """In fit, in predict, and when it is frozen."""
    model = NetworkClassifier(layers, device="cuda", **GIVEN)
    told = rf"^{name} has no kernels for GPUs yet \(\w+\): use device='cpu'"
    with opened_as_cuda(lambda: Without(words)) as devices:
        with pytest.raises(NotImplementedError, match=told):
            model.fit(samples, Y)
        assert not hasattr(model, "classes_")
        model.set_params(device="cpu").fit(samples, Y)
        if name != "BatchNorm":  # whose ops are those of training
            with pytest.raises(NotImplementedError, match=told):
                model.set_params(device="cuda").predict(samples)
            with pytest.raises(NotImplementedError, match=told):
                freeze(model, device="cuda")
    assert all(device.closed and not device.sent for device in devices)


def csr():
    return MLPClassifier((8,), **GIVEN), (sparse.csr_matrix(X), Y)


def augmented():
    layers = [Conv2D(2, 1), Flatten()]
    return NetworkClassifier(layers, augment=[Flip()], **GIVEN), (IMAGES, Y)


def tied():
    return Autoencoder(tied=True, **GIVEN), (X,)


def variational():
    return VariationalAutoencoder(**GIVEN), (X,)


def unknown_targets():
    model = NetworkRegressor([Dense(3)], missing_targets="ignore", **GIVEN)
    return model, (X, np.where(X[:, :2] > 1, np.nan, X[:, :2]))


def language():
    return LanguageModel(tokenizer=CharTokenizer(), context=8, **GIVEN), (["one two " * 100],)


def adversarial():
    made = [Dense(32), Reshape(4, 4, 2), Conv2D(2, 3, padding="same")]
    return GAN(made, [Flatten(), Dense(3)], **GIVEN), (IMAGES,)


def of_a_table():
    rows = [{"size": size, "town": "Rome" if size > 1 else "Oslo"} for size in X[:, 0].tolist()]
    return TabularClassifier("realmlp", random_state=0), (rows, Y)


@pytest.mark.parametrize(
    ("made", "words", "told"),
    [
        (csr, "csr", "X in CSR format"),
        (augmented, "augment", "augment"),
        (tied, "mirrored turned", "Dense with tied weights"),
        (variational, "latent", "VariationalAutoencoder"),
        (unknown_targets, "known", "missing_targets='ignore'"),
        (language, "attend", "MultiHeadAttention"),
        (adversarial, "conv", "Conv2D"),
        (of_a_table, "periodic", "Periodic"),
    ],
    ids=[
        *("csr", "augmented", "tied", "variational", "unknown", "language", "adversarial"),
        "of-a-table",
    ],
)
def test_what_else_users_ask_for(made, words, told):
    model, arguments = made()
    message = rf"^{told} has no kernels for GPUs yet \(\w+\): use device='cpu'"
    with (
        opened_as_cuda(lambda: Without(words)) as devices,
        pytest.raises(NotImplementedError, match=message),
    ):
        model.set_params(device="cuda").fit(*arguments)
    assert devices[0].closed
    assert not devices[0].sent

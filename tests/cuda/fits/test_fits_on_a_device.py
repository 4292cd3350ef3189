"""Whole fits on a device whose memory is apart from the host's have the bits of the CPU."""

import signal
import threading

import numpy as np
import pytest
from running.device_modes import MODES, run_in
from running.host_device import HostDevice, opened_as_cuda
from scipy import sparse

from fusednn import (
    Autoencoder,
    LanguageModel,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    VariationalAutoencoder,
)
from fusednn.augment import Flip
from fusednn.layers import (
    GRU,
    LSTM,
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MaxPool2D,
    MultiHeadAttention,
    PositionalEncoding,
    Residual,
    TokenEmbedding,
)
from fusednn.optimizers import AdamW
from fusednn.text import CharTokenizer
from fusednn.training import held_out_windows

RANDOM = np.random.default_rng(0)
X, X_NEW = RANDOM.normal(size=(90, 7)), RANDOM.normal(size=(70, 7))
LABELS = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int) + (X[:, 3] > 1)
VALUES = np.stack([X[:, 0] * X[:, 1], np.sin(X[:, 2])], axis=1)
WEIGHTS = RANDOM.uniform(0.5, 2, 90)
IMAGES = RANDOM.normal(size=(60, 6, 5, 2)).astype(np.float32)
SERIES = RANDOM.normal(size=(60, 8, 3))
SHARED = {"max_iter": 4, "random_state": 0, "tol": 0.0}


def mlp(kind=MLPClassifier, **given):
    return kind(**{"hidden_layer_sizes": (9, 6), "batch_size": 32, **SHARED, **given})


def network(*layers, kind=NetworkClassifier, **given):
    return kind(list(layers), **{"batch_size": 16, **SHARED, **given})


PERCEPTRONS = {
    "float32, a short last batch": (mlp(dtype="float32"), {}),
    "float64": (mlp(MLPRegressor, dtype="float64"), {}),
    "the squared error of sparse data": (mlp(MLPRegressor, solver="sgd"), {"sparse": True}),
    "early stopping": (mlp(early_stopping=True, n_iter_no_change=2, max_iter=12), {}),
    "the best weights come back": (
        mlp(MLPRegressor, early_stopping=True, learning_rate_init=0.2, max_iter=12), {},
    ),
    "L-BFGS": (mlp(solver="lbfgs", max_iter=15), {}),
    "dropout": (mlp(dropout=0.3), {}),
    "batch norm": (mlp(normalization="batch"), {}),
    "standardized": (mlp(standardize=True, activation="gelu"), {}),
    "sample weights": (mlp(), {"weights": True}),
    "clipped": (mlp(clip_norm=0.1, clip_value=0.01), {}),
    "averages": (mlp(ema_decay=0.9), {}),
    "accumulated": (mlp(accumulate=2), {}),
    "mixup": (mlp(mixup=0.3), {}),
    "l1": (mlp(l1=1e-3, alpha=1e-2), {}),
    "bounded norms": (mlp(max_norm=0.7), {}),
    "decoupled decay": (mlp(solver=AdamW(weight_decay=0.1)), {}),
    "a verbose watcher": (mlp(diagnose=True), {}),
}  # fmt: skip
NETWORKS = {
    "convolutions": (
        network(Conv2D(5, 3, "relu"), MaxPool2D(2), Conv2D(4, 2), BatchNorm(), Flatten(),
                Dropout(0.2), Dense(6, "relu")),
        IMAGES,
    ),
    "augmented": (
        network(Conv2D(3, 3, "relu"), AvgPool2D(2), Flatten(), augment=[Flip()]), IMAGES,
    ),
    "recurrence": (network(GRU(6, True), LSTM(5)), SERIES),
    "windows": (network(GRU(6), kind=NetworkRegressor, window=3), SERIES),
    "attention": (
        network(Dense(6), PositionalEncoding(), Residual([LayerNorm(), MultiHeadAttention(2)]),
                GlobalAvgPool(), kind=NetworkRegressor),
        SERIES,
    ),
    "convolutions of series": (network(Conv1D(6, 3, "silu"), GlobalAvgPool()), SERIES),
    "embeddings": (
        network(Embedding([0], [3]), Dense(6, "relu"), kind=NetworkRegressor),
        np.column_stack([RANDOM.integers(3, size=60), RANDOM.normal(size=60)]),
    ),
}  # fmt: skip


def bits(model):
    """The weights and the course of the loss, to the bit."""
    arrays = list(model._parameters())
    course = [getattr(model, name, None) for name in ("loss_curve_", "validation_scores_")]
    return [array.tobytes() for array in arrays], course, model.loss_, model.n_iter_


def assert_same_fits(fit, model):
    """The fits and what `fit` returns for them, on the CPU and on a device."""
    expected = fit(model.set_params(device="cpu"))
    before = bits(model)
    with opened_as_cuda() as devices:
        found = fit(model.set_params(device="cuda"))
        assert bits(model) == before
    assert devices
    assert all(device.closed for device in devices)
    assert sum(device.replayed for device in devices) > 0
    for one, other in zip(found, expected, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.thinned
@MODES
@pytest.mark.parametrize(("model", "options"), PERCEPTRONS.values(), ids=PERCEPTRONS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_perceptrons(model, options, mode, monkeypatch):
    run_in(mode, monkeypatch)
    y = VALUES if isinstance(model, MLPRegressor) else LABELS
    weights = {"sample_weight": WEIGHTS} if options.get("weights") else {}
    form = sparse.csr_matrix if options.get("sparse") else np.asarray

    def fit(model):
        model.fit(form(X), y, **weights)
        answers = [model.predict(form(X_NEW))]
        if isinstance(model, MLPClassifier):
            answers.append(model.predict_proba(form(X_NEW[:5])))
        return answers

    assert_same_fits(fit, model)


@pytest.mark.thinned
@MODES
@pytest.mark.parametrize(("model", "samples"), NETWORKS.values(), ids=NETWORKS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_networks(model, samples, mode, monkeypatch):
    run_in(mode, monkeypatch)
    y = (
        np.arange(60) % 3
        if isinstance(model, NetworkClassifier)
        else samples.reshape(60, -1)[:, 0]
    )
    assert_same_fits(lambda model: [model.fit(samples, y).predict(samples[:20])], model)


@MODES
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_batches_of_several_blocks(mode, monkeypatch):
    """More than 4,096 rows: their gradient is stored."""
    run_in(mode, monkeypatch)
    rows = np.random.default_rng(1).normal(size=(9001, 4)).astype(np.float32)
    model = mlp(batch_size=9000, max_iter=2)
    assert_same_fits(lambda model: [model.fit(rows, rows[:, 0] > 0).predict_proba(rows)], model)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.thinned
@MODES
@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_fits_that_go_on(ema_decay, mode, monkeypatch):
    """Moments, steps and averages of one fit are those that the next begins with."""
    run_in(mode, monkeypatch)
    model = mlp(warm_start=True, warm_start_optimizer=True, ema_decay=ema_decay)

    def fit(model):
        model.fit(X, LABELS).fit(X, LABELS)
        for _ in range(3):
            model.partial_fit(X, LABELS)
        return [model.predict_proba(X_NEW)]

    model.set_params(device="cpu")
    expected, before = fit(model), bits(model)
    again = mlp(warm_start=True, warm_start_optimizer=True, ema_decay=ema_decay, device="cuda")
    with opened_as_cuda():
        found = fit(again)
    assert bits(again) == before
    assert found[0].tobytes() == expected[0].tobytes()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_autoencoders(kind):
    model = kind(
        [Dense(6, "relu"), Dense(2)], [Dense(6, "relu"), Dense(7)], max_iter=3, random_state=0
    )
    assert_same_fits(lambda model: [model.fit(X).transform(X_NEW)], model)


@MODES
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_language_models(mode, monkeypatch):
    run_in(mode, monkeypatch)
    text = "the cat sat on the mat and the dog sat on the log. " * 8
    given = {"tokenizer": CharTokenizer(), "max_iter": 2, "random_state": 0, "batch_size": 8}
    model = LanguageModel([TokenEmbedding(8), GRU(8, True)], context=12, **given)
    assert_same_fits(lambda model: [np.array(model.fit(text).score(text))], model)


@MODES
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_held_out_texts_of_several_batches(mode, monkeypatch):
    """Each batch is written where the one before was."""
    run_in(mode, monkeypatch)
    monkeypatch.setattr(held_out_windows, "MOST_BYTES", 2000)
    text = "the cat sat on the mat. " * 9 + "a bird sang, and it rained on the mat. " * 6
    given = {"tokenizer": CharTokenizer(), "max_iter": 3, "random_state": 0, "batch_size": 8}
    model = LanguageModel(
        [TokenEmbedding(8), GRU(8, True)],
        context=12, early_stopping=True, validation_fraction=0.3, **given,
    )  # fmt: skip
    assert_same_fits(lambda model: [np.array(model.fit(text).validation_scores_)], model)


@MODES
def test_diverged_fits_fail_alike(mode, monkeypatch):
    run_in(mode, monkeypatch)
    left = []
    for device in ("cpu", "cuda"):
        model = mlp(MLPRegressor, learning_rate_init=1e30, solver="sgd", device=device)
        with opened_as_cuda() as devices, pytest.raises(ValueError, match="non-finite"):
            model.fit(X, VALUES)
        left.append([w.tobytes() for w in model.coefs_])
    assert devices[0].closed
    assert left[0] == left[1]


def test_too_little_memory_leaves_the_estimator_as_it_was():
    model = mlp(device="cuda")
    with opened_as_cuda(lambda: HostDevice(room=10_000)) as devices:
        with pytest.raises(MemoryError, match=r"bytes asked for, 10000 free"):
            model.fit(X, LABELS)
        assert devices[0].closed
    assert not hasattr(model, "coefs_")


def test_ctrl_c_ends_a_fit_within_a_step_and_keeps_the_weights():
    class Interrupted(HostDevice):
        def replay(self, captured):
            if self.replayed == 9:  # in the midst of the third pass; each has 3 steps and a check
                signal.raise_signal(signal.SIGINT)
            super().replay(captured)

    model = mlp(max_iter=50, max_time=100.0, device="cuda")
    with opened_as_cuda(Interrupted), pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, LABELS)
    whole = mlp(max_iter=2)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        whole.fit(X, LABELS)
    assert model.n_iter_ == 2
    assert model.loss_curve_ == whole.loss_curve_
    assert all(np.isfinite(w).all() for w in model.coefs_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_two_fits_at_once():
    expected = mlp().fit(X, LABELS)
    models = [mlp(device="cuda") for _ in range(2)]
    with opened_as_cuda():
        threads = [threading.Thread(target=one.fit, args=(X, LABELS)) for one in models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bits(models[0]) == bits(models[1]) == bits(expected)


def test_auto_is_the_cpu():
    with opened_as_cuda() as devices, pytest.warns(UserWarning, match="Maximum iterations"):
        mlp(device="auto").fit(X, LABELS).predict(X_NEW)
    assert not devices

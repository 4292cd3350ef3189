"""Data that a device has no room for: the bits of the CPU, by samples of a few steps at a time."""

import numpy as np
import pytest
from running.device_modes import MODES, run_in
from running.host_device import HostDevice, opened_as_cuda
from running.simulated_device import SimulatedDevice

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor
from fusednn.layers import GRU, BatchNorm, Conv1D, Dense, Embedding, GlobalAvgPool
from fusednn.plan.memory import sizes
from fusednn.training.parts import pieces, staging

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(1000, 40)).astype(np.float32)
LABELS = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int) + (X[:, 3] > 1)
VALUES = np.stack([X[:, 0] * X[:, 1], np.sin(X[:, 2])], axis=1)
WEIGHTS = RANDOM.uniform(0.5, 2, 1000)
SERIES = RANDOM.normal(size=(600, 10, 4)).astype(np.float32)
PADDED = np.where((np.arange(10) > RANDOM.integers(3, 11, (600, 1)))[..., None], np.nan, SERIES)
CODES = np.column_stack([RANDOM.integers(3, size=1000), X])
SHARED = {"max_iter": 3, "random_state": 0, "tol": 0.0, "batch_size": 32, "dtype": "float32"}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def small_data(monkeypatch):
    """Data of any size ask for the memory of the device, and go there in small parts."""
    monkeypatch.setattr(staging, "ASKED_BYTES", 0)
    monkeypatch.setattr(staging, "STAGED_BYTES", 15_000)
    monkeypatch.setattr(pieces, "STAGED_BYTES", 15_000)
    monkeypatch.setattr(
        staging, "USED", 0.4
    )  # as small plans are smaller than what is around them
    monkeypatch.setattr(sizes, "BLOCK_LIMIT", 256)


def mlp(kind=MLPClassifier, **given):
    return kind(hidden_layer_sizes=(8,), **{**SHARED, **given})


def network(kind, *layers, **given):
    return kind(list(layers), **{**SHARED, **given})


def bits(model):
    course = [getattr(model, name, None) for name in ("loss_curve_", "validation_scores_")]
    return [array.tobytes() for array in model._parameters()], course, model.n_iter_


FITS = {
    "classes": (mlp(), X, LABELS, {}),
    "weights": (mlp(MLPRegressor), X, VALUES, {"sample_weight": WEIGHTS}),
    "a held-out set": (mlp(early_stopping=True, max_iter=6, n_iter_no_change=2), X, LABELS, {}),
    "another set": (
        mlp(MLPRegressor, early_stopping=True), X, VALUES,
        {"X_val": X[:300], "y_val": VALUES[:300]},
    ),
    "mixup, weights": (mlp(mixup=0.3, dropout=0.2), X, LABELS, {"sample_weight": WEIGHTS}),
    "columns of a wider array": (mlp(), np.hstack([X, X])[:, 3:43], LABELS, {}),
    "no shuffle": (mlp(shuffle=False, ema_decay=0.9), X, LABELS, {}),
    "stored gradients": (mlp(accumulate=3, clip_norm=0.1), X, LABELS, {}),
    "batch norm": (mlp(normalization="batch", batch_size=37), X[:999], LABELS[:999], {}),
    "L-BFGS": (mlp(solver="lbfgs", max_iter=5), X, LABELS, {}),
    "bytes": (mlp(), np.abs(X * 40).astype(np.uint8), LABELS, {}),
    "unknown targets": (
        mlp(MLPRegressor, missing_targets="ignore"), X, np.where(VALUES > 1, np.nan, VALUES), {},
    ),
    "codes": (network(NetworkRegressor, Embedding([0], [3]), Dense(6, "relu")), CODES, VALUES, {}),
    "series": (
        network(NetworkClassifier, Conv1D(4, 3, "relu"), BatchNorm(), GlobalAvgPool()),
        SERIES, LABELS[:600], {},
    ),
    "padded series": (
        network(NetworkRegressor, GRU(5, True), Dense(3)), PADDED, SERIES[..., 0], {},
    ),
}  # fmt: skip


def room_without(model, samples, y, more):
    """Bytes that are too few for all data, and enough for the rest."""
    whole = staging.ASKED_BYTES
    staging.ASKED_BYTES = 1 << 40
    with opened_as_cuda() as devices:
        model.fit(samples, y, **more)
    staging.ASKED_BYTES = whole
    data = model._as_rows(samples, reset=False)
    return devices[0].most - len(data) * data.shape[1] * (1 if data.dtype == np.uint8 else 4) // 2


@pytest.mark.thinned
@MODES
@pytest.mark.parametrize(("model", "samples", "y", "more"), FITS.values(), ids=FITS)
def test_bits(model, samples, y, more, mode, monkeypatch):
    run_in(mode, monkeypatch)
    expected = bits(model.set_params(device="cpu").fit(samples, y, **more))
    answers = model.predict(samples)
    model.set_params(device="cuda")
    room = room_without(model, samples, y, more)
    with opened_as_cuda(lambda: HostDevice(room)) as devices:
        assert bits(model.fit(samples, y, **more)) == expected
        assert model.predict(samples).tobytes() == answers.tobytes()
    assert all(device.closed and device.most <= room for device in devices)
    assert max(device.pinned for device in devices) > 0


def test_bits_of_the_simulator(monkeypatch):
    """The twins read the same places."""
    monkeypatch.setattr(staging, "STAGED_BYTES", 1000)
    monkeypatch.setattr(staging, "USED", 0.0)
    given = {"mixup": 0.3, "batch_size": 9, "max_iter": 2, "early_stopping": True}
    expected = bits(mlp(**given).fit(X[:40, :5], LABELS[:40]))
    with opened_as_cuda(SimulatedDevice) as devices:
        assert bits(mlp(**given, device="cuda").fit(X[:40, :5], LABELS[:40])) == expected
    assert devices[-1].pinned
    assert not devices[-1].others


def test_an_odd_number_of_parts_and_several_passes_in_a_call():
    """What is gathered for one part leaves the memory of the one before alone."""
    expected = bits(mlp(max_iter=9).fit(X[:325], LABELS[:325]))
    model = mlp(max_iter=9, device="cuda")
    room = room_without(model, X[:325], LABELS[:325], {})
    with opened_as_cuda(lambda: HostDevice(room)) as devices:
        assert bits(model.fit(X[:325], LABELS[:325])) == expected
    assert devices[-1].pinned


@pytest.mark.parametrize(
    ("options", "y"), [({}, LABELS), ({"early_stopping": True, "mixup": 0.2}, LABELS)], ids=str
)
def test_no_room_even_so(options, y):
    """Then a MemoryError comes before training, and the estimator is as it was."""
    model = mlp(**options).fit(X[:100], y[:100])
    before = bits(model)
    model.set_params(device="cuda")
    with (
        opened_as_cuda(lambda: HostDevice(30_000)) as devices,
        pytest.raises(MemoryError, match="bytes asked for"),
    ):
        model.fit(X, y)
    assert all(device.closed and not device.replayed for device in devices)
    assert bits(model) == before


def test_what_has_room_is_sent_once():
    model = mlp(device="cuda")
    with opened_as_cuda() as devices:
        model.fit(X, LABELS)
    asked, device = devices
    assert (asked.sent, asked.closed, device.pinned) == (0, True, 0)


def test_small_data_do_not_ask(monkeypatch):
    monkeypatch.setattr(staging, "ASKED_BYTES", 1 << 20)
    with opened_as_cuda() as devices:
        mlp(device="cuda").fit(X, LABELS)
    assert len(devices) == 1

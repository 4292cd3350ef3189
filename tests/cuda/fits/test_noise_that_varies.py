"""Settings that differ from step to step on a device: noise, rates and decay by schedules."""

import numpy as np
import pytest
from running.host_device import HostDevice, opened_as_cuda
from running.simulated_device import SimulatedDevice

from fusednn import NetworkClassifier
from fusednn.layers import (
    LSTM,
    Activation,
    AlphaDropout,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Reshape,
    Residual,
)
from fusednn.optimizers import AdamW
from fusednn.schedules import Cosine, CosLog, OneCycle
from fusednn.training.parts import staging

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(70, 6))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)
GIVEN = {"max_iter": 3, "batch_size": 16, "random_state": 0, "tol": 0.0, "dtype": "float32"}
PLAIN = {
    "dropout": [Dense(9, "relu"), Dropout(0.4, schedule=Cosine())],
    "alpha": [Dense(9, "selu"), AlphaDropout(0.2, Cosine())],
    "noise": [GaussianNoise(0.5, CosLog()), Dense(9, "tanh")],
    "several": [
        *(Dense(9), Activation("gelu"), Dropout(0.1, schedule=Cosine()), GaussianNoise(0.1)),
        Residual([Dropout(0.3), Dense(9, "relu"), AlphaDropout(0.2, CosLog())]),
    ],
}
NETWORKS = {
    **PLAIN,
    "channels": [
        *(Reshape(3, 2), Conv1D(4, 2, "tanh"), Dropout(0.4, "channel", Cosine()), Flatten()),
    ],
    "recurrent": [
        *(Reshape(3, 2), LSTM(5, return_sequences=True), Dropout(0.3, schedule=Cosine())),
        LSTM(4),
    ],
}
OPTIONS = [
    {},
    {"max_time": 100.0},  # a pass in each call
    {"accumulate": 2, "ema_decay": 0.9},
    {"mixup": 0.3, "solver": AdamW(weight_decay=0.1, decay_schedule=Cosine())},
    {"learning_rate": OneCycle()},
]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted(layers, device, **options):
    """The weights and losses of two fits, the second of which goes on, and of a partial one."""
    model = NetworkClassifier(
        layers, warm_start=True, warm_start_optimizer=True, device=device, **{**GIVEN, **options}
    )
    found = []
    for fit in (model.fit, model.fit, model.partial_fit):
        fit(X, Y)
        found.append(([array.tobytes() for array in model._parameters()], model.loss_))
    return found


def assert_same(layers, make, **options):
    expected = fitted(layers, "cpu", **options)
    with opened_as_cuda(make) as devices:
        assert fitted(layers, "cuda", **options) == expected
    assert sum(device.replayed for device in devices) > 0
    return devices


@pytest.mark.thinned
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
def test_bits(layers, options):
    assert_same(layers, HostDevice, **options)


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param(layers, id=name, marks=() if name == "noise" else pytest.mark.long)
        for name, layers in PLAIN.items()
    ],
)
def test_bits_of_the_simulator(layers):
    for device in assert_same(layers, SimulatedDevice, max_iter=1):
        assert not device.others


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
def test_data_in_parts(monkeypatch, options):
    monkeypatch.setattr(staging, "ASKED_BYTES", 0)
    monkeypatch.setattr(staging, "STAGED_BYTES", 1000)
    monkeypatch.setattr(staging, "USED", 0.0)
    devices = assert_same(PLAIN["several"], HostDevice, **options)
    assert any(device.pinned for device in devices)

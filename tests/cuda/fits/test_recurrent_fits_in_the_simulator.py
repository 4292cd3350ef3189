"""Whole fits of tiny recurrent networks by the twins of ops, in the simulator: the CPU's bits."""

import numpy as np
import pytest
from running.host_device import opened_as_cuda
from running.simulated_device import SimulatedDevice

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Dense,
    Dropout,
    GaussianNoise,
    LayerNorm,
    PReLU,
    Residual,
    Scale,
)

RANDOM = np.random.default_rng(0)
SERIES = RANDOM.normal(size=(9, 4, 2)).astype(np.float32)
LONG = RANDOM.normal(size=(4, 17, 2))
UNEQUAL = [series[: 1 + 3 * number % 4] for number, series in enumerate(SERIES)]
LABELS, VALUES = np.arange(9) % 3, RANDOM.normal(size=(9, 4, 2))
TINY = {"batch_size": 5, "max_iter": 1, "random_state": 0}
WINDOW = {"window": 2, **TINY}
STEP_BY_STEP = [
    *(Scale(), Dense(4, "gelu"), PReLU(), GaussianNoise(0.1), Dropout(0.2), BatchNorm()),
    *(Residual([GRU(4, return_sequences=True), LayerNorm()]), Dense(1), Dense(2, "tanh")),
]
BOTH = [
    LSTM(3, return_sequences=True, bidirectional=True),
    RNN(3, "relu", return_sequences=True, bidirectional=True),
    GRU(2, bidirectional=True),
]
LSTM_AND_RNN = [LSTM(3, return_sequences=True), RNN(2)]
FITS = {
    "GRU": (NetworkClassifier([GRU(3)], **TINY), SERIES, LABELS),
    "LSTM of each step": (
        NetworkRegressor([LSTM(5, return_sequences=True)], **TINY),
        *(SERIES.astype(float), VALUES),
    ),
    "many steps": (
        NetworkClassifier(
            [LSTM(3, return_sequences=True), GRU(2, bidirectional=True)],
            **{**TINY, "batch_size": 4},
        ),
        *(LONG, LABELS[:4]),
    ),
    "both directions": (NetworkClassifier(BOTH, **TINY), UNEQUAL, LABELS),
    "steps by themselves": (NetworkRegressor(STEP_BY_STEP, **TINY), UNEQUAL, VALUES),
    "windows of both": (NetworkClassifier(LSTM_AND_RNN, **WINDOW), SERIES, LABELS),
    "windows": (NetworkClassifier([GRU(3)], **WINDOW), UNEQUAL, LABELS),
}


SHORT = "GRU", "both directions"


@pytest.mark.parametrize(
    ("model", "samples", "y"),
    [
        pytest.param(*fit, id=name, marks=() if name in SHORT else pytest.mark.long)
        for name, fit in FITS.items()
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bits_of_the_cpu(model, samples, y):
    model.set_params(device="cpu").fit(samples, y)
    expected = [array.tobytes() for array in model._parameters()], model.loss_
    answers = model.predict(samples)
    with opened_as_cuda(SimulatedDevice) as devices:
        model.set_params(device="cuda").fit(samples, y)
        assert np.asarray(model.predict(samples)).tobytes() == np.asarray(answers).tobytes()
    assert ([array.tobytes() for array in model._parameters()], model.loss_) == expected
    assert devices
    assert {op.__name__ for device in devices for op in device.others} == set()

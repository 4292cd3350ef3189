"""Whole fits of tiny networks by the twins of ops, in the simulator: the bits of the CPU."""

import numpy as np
import pytest
from fusednn.kernels.engine import enter_step
from running.host_device import opened_as_cuda
from running.simulated_device import SimulatedDevice

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier
from fusednn.estimators.perceptron import BaseMLP
from fusednn.layers import Conv1D, Dense, GlobalAvgPool, LayerNorm

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(23, 3))
LABELS, VALUES = (X[:, 0] > 0).astype(int), X[:, 1] * X[:, 2]
SERIES = RANDOM.normal(size=(23, 5, 2))
TINY = {"batch_size": 9, "max_iter": 2, "random_state": 0, "tol": 0.0}
FITS = {
    "float32": (MLPClassifier((5, 4), dtype="float32", **TINY), X, LABELS),
    "float64": (MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", **TINY), X, VALUES),
    "noise": (MLPClassifier((4,), dropout=0.3, normalization="batch", **TINY), X, LABELS),
    "sgd": (
        MLPRegressor(hidden_layer_sizes=(4,), solver="sgd", clip_norm=0.1, ema_decay=0.9, **TINY),
        X,
        VALUES,
    ),
    "L-BFGS": (MLPClassifier((4,), solver="lbfgs", max_iter=3, random_state=0), X, LABELS),
    "a convolution": (
        NetworkClassifier([Conv1D(3, 2, "relu"), GlobalAvgPool(), LayerNorm(), Dense(3)], **TINY),
        SERIES,
        LABELS,
    ),
}


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize(("model", "samples", "y"), FITS.values(), ids=FITS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bits_of_the_cpu(model, samples, y, blocks):
    model.set_params(device="cpu").fit(samples, y)
    expected = [array.tobytes() for array in model._parameters()], model.loss_
    answers = model.predict(samples)
    with opened_as_cuda(lambda: SimulatedDevice(blocks)) as devices:
        model.set_params(device="cuda").fit(samples, y)
        assert model.predict(samples).tobytes() == answers.tobytes()
    assert ([array.tobytes() for array in model._parameters()], model.loss_) == expected
    assert all(enter_step in device.simulated for device in devices)
    if isinstance(model, BaseMLP) and not model.normalization:
        assert all(not device.others for device in devices)  # each op has a twin

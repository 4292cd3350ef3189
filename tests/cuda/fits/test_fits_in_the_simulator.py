"""Whole fits of tiny networks by the twins of ops, in the simulator: the bits of the CPU."""

import pytest
from cases.device_fits import FITS
from running.device_modes import run_in
from running.host_device import opened_as_cuda
from running.simulated_device import SimulatedDevice

from fusednn import GAN
from fusednn.plan.cuda.modes import ALONE, LAUNCHES, TOGETHER

PROGRAMS = {LAUNCHES: set(), TOGETHER: {False}, ALONE: {True}}
"""Whether the programs of each mode are for one block alone."""


def answered(model, samples):
    if isinstance(model, GAN):
        return model.sample(5, random_state=1).tobytes() + model.score_samples(samples).tobytes()
    return (model.predict if hasattr(model, "predict") else model.transform)(samples).tobytes()


def loss_of(model):
    return getattr(model, "history_", None) or model.loss_


SHORT = "float32", "noise", "tables", "CSR", "a convolution", "a game", "L-BFGS"


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("mode", "blocks"), [(LAUNCHES, 1), (LAUNCHES, 3), (TOGETHER, 3), (ALONE, 1)]
)
@pytest.mark.parametrize(
    ("model", "samples", "y"),
    [
        pytest.param(*fit, id=name, marks=() if name in SHORT else pytest.mark.long)
        for name, fit in FITS.items()
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bits_of_the_cpu(model, samples, y, mode, blocks, monkeypatch):
    run_in(mode, monkeypatch, SimulatedDevice)
    model.set_params(device="cpu").fit(samples, y)
    expected = [array.tobytes() for array in model._parameters()], loss_of(model)
    answers = answered(model, samples)
    with opened_as_cuda(lambda: SimulatedDevice(blocks)) as devices:
        model.set_params(device="cuda").fit(samples, y)
        assert answered(model, samples) == answers
    assert ([array.tobytes() for array in model._parameters()], loss_of(model)) == expected
    assert all(device.simulated for device in devices)
    assert {one for device in devices for one in device.programs} == PROGRAMS[mode]
    assert all(not device.others for device in devices)  # each op has a twin

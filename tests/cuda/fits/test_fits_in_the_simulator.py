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
RUNS = (TOGETHER, 3), (ALONE, 1), (LAUNCHES, 3)
TRIED = [  # each fit in two modes of three in turn; a few of them, in one, in the short run
    pytest.param(
        *(*fit, mode, blocks),
        id=f"{name}-{mode}",
        marks=() if name in SHORT and not again else pytest.mark.long,
    )
    for number, (name, fit) in enumerate(FITS.items())
    for again in (0, 1)
    for mode, blocks in [RUNS[(number + again) % 3]]
]


@pytest.mark.parametrize(("model", "samples", "y", "mode", "blocks"), TRIED)
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

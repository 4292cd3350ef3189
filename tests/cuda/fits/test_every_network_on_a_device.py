"""Plans on a device whose memory is apart from the host's: the bits of the CPU, for every op.

The device runs the CPU's ops (`running.host_device`), so what is tested is all around them: the
lowering for one worker, addresses, launches, steps, and which arrays are sent and brought back.
"""

import numpy as np
import pytest
from cases.op_networks import CASES
from cases.series_networks import SERIES, padded_series
from running.device_modes import run_in
from running.host_device import opened_as_cuda
from running.network_runs import SAMPLES, draw, gradients, targets_and_parameters, trained
from running.sessions import assert_same_bits

from fusednn.plan.cuda.modes import ALONE, TOGETHER
from fusednn.plan.lengths import without_padding
from fusednn.training.predict import input_gradient, predict

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EVERY = pytest.mark.parametrize("network", CASES.values(), ids=CASES)
SOME = pytest.mark.parametrize(
    "network",
    [
        pytest.param(network, id=name, marks=() if number % 5 == 0 else pytest.mark.long)
        for number, (name, network) in enumerate(CASES.items())
    ],
)
PADDED = pytest.mark.parametrize("network", SERIES.values(), ids=SERIES)


def assert_alike(run, *arguments, **options):
    expected = run(*arguments, device="cpu", **options)
    with opened_as_cuda() as devices:
        found = run(*arguments, device="cuda", **options)
    assert devices
    assert all(device.closed and device.replayed for device in devices)
    assert_same_bits(found, expected)


@pytest.mark.thinned
@DTYPES
@EVERY
def test_training(network, dtype):
    assert_alike(trained, network, *draw(network, dtype))


@pytest.mark.parametrize(
    ("network", "mode"),
    [
        pytest.param(
            *(network, (TOGETHER, ALONE)[number % 2]),
            id=name,
            marks=() if number % 5 == 0 else pytest.mark.long,
        )
        for number, (name, network) in enumerate(CASES.items())
    ],
)
def test_training_by_programs(network, mode, monkeypatch):
    run_in(mode, monkeypatch)
    assert_alike(trained, network, *draw(network, np.float32))


@SOME
def test_gradients(network):
    assert_alike(gradients, network, *draw(network, np.float32))


@SOME
def test_answers(network):
    X, _, parameters = draw(network, np.float32)

    def answers(device):
        outputs = predict(network, parameters, X, n_jobs=1, device=device)
        return [outputs, input_gradient(network, parameters, X, n_jobs=1, device=device)]

    assert_alike(answers)


@PADDED
def test_padded_series(network):
    random = np.random.default_rng(0)
    X, _ = padded_series(network, SAMPLES, random, np.float32)
    target, parameters = targets_and_parameters(network, np.float32, random)
    if target.values.ndim > 2:
        target = without_padding(target, X, network)
    assert_alike(trained, network, X, target, parameters, ragged=True)
    assert_alike(gradients, network, X, target, parameters, ragged=True)


@pytest.mark.parametrize(
    "options",
    [
        {"clip_norm": 0.1},
        {"clip_value": 0.01},
        {"average": 0.9},
        {"l1": 1e-3},
        {"mixup": 0.4},
        {"block": 8},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["dense", "norms", "weight norm"])
def test_rules(name, options):
    network = CASES.get(name) or next(one for key, one in CASES.items() if name in key)
    assert_alike(trained, network, *draw(network, np.float32), **options)

"""Plans on a device whose memory is apart from the host's: the bits of the CPU, for every op.

The device runs the CPU's ops (`running.host_device`), so what is tested is all around them: the
lowering for one worker, addresses, launches, steps, and which arrays are sent and brought back.
"""

import numpy as np
import pytest
from cases.op_networks import CASES, code_columns, parameters_for
from cases.series_networks import SERIES, padded_series
from running.host_device import opened_as_cuda
from running.sessions import assert_same_bits

from fusednn.plan.binding.loss import Target
from fusednn.plan.lengths import without_padding
from fusednn.plan.updating.rule import Rule
from fusednn.training.predict import input_gradient, predict
from fusednn.training.session import Session

SAMPLES = 41
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EVERY = pytest.mark.parametrize("network", CASES.values(), ids=CASES)
PADDED = pytest.mark.parametrize("network", SERIES.values(), ids=SERIES)


def draw(network, dtype):
    """Data, targets of all rows and parameters."""
    random = np.random.default_rng(0)
    X = random.normal(size=(SAMPLES, 6))
    codes = code_columns(network)
    X[:, codes] = random.integers(4, size=(SAMPLES, len(codes)))
    return X.astype(dtype), *targets_and_parameters(network, dtype, random)


def targets_and_parameters(network, dtype, random):
    t = random.normal(size=(SAMPLES, *network.out_shape)).astype(dtype)
    parameters = parameters_for(network.graph(trains=True), random)
    t = t if t.ndim == 2 else t.reshape(SAMPLES, -1, t.shape[-1])
    return Target(t, None), [array.astype(dtype) for array in parameters]


def trained(network, X, target, parameters, device, batch=16, **options):
    """Losses, parameters, moments and outputs of shuffled passes."""
    rule = Rule("adam", (0.9, 0.999, 1e-8), **options)
    random, found = np.random.RandomState(3), []
    with Session(
        *(network, X, target, rule),
        batch=batch, order=np.arange(SAMPLES), l2=1e-2, n_jobs=1, device=device,
    ) as session:  # fmt: skip
        session.load(parameters)
        session.begin(7, 0)
        for _ in range(2):
            session.shuffle(random, 1)
            found.append(session.run_passes(np.full(session.batches, 0.01)))
            found.append(session.evaluations.outputs(np.arange(1, SAMPLES, 2)).copy())
    moments = [array for moment in session.moments() for array in moment]
    return [*found, *session.parameters(), *moments]


def gradients(network, X, target, parameters, device, ragged=False):
    """The loss and its gradients by the parameters and the data."""
    order = np.random.default_rng(1).permutation(SAMPLES)
    rule = Rule(None, inputs=True, ragged=ragged)
    with Session(
        *(network, X, target, rule),
        batch=SAMPLES, order=order, l2=0.0, n_jobs=1, device=device,
    ) as session:  # fmt: skip
        session.load(parameters)
        loss = session.run_gradient(1.0)
    return [np.array(loss), *session.gradient(), session.plan.dx]


def assert_alike(run, *arguments, **options):
    expected = run(*arguments, device="cpu", **options)
    with opened_as_cuda() as devices:
        found = run(*arguments, device="cuda", **options)
    assert devices
    assert all(device.closed and device.replayed for device in devices)
    assert_same_bits(found, expected)


@DTYPES
@EVERY
def test_training(network, dtype):
    assert_alike(trained, network, *draw(network, dtype))


@EVERY
def test_gradients(network):
    assert_alike(gradients, network, *draw(network, np.float32))


@EVERY
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

"""Layers over windows by the twins of their ops, in the simulator: the bits of the CPU."""

import numpy as np
import pytest
from cases.op_networks import parameters_for
from cases.random_windows import Case
from cases.series_networks import SERIES, padded_series
from cases.window_networks import convolution, grouped_ops, single_ops, transpose, transposes
from running.host_device import opened_as_cuda
from running.sessions import assert_same_bits
from running.simulated_device import SimulatedDevice

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.plan.binding.loss import Target
from fusednn.plan.lengths import without_padding
from fusednn.plan.updating.rule import Rule
from fusednn.training.session import Session

SINGLE = {name: ops[1] for name, ops in single_ops().items()}
EVERY = {
    **{name: op for name, op in SINGLE.items() if isinstance(op, Convolution)},
    **grouped_ops(),
    **transposes(),
    # w^T times the pixels of some rows at once, of all, and of one
    "rows in two parts": convolution((6, 14, 10), 4, (3, 3)),
    "rows in one part": convolution((9, 6, 3), 2, (3, 2)),
    "each row by itself": convolution((6, 15, 11), 3, (3, 5), padding=((1, 1), (2, 2))),
    "transpose to two channels": transpose((9, 8, 5), 2, (3, 3), stride=(2, 2)),
}
SHORT = {"asymmetric", "depthwise, twice", "two groups", "transpose with gaps"}
PADDED = "convolutions", "groups", "transposed convolutions", "depthwise"


def gradients(network, X, target, parameters, device, ragged=False):
    """The loss of all samples, and its gradients by the parameters and the data."""
    count = len(X)
    rule = Rule(None, inputs=True, ragged=ragged)
    with Session(
        *(network, X, target, rule),
        batch=count, order=np.arange(count)[::-1].copy(), l2=0.0, n_jobs=1, device=device,
    ) as session:  # fmt: skip
        session.load(parameters)
        loss = session.run_gradient(1.0)
    return [np.array(loss), *session.gradient(), session.plan.dx]


def assert_alike(*given, **options):
    expected = gradients(*given, device="cpu", **options)
    with opened_as_cuda(lambda: SimulatedDevice(2, 64)) as devices:
        assert_same_bits(gradients(*given, device="cuda", **options), expected)
    return set.union(*(device.simulated for device in devices))


@pytest.mark.parametrize(
    "op",
    [
        pytest.param(op, id=name, marks=() if name in SHORT else pytest.mark.long)
        for name, op in EVERY.items()
    ],
)
@pytest.mark.parametrize(
    ("dtype", "behind_data"),
    [(np.float32, True), pytest.param(np.float64, False, marks=pytest.mark.long)],
    ids=["float32", "float64-inside"],
)
def test_layers(op, dtype, behind_data):
    windows = op.windows
    sizes = windows.counts if isinstance(op, TransposedConvolution) else windows.sizes
    case = Case(op, (*sizes, op.fan_in), behind_data, samples=2, dtype=dtype)
    ran = assert_alike(case.network, case.X, Target(case.t, None), case.parameters)
    names = {getattr(op, "py_func", op).__name__ for op in ran}
    assert names & {"convolve", "scatter", "scatter_narrow", "depthwise"}


@pytest.mark.parametrize(
    "name", [PADDED[0], *(pytest.param(name, marks=pytest.mark.long) for name in PADDED[1:])]
)
def test_padded_series(name):
    random, network = np.random.default_rng(0), SERIES[name]
    X, _ = padded_series(network, 5, random, np.float32)
    t = random.normal(size=(len(X), *network.out_shape)).astype(np.float32)
    parameters = parameters_for(network.graph(trains=True), random)
    target = Target(t if t.ndim == 2 else t.reshape(len(X), -1, t.shape[-1]), None)
    if target.values.ndim > 2:
        target = without_padding(target, X, network)
    given = [array.astype(np.float32) for array in parameters]
    assert_alike(network, X, target, given, ragged=True)

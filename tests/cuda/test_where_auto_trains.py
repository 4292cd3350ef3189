"""device="auto": the table's device, if it can be used and has kernels; else the CPU."""

import numpy as np
import pytest
from running.host_device import HostDevice, opened_as_cuda

from fusednn import MLPClassifier, NetworkClassifier
from fusednn.layers import GRU
from fusednn.training import placing
from fusednn.training.placing import Measured
from fusednn.training.threads.work import step_flops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
GIVEN = {"max_iter": 2, "random_state": 0, "batch_size": 32, "device": "auto"}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def mlp(*sizes, **given):
    return MLPClassifier(sizes, **{**GIVEN, **given})


def bits(model):
    return [array.tobytes() for array in model._parameters()], model.loss_


@pytest.fixture
def from_the_second(monkeypatch):
    """A table by which steps of the larger of two networks run on a GPU."""
    small, large = (step_flops(mlp(size).fit(X, Y)._network(), 32) for size in (8, 64))
    rows = Measured(0.0, "cpu", "test"), Measured((small + large) / 2, "cuda", "test")
    monkeypatch.setattr(placing, "MEASURED", rows)


@pytest.mark.usefixtures("from_the_second")
def test_the_table_decides():
    with opened_as_cuda() as devices:
        small = mlp(8).fit(X, Y)
        assert not devices
        mlp(64).fit(X, Y).partial_fit(X, Y)
        mlp(64, solver="lbfgs").fit(X, Y)
    assert [device.replayed > 0 for device in devices] == [False, True] * 3  # to see, and to train
    assert all(device.closed for device in devices)
    assert bits(small) == bits(mlp(8, device="cpu").fit(X, Y))


def refuse():
    raise RuntimeError("there is no driver")


def lack():
    raise ImportError("there are no packages")


class Without(HostDevice):
    def has(self, kernel):
        return False


@pytest.mark.parametrize("make", [refuse, lack, Without])
@pytest.mark.usefixtures("from_the_second")
def test_a_gpu_that_cannot_be_used_is_no_error(make):
    expected = bits(mlp(64, device="cpu").fit(X, Y))
    with opened_as_cuda(make) as devices:
        assert bits(mlp(64).fit(X, Y)) == expected
    assert all(device.closed and not device.replayed for device in devices)


@pytest.mark.usefixtures("from_the_second")
def test_what_is_asked_for_is_not_chosen():
    with opened_as_cuda() as devices:
        mlp(64, device="cpu").fit(X, Y)
        assert not devices
        mlp(8, device="cuda").fit(X, Y)
        assert devices


def test_the_table_has_only_what_was_measured():
    """And no step was timed on a GPU yet; then recurrences and all others train on the CPU."""
    assert placing.MEASURED == ()
    series = RANDOM.normal(size=(40, 5, 3))
    with opened_as_cuda() as devices:
        NetworkClassifier([GRU(64)], **GIVEN).fit(series, np.arange(40) % 2)
    assert not devices

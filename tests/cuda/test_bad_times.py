"""What goes wrong while a device is used: what users are told, and that nothing is left behind."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from running.host_device import HostDevice, opened_as_cuda
from running.opened_stand_in import opener
from running.stand_in_gpu import StandIn

from fusednn import MLPClassifier, MLPRegressor, freeze

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def model(kind=MLPClassifier, **given):
    shared = {"max_iter": 3, "random_state": 0, "tol": 0.0, "batch_size": 64, "device": "cuda"}
    return kind(hidden_layer_sizes=(8,), **{**shared, **given})


def bits(one):
    return [array.tobytes() for array in (*one.coefs_, *one.intercepts_)], one.loss_, one.n_iter_


class Scarce(HostDevice):
    """Its allocations fail from one on, counted over all such devices."""

    left = 0

    def allocate(self, size):
        Scarce.left -= 1
        if Scarce.left < 0:
            raise MemoryError("there is no room")
        return super().allocate(size)


class Broken(HostDevice):
    """Fails at a call of a method, and at each that follows; frees nothing that is not its own."""

    def __init__(self, name, number):
        super().__init__()
        self.left = number
        setattr(self, name, self.failing(getattr(self, name)))

    def failing(self, method):
        def call(*arguments):
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("the device failed")
            return method(*arguments)

        return call


OPTIONS = pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True, "ema_decay": 0.9}, {"solver": "lbfgs"}], ids=str
)


@OPTIONS
def test_memory_that_runs_out_at_any_allocation(options):
    """The estimator is as it was, all that was allocated is freed, and the next fit is right."""
    one = model(**options).set_params(device="cpu").fit(X, Y)
    expected, before = bits(one.fit(X, Y)), bits(one)
    failures = 0
    for count in range(20):
        Scarce.left = count
        with opened_as_cuda(Scarce) as devices:
            try:
                one.set_params(device="cuda").fit(X, Y)
            except MemoryError:
                failures += 1
                assert bits(one) == before
        assert all(device.closed for device in devices)
        if Scarce.left > 0:
            break
    assert failures > 0
    assert Scarce.left > 0
    assert bits(one) == expected


@OPTIONS
@pytest.mark.parametrize("method", ["replay", "wait", "upload", "download", "capture", "copy"])
@pytest.mark.parametrize("number", [0, 3])
def test_devices_that_fail(options, method, number):
    """What the device says is told, and no other error beside it."""
    one = model(**options).set_params(device="cpu").fit(X, Y)
    before = bits(one)
    told = []
    with opened_as_cuda(lambda: Broken(method, number)) as devices:
        try:
            one.set_params(device="cuda").fit(X, Y)
        except RuntimeError as error:
            told.append((str(error), error.__context__))
    assert all(device.closed for device in devices)
    if devices[0].left >= 0:  # so many calls there were not
        assert not told
        return
    assert told == [("the device failed", None)]
    assert bits(one) == before


def test_many_fits_leave_nothing_behind():
    with opened_as_cuda() as devices:
        one = model(max_iter=1, early_stopping=True)
        for _ in range(5):
            one.fit(X, Y)
            one.predict(X)
    assert len(devices) == 10
    assert all(device.closed and not device.live for device in devices)
    assert len({device.most for device in devices}) == 2  # of fits, and of predict


def test_what_is_pickled_after_a_fit():
    with opened_as_cuda():
        one = model().fit(X, Y)
        other = pickle.loads(pickle.dumps(one))
        assert bits(other) == bits(one)
        assert other.fit(X, Y).predict(X).tobytes() == one.predict(X).tobytes()


# -- a GPU by a stand-in for NVIDIA's packages ---------------------------------------------------


@pytest.fixture
def stand_in(monkeypatch):
    """The GPU that is opened."""
    one = StandIn()
    with opener(monkeypatch)(one):
        yield one


def test_a_launch_that_fails(stand_in, monkeypatch):
    """The driver refuses all calls after it; the message says what to do."""
    one = model(device="cpu").fit(X, Y)
    before, run, left = bits(one), stand_in._run, [4]

    def failing():
        left[0] -= 1
        if left[0] < 0:
            raise ValueError("CUDA_ERROR_ILLEGAL_ADDRESS: an illegal address")
        run()

    monkeypatch.setattr(stand_in, "_run", failing)
    told = r"^a stand-in failed \(CUDA_ERROR_ILLEGAL_ADDRESS.*start another, or use device='cpu'"
    with pytest.raises(RuntimeError, match=told):
        one.set_params(device="cuda").fit(X, Y)
    assert bits(one) == before


def test_memory_of_the_stand_in_after_failures(stand_in, monkeypatch):
    """A failure of one launch alone: all is freed."""
    launch, left = stand_in._launch, [5]

    def failing(*arguments):
        left[0] -= 1
        if left[0] == 0:
            raise ValueError("CUDA_ERROR_INVALID_VALUE")
        launch(*arguments)

    monkeypatch.setattr(stand_in.core, "launch", failing)
    with pytest.raises(RuntimeError, match="a stand-in failed"):
        model().fit(X, Y)
    assert (stand_in.streams, stand_in.pinned) == ([], [])
    model().fit(X, Y)
    assert stand_in.streams == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_child_that_was_forked(stand_in):
    """It can neither fit nor use a predictor of its parent, whose memory it leaves alone."""
    frozen = freeze(model().fit(X, Y), device="cuda")
    expected = frozen.predict(X)
    used, read, write = stand_in.used, *os.pipe()
    child = os.fork()
    if child == 0:
        told = []
        for call in (lambda: model().fit(X, Y), lambda: frozen.predict(X)):
            try:
                call()
            except RuntimeError as error:
                told.append("forked" in str(error))
        del frozen
        told.append(stand_in.used == used)
        os.write(write, repr(told).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 99) == b"[True, True, True]"
    for end in (read, write):
        os.close(end)
    np.testing.assert_array_equal(frozen.predict(X), expected)


BOTH = """
import numpy as np, warnings
from running.host_device import opened_as_cuda
from fusednn import MLPRegressor
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(300, 6))
with opened_as_cuda():
    model = MLPRegressor(hidden_layer_sizes=(8,), max_iter=3, random_state=0, device="cuda")
    print(repr(model.fit(X, X[:, 0]).loss_curve_))
"""


@pytest.mark.long
def test_two_processes():
    """They share nothing but the cache of kernels."""
    paths = os.pathsep.join(path for path in sys.path if path)
    given = {"stdout": subprocess.PIPE, "text": True, "env": {**os.environ, "PYTHONPATH": paths}}
    both = [subprocess.Popen([sys.executable, "-c", BOTH], **given) for _ in range(2)]
    told = [one.communicate(timeout=300)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert told[0] == told[1] != ""
    expected = model(MLPRegressor, device="cpu", tol=1e-4, batch_size="auto")
    X = np.random.default_rng(0).normal(size=(300, 6))
    assert told[0].strip() == repr(expected.fit(X, X[:, 0]).loss_curve_)

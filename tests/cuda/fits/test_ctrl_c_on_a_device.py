"""Ctrl-C while a device trains: how long it takes to be answered, and what is kept."""

import signal
from types import SimpleNamespace

import numpy as np
import pytest
from running.host_device import HostDevice, opened_as_cuda

from fusednn import MLPClassifier, freeze
from fusednn.training.cuda import bursts
from fusednn.training.parts import staging

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def model(**given):
    shared = {"max_iter": 3, "random_state": 0, "tol": 0.0, "batch_size": 64, "device": "cuda"}
    return MLPClassifier((8,), **{**shared, **given})


class Clocked(HostDevice):
    """Each step takes a hundredth of a second of its clock, which runs when someone waits.

    Ctrl-C is pressed when the clock has come to a time.
    """

    now, pressed, press_at = 0.0, None, 2.0

    def __init__(self):
        super().__init__()
        self.queued = 0

    def replay(self, captured):
        super().replay(captured)
        self.queued += 1

    def wait(self):
        for _ in range(self.queued):
            Clocked.now += 0.01
            if Clocked.now > Clocked.press_at and Clocked.pressed is None:
                Clocked.pressed = Clocked.now
                signal.raise_signal(signal.SIGINT)
        self.queued = 0


@pytest.mark.parametrize("streams", [False, True])
def test_ctrl_c_is_answered_soon_and_keeps_the_weights(monkeypatch, streams):
    """Whenever it is pressed: what has begun by then takes less than a second."""
    if streams:
        monkeypatch.setattr(staging, "ASKED_BYTES", 0)
        monkeypatch.setattr(staging, "STAGED_BYTES", 4096)
        monkeypatch.setattr(staging, "USED", 0.0)
    monkeypatch.setattr(bursts, "time", SimpleNamespace(perf_counter=lambda: Clocked.now))
    for press_at in (2.0, 2.35, 5.01):
        monkeypatch.setattr(Clocked, "now", 0.0)
        monkeypatch.setattr(Clocked, "pressed", None)
        monkeypatch.setattr(Clocked, "press_at", press_at)
        one = model(max_iter=10**6, n_iter_no_change=10**6)
        told = pytest.warns(UserWarning, match="interrupted by user")
        with opened_as_cuda(Clocked) as devices, told:
            one.fit(X, Y)
        assert Clocked.now - Clocked.pressed < 1.0
        assert all(device.closed for device in devices)
        assert bool(devices[-1].pinned) == streams
        assert one.n_iter_ > 0
        assert all(np.isfinite(array).all() for array in one.coefs_)


def test_steps_become_slow_only_where_many_were_fast():
    """A call of one step says nothing of many: they would be waited for without an end."""

    class Counting(HostDevice):
        """Notes how many steps are waited for together."""

        def __init__(self):
            super().__init__()
            self.waited, self.before = [], 0

        def wait(self):
            self.waited.append(self.replayed - self.before)
            self.before = self.replayed

    one = model(device="cpu").fit(X, Y)
    with opened_as_cuda(Counting) as devices:
        frozen = freeze(one, device="cuda")
        for _ in range(9):
            frozen.predict(X)
        del frozen
        model(max_iter=50).fit(X, Y)
    assert set(devices[0].waited) == {1}
    assert max(devices[1].waited) > 4


def test_ctrl_c_before_training_leaves_the_estimator_as_it_was():
    """While kernels are compiled."""

    class Interrupted(HostDevice):
        def load(self, kernel, dtype):
            raise KeyboardInterrupt

    one = model()
    with opened_as_cuda(Interrupted) as devices, pytest.raises(KeyboardInterrupt):
        one.fit(X, Y)
    assert devices[0].closed
    assert not hasattr(one, "coefs_")

"""How a device runs a program: which mode is chosen, and what a program is made of."""

import signal

import numba
import numpy as np
import pytest
from cases.dense_networks import dense_network
from fusednn.kernels import records
from fusednn.kernels.cuda import programs as words
from oracles.simulated_gpu.memory import RaceError, RangeError
from running.host_device import HostDevice, opened_as_cuda
from running.simulated_device import SimulatedDevice

from fusednn import MLPClassifier, MLPRegressor
from fusednn.plan.binding.loss import Target
from fusednn.plan.cuda.launches import launches_of, rounds_of
from fusednn.plan.cuda.modes import ALONE, LAUNCHES, TOGETHER, mode_of, operations_of
from fusednn.plan.cuda.whole import Whole
from fusednn.plan.updating.rule import Rule
from fusednn.training.cuda import bursts, preparing
from fusednn.training.session import Session

SHARED = 227 << 10
"""Bytes of shared memory of a block of a large GPU."""

X = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def program_of(hidden, batch, samples=None, dtype=np.float32):
    """The program of a training plan for a GPU."""
    samples = samples or 4 * batch
    network = dense_network([20, *hidden, 2], "relu", "squared_error")
    data, targets = np.zeros((samples, 20), dtype), np.zeros((samples, 2), dtype)
    rule = Rule("adam", (0.9, 0.999, 1e-8))
    session = Session(
        *(network, data, Target(targets, None), rule),
        batch=batch, order=np.arange(samples), l2=0.0, n_jobs=1, device="cuda",
    )  # fmt: skip
    return session.plan.program


def chosen(*arguments, shared=SHARED, **given):
    """The mode of a program."""
    return mode_of(program_of(*arguments, **given), shared)


def test_small_networks_are_for_one_block():
    assert chosen([64, 64], 32) == ALONE
    assert chosen([64, 64], 32, dtype=np.float64) == TOGETHER  # of twice the size
    assert chosen([64, 64], 32, shared=99 << 10) == TOGETHER  # a small GPU
    assert chosen([256, 256], 200) == TOGETHER
    assert chosen([1024, 1024], 1000) == LAUNCHES


def test_one_step_is_not_worth_a_program():
    assert chosen([64, 64], 32, samples=32) == LAUNCHES


def test_devices_without_programs():
    assert chosen([64, 64], 32, shared=0) == LAUNCHES


def test_operations_are_those_of_the_products():
    """Forward, the gradient of the inputs but for the data, and that of the weights."""
    weights = 20 * 64 + 64 * 64 + 64 * 2
    expected = 32 * (3 * weights - 20 * 64)
    assert 0.9 * expected < operations_of(program_of([64, 64], 32)) < 1.5 * expected


def test_records_that_do_not_depend_on_each_other_are_one_round():
    """The updates of all parameters are; the chain of the rows is not."""
    program = program_of([64, 64], 32)
    rows, updates = rounds_of(program)
    assert all(len(one) == 1 for one in rows)
    assert len(updates) == 2
    assert len(updates[0]) == 6
    flat = [[launch for one in stage for launch in one] for stage in rounds_of(program)]
    for stage, launches in zip(flat, launches_of(program), strict=True):
        assert {id(one.record) for one in stage} == {id(one.record) for one in launches}


def test_all_blocks_wait_at_the_end_of_each_round():
    program = program_of([64, 64], 32)
    whole = Whole(program, alone=False)
    found = whole.relocated(lambda array: 0, 0, {})
    at, launches = found[words.LAUNCHES] // 8, sum(map(len, launches_of(program)))
    table = found[at : at + launches * words.LAUNCH_WIDTH].reshape(-1, words.LAUNCH_WIDTH)
    rounds = [one for stage in rounds_of(program) for one in stage]
    ends = np.cumsum([len(one) for one in rounds]) - 1
    assert np.flatnonzero(table[:, words.WAITS]).tolist() == ends.tolist()


def test_networks_of_the_same_ops_have_the_same_kernels():
    """So they share machine code; the order of records and the sizes do not matter."""
    one, other = (Whole(program_of(hidden, 32), alone=True) for hidden in ([64], [40, 40, 9]))
    assert set(one.kernels) <= set(other.kernels)
    again = Whole(program_of([40, 40, 9], 32), alone=False)
    assert again.kernels == other.kernels
    deep = Whole(program_of([40, 40, 40, 9], 16), alone=True)
    assert deep.kernels == other.kernels


def test_words_hold_the_numbers_of_their_kernels():
    program = program_of([64, 64], 32)
    whole = Whole(program, alone=False)
    found = whole.relocated(lambda array: 0, 0, {})
    numbers = dict(zip(program.kernels.values(), program.kernels, strict=True))
    at = found[words.LAUNCHES] // 8
    for launch in (one for stage in rounds_of(program) for turn in stage for one in turn):
        record = found[at + words.RECORD] // 8
        assert whole.kernels[found[record + records.OP]] == numbers[launch.kernel]
        at += words.LAUNCH_WIDTH


class Small(SimulatedDevice):
    shared = SHARED


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kept", [slice(1, None), slice(-3)], ids=["stages", "operands"])
def test_a_word_that_is_not_moved_is_no_address(kept, monkeypatch):
    """What is found by the simulator's memory: a distance where an address should be."""
    moved = Whole.moved
    monkeypatch.setattr(preparing, "mode_of", lambda *given: ALONE)
    monkeypatch.setattr(Whole, "moved", lambda self: moved(self)[kept])
    model = MLPClassifier((4,), max_iter=1, device="cuda")
    with (
        opened_as_cuda(lambda: Small(1)),
        pytest.raises(RangeError, match="where no memory is"),
    ):
        model.fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_wait_that_is_missing_is_found(monkeypatch):
    """Records are in rounds because the simulator's blocks would else read too early."""
    relocated = Whole.relocated

    def without_waits(self, *given):
        found = relocated(self, *given)
        first = (found[words.LAUNCHES] - given[1]) // 8
        launches = sum(map(len, launches_of(self._program)))
        table = found[first : first + launches * words.LAUNCH_WIDTH]
        table[words.WAITS :: words.LAUNCH_WIDTH] = 0
        return found

    monkeypatch.setattr(preparing, "mode_of", lambda *given: TOGETHER)
    monkeypatch.setattr(Whole, "relocated", without_waits)
    model = MLPClassifier((4,), max_iter=1, batch_size=90, device="cuda", random_state=0)
    with opened_as_cuda(lambda: Small(2)), pytest.raises(RaceError):
        model.fit(X, Y)


@pytest.mark.parametrize("mode", [TOGETHER, ALONE])
def test_ctrl_c_ends_a_fit_between_launches_and_keeps_the_weights(mode, monkeypatch):
    class Interrupted(HostDevice):
        shared = SHARED
        runs = 0

        def run_program(self, program, *given):
            self.runs += 1
            if self.runs == 6:
                signal.raise_signal(signal.SIGINT)
            super().run_program(program, *given)

    monkeypatch.setattr(preparing, "mode_of", lambda *given: mode)
    model = MLPClassifier((4,), max_iter=500, max_time=100.0, random_state=0, device="cuda")
    with (
        opened_as_cuda(Interrupted) as devices,
        pytest.warns(UserWarning, match="interrupted by user"),
    ):
        model.fit(X, Y)
    assert devices[0].runs <= 7  # the weights are judged once more
    assert all(np.isfinite(w).all() for w in model.coefs_)
    whole = MLPClassifier((4,), max_iter=model.n_iter_, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        whole.fit(X, Y)
    assert model.loss_curve_ == whole.loss_curve_


class Clock:
    """Counts seconds: each step takes so many."""

    def __init__(self, step):
        self.now, self.step, self.bursts = 0.0, step, []

    def perf_counter(self):
        return self.now

    def begin(self, first, last, interrupt):
        self.bursts.append(last - first)
        self.now += self.step * (last - first)

    def wait(self):
        pass


def test_a_launch_has_so_many_steps_that_ctrl_c_is_answered(monkeypatch):
    clock = Clock(0.001)
    monkeypatch.setattr(bursts, "time", clock)
    made = bursts.Bursts(clock, clock.begin)
    made.run(0, 200)
    made.run(0, 10)
    assert clock.bursts == [1, 2, 4, 8, 16, 32, 64, 64, 9, 10]
    clock.step, clock.bursts = 0.01, []
    made.run(0, 100)
    assert clock.bursts == [64, 32, 4]


def test_a_program_that_does_not_fit_when_it_is_compiled(monkeypatch):
    """Its ops need more shared memory than was thought: all blocks run it together."""

    class Full(HostDevice):
        shared = 40_000

    monkeypatch.setattr(preparing, "mode_of", lambda *given: ALONE)
    with opened_as_cuda(Full) as devices, pytest.warns(UserWarning, match="Maximum iterations"):
        MLPClassifier((4,), max_iter=2, device="cuda").fit(X, Y)
    assert set(zip(devices[0].programs[::2], devices[0].programs[1::2], strict=True)) == {
        (True, False)
    }


@numba.njit
def own_error(z, t):
    return (z - t) ** 2, 2 * (z - t)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_loss_of_one_s_own_has_launches():
    """No disk keeps its machine code, so that of all ops would be made by each process."""

    class Large(HostDevice):
        shared = SHARED

    for loss, found in (("squared_error", [True]), (own_error, [])):
        with opened_as_cuda(Large) as devices:
            MLPRegressor(loss, (4,), max_iter=1, device="cuda").fit(X, X[:, 0])
        assert devices[0].programs == found

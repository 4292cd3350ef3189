"""One or few samples by several threads: the same bits, whoever calls and in whatever order."""

import copy
import gc
import os
import pickle
import threading
import time
import weakref

import numpy as np
import pytest
from cases.op_networks import CASES, RESCALED, code_columns, parameters_for
from cases.window_networks import convolution, model_of, pool, random_ops, rows_for, transpose
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.engine import DONE, run_steps
from fusednn.kernels.library import address

from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.reshape import Reshape
from fusednn.plan import cutting
from fusednn.plan.binding.activations import epilogue
from fusednn.plan.memory import sizes
from fusednn.serving import computing
from fusednn.serving.model import VALUES, Head, Model
from fusednn.serving.predictor import Predictor
from fusednn.training.threads import parked

LIMIT = 60  # seconds
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
ROWS = 1, 2, 3, 5

NETWORKS = {**CASES, "rescale": RESCALED}
SEEDS = range(40)


@kernel
def failing(record, frame, scratch, lo, hi):
    """An op that fails."""
    return 1


@pytest.fixture
def any_work(monkeypatch):
    """However little work there is, it is shared."""
    monkeypatch.setattr(computing, "BRIEF_FLOPS", 0)
    monkeypatch.setattr(computing, "FLOPS_PER_HELPER", 1)
    monkeypatch.setattr(cutting, "PART_OPERATIONS", 1)


def case_of(name, dtype):
    """The model of a case, and samples."""
    network, rng = NETWORKS[name], np.random.default_rng(0)
    arrays = parameters_for(network.graph(), rng)
    exact = [parameter.exact for parameter, _ in network.graph().parameters]
    arrays = [a if e else a.astype(dtype) for a, e in zip(arrays, exact, strict=True)]
    X = rng.normal(size=(max(ROWS), 6)).astype(dtype)
    codes = code_columns(network)
    X[:, codes] = rng.integers(4, size=(len(X), len(codes)))
    head = Head(VALUES, "identity")
    return Model(network.ops, arrays, head, np.dtype(dtype), ("Made", "Made")), X


def alone(model, X):
    """The answers to each sample by one thread."""
    predictor = Predictor(model, 1)
    return np.concatenate([np.atleast_2d(predictor(row[np.newaxis])) for row in X])


def assert_same(model, X):
    want = alone(model, X)
    for n_jobs in (1, 2, 3):
        predictor = Predictor(model, n_jobs)
        for rows in ROWS:
            found = np.atleast_2d(predictor(X[:rows])).reshape(rows, -1)
            np.testing.assert_array_equal(found, want[:rows].reshape(rows, -1))


@pytest.mark.thinned
@DTYPES
@pytest.mark.parametrize("name", NETWORKS)
def test_same_bits_of_every_op(any_work, name, dtype):
    assert_same(*case_of(name, dtype))


@pytest.mark.thinned
@DTYPES
@pytest.mark.parametrize("seed", SEEDS)
def test_same_bits_of_windows(any_work, seed, dtype):
    ops = random_ops(seed)
    assert_same(model_of(ops, dtype), rows_for(ops, dtype, max(ROWS)))


@pytest.mark.thinned
@DTYPES
@pytest.mark.parametrize("own", [0, 1 << 22], ids=["memory reused", "memory of their own"])
@pytest.mark.parametrize("seed", SEEDS)
def test_tasks_of_a_stage_in_any_order(any_work, monkeypatch, seed, own, dtype):
    """No task reads what another of its stage writes, or writes what another reads."""
    monkeypatch.setattr(sizes, "OWN_BYTES", own)
    ops = random_ops(seed)
    model, X = model_of(ops, dtype), rows_for(ops, dtype, 2)
    answering = Predictor(model, 3)._answering
    resident = answering._resident(workers=3, samples=2)
    program, out, turned = resident._program, np.empty((2, 3), dtype), []
    want = Predictor(model, 1)(X)
    prepare, words = resident.calls[0]
    for order in (slice(None), slice(None, None, -1)):
        program.set_stages([(tasks[order], after) for tasks, after in program.stages])
        turned += [len(tasks) for tasks, _ in program.stages]
        for array in program.memory.work:
            array[:] = 77
        prepare(words, X, out, True)
        assert run_steps(program.words, 1, 0, 1) == DONE
        prepare(words, X, out, True)  # nobody joins
        shared = np.zeros(computing.calls.SHARED_WIDTH, np.int64)
        assert computing.calls.answer_cut(words, shared, dtype(0)) == computing.calls.DONE
        np.testing.assert_array_equal(out, np.atleast_2d(want))
    assert max(turned) > 1


def large_model(dtype=np.float32):
    """A network with work enough for several threads."""
    same = ((1, 1), (1, 1))
    ops = [
        Reshape((40, 40, 3)),
        convolution((40, 40, 3), 16, (3, 3), "relu", padding=same),
        convolution((40, 40, 16), 32, (3, 3), "relu", padding=same),
        pool((40, 40, 32), (2, 2), True),
        transpose((20, 20, 32), 40, (2, 2), "relu", stride=(2, 2)),
        convolution((40, 40, 40), 4, (3, 3), "tanh", padding=same),
        Reshape((6400,)),
        Dense(6400, 64, epilogue("relu")),
        Dense(64, 3),
    ]
    return model_of(ops, dtype), rows_for(ops, dtype, max(ROWS))


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "fusednn-parked"]


@pytest.fixture
def predictor():
    parked.end_parked()
    yield Predictor(large_model()[0], 2)
    parked.end_parked()


@pytest.fixture(scope="module")
def data():
    model, X = large_model()
    return X, alone(model, X)


def test_work_is_shared_without_being_asked_for(predictor, data):
    X, want = data
    np.testing.assert_array_equal(np.atleast_2d(predictor(X[:1])), want[:1])
    [resident] = predictor._answering._free_cut[2, 1]
    stages = resident._program.stages
    assert sum(len(tasks) > 1 for tasks, _ in stages) >= 5  # four windows and a dense layer
    assert len(threads()) == 1


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_four_callers(data, n_jobs):
    X, want = data
    predictor, failures, together = Predictor(large_model()[0], n_jobs), [], threading.Barrier(4)

    def work(number):
        together.wait()
        for turn in range(30):
            rows = ROWS[(number + turn) % len(ROWS)]
            if not np.array_equal(predictor(X[:rows]).reshape(rows, -1), want[:rows]):
                failures.append(number)

    callers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert failures == []
    assert max(map(len, predictor._answering._free_cut.values())) <= 4


def test_copies_have_their_own(predictor, data):
    X, want = data
    predictor(X[:1])
    for other in (copy.deepcopy(predictor), pickle.loads(pickle.dumps(predictor))):
        assert other.n_jobs == 2
        np.testing.assert_array_equal(other(X[:1]).reshape(1, -1), want[:1])
        assert other._answering._free_cut[2, 1][0] is not predictor._answering._free_cut[2, 1][0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:os.fork")  # of JAX, where a test before has imported it
@pytest.mark.filterwarnings("ignore:This process")  # has a thread more under pytest-xdist
def test_a_forked_process(predictor, data):
    X, want = data
    predictor(X[:1])
    child = os.fork()
    if child == 0:
        found = predictor(X[:1])
        os._exit(0 if np.array_equal(found.reshape(1, -1), want[:1]) and threads() else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(predictor(X[:1]).reshape(1, -1), want[:1])


def test_nothing_stays(monkeypatch, data):
    monkeypatch.setattr(parked, "PARKED_SECONDS", 0.05)
    parked.end_parked()
    predictor = Predictor(large_model()[0], 2)
    predictor(data[0][:1])
    seen = weakref.ref(predictor), weakref.ref(predictor._answering._free_cut[2, 1][0])
    helpers = threads()
    del predictor
    gc.collect()
    assert [one() for one in seen] == [None, None]
    for helper in helpers:
        helper.join(LIMIT)
    assert threads() == []


def test_idle_threads_take_no_time(predictor, data):
    predictor(data[0][:1])
    time.sleep(0.05)
    assert threads()
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.05


@pytest.mark.parametrize("rows", [1, 3])
def test_refused_samples(predictor, data, rows):
    """The last of the rows is not finite; then the caller's array stays as it was."""
    X, want = data
    bad, out = X[:rows].copy(), np.full((rows, 3), 5, np.float32)
    bad[-1, 7] = np.nan
    for given in (None, out):
        with pytest.raises(ValueError, match="contains NaN"):
            predictor(bad, out=given)
    assert (out == 5).all()
    with pytest.raises(ValueError, match="X has 4799 features"):
        predictor(X[:rows, 1:].copy())
    assert np.isnan(predictor(bad, validate=False).reshape(rows, -1)[-1]).all()
    np.testing.assert_array_equal(predictor(X[:rows], out=out), want[:rows])


def test_an_interrupt_leaves_nobody_at_work(monkeypatch, predictor, data):
    X, want = data
    predictor(X[:1])

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(computing.calls, "ready_cut", lambda dtype: interrupted)
        with pytest.raises(KeyboardInterrupt):
            predictor(X[:1])
    parked.end_parked()  # with what they had begun
    assert predictor._answering._free_cut[2, 1] == threads() == []
    np.testing.assert_array_equal(predictor(X[:1]).reshape(1, -1), want[:1])


def test_a_failed_op_is_an_error(predictor, data):
    """As of one thread; later calls answer again."""
    X, want = data
    predictor(X[:1])
    [resident] = predictor._answering._free_cut[2, 1]
    tasks = resident._program.stages[-1][0]
    op = tasks[0].chain[0][records.OP]
    tasks[0].chain[0][records.OP] = address(failing, "op", np.dtype(np.float32))
    with pytest.raises(RuntimeError, match="a compiled operation of the network failed"):
        predictor(X[:1])
    tasks[0].chain[0][records.OP] = op
    np.testing.assert_array_equal(predictor(X[:1]).reshape(1, -1), want[:1])

"""How many threads `n_jobs=None` takes: what the surroundings of a process allot."""

import os
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from joblib.externals.loky.backend import context
from oracles.parity import run_python

from fusednn import MLPClassifier, NetworkRegressor, freeze
from fusednn.layers import Dense
from fusednn.training.threads import jobs
from fusednn.training.threads.jobs import choose_jobs
from fusednn.training.threads.parked import end_parked

MANY = 1e12  # operations: enough for any number of threads


@pytest.fixture
def eight_cpus(monkeypatch, tmp_path):
    """Eight CPUs, all of which this process may use, no variables, and a folder for quotas."""
    for name in ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        monkeypatch.delenv(name, raising=False)
    exists, here = os.path.exists, f"{tmp_path}/"

    def moved(path):
        return str(path).replace("/sys/fs/cgroup/", here)

    def opened(path):
        return open(moved(path))

    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(os.path, "exists", lambda path: exists(moved(path)))
    monkeypatch.setattr(context, "open", opened, raising=False)
    jobs._count_cpus.cache_clear()
    yield tmp_path
    jobs._count_cpus.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("3", 3),
        (" 3 ", 3),
        ("+3", 3),
        ("16", 16),  # above the CPUs, as OpenMP takes it
        ("4,2", 4),  # of the outermost level
        (" 4 , 2", 4),
        ("", 8),  # what OpenMP does not take counts as not set
        (" ", 8),
        ("0", 8),
        ("-2", 8),
        ("2.5", 8),
        ("2_0", 8),
        ("many", 8),
        ("4 2", 8),
        (",2", 8),
    ],
)
def test_threads_of_openmp(eight_cpus, monkeypatch, text, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert choose_jobs(None, MANY) == expected
    assert choose_jobs(None, 1000) == 1  # no more than pay off
    assert [choose_jobs(number, MANY) for number in (5, -1, -2)] == [5, 8, 7]


def test_variables_that_are_for_others(eight_cpus, monkeypatch):
    for name in ("NUMBA_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert choose_jobs(None, MANY) == 8


def test_a_change_of_the_variable_counts_at_once(eight_cpus, monkeypatch):
    found = []
    for text in ("2", "1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        found.append(choose_jobs(None, MANY))
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert [*found, choose_jobs(None, MANY)] == [2, 1, 2, 8]


def fake_distributed():
    """As `distributed`: a worker is known in the threads of its tasks alone."""
    tasks = threading.local()

    def get_worker():
        if not hasattr(tasks, "worker"):
            raise ValueError("No worker found")
        return tasks.worker

    return SimpleNamespace(get_worker=get_worker), tasks


@pytest.mark.parametrize("threads", [1, 4])
def test_a_task_of_a_dask_worker_takes_one_thread(eight_cpus, monkeypatch, threads):
    module, tasks = fake_distributed()
    monkeypatch.setitem(sys.modules, "distributed", module)
    assert choose_jobs(None, MANY) == 8  # a client, or whatever else imported it
    tasks.worker = SimpleNamespace(state=SimpleNamespace(nthreads=threads))
    assert choose_jobs(None, MANY) == 1
    assert [choose_jobs(number, MANY) for number in (5, -1)] == [5, 8]
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    assert choose_jobs(None, MANY) == 6


@pytest.mark.parametrize("module", [None, SimpleNamespace()], ids=["forbidden", "half imported"])
def test_dask_that_is_not_there(eight_cpus, monkeypatch, module):
    monkeypatch.setitem(sys.modules, "distributed", module)
    assert choose_jobs(None, MANY) == 8


def test_nothing_is_imported_for_it():
    code = "from fusednn.training.threads.jobs import choose_jobs\nchoose_jobs(None, 1e12)\n"
    code += "import sys\nprint({'distributed', 'dask'} & set(sys.modules))"
    assert run_python(code).strip() == "set()"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "200000 100000"}, 2),
        ({"cpu.max": "250000 100000"}, 3),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
)
def test_quotas_of_containers(eight_cpus, files, expected):
    """joblib reads the quotas of version 2 and version 1 of cgroups."""
    for name, text in files.items():
        (eight_cpus / name).parent.mkdir(exist_ok=True)
        (eight_cpus / name).write_text(text + "\n")
    assert choose_jobs(None, MANY) == choose_jobs(-1, MANY) == expected


def test_limits_of_cpus(eight_cpus, monkeypatch):
    """By affinity, by joblib's variable, and by what Python counts (PYTHON_CPU_COUNT)."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 3, 4, 5, 6, 7}, raising=False)
    assert choose_jobs(None, MANY) == choose_jobs(-1, MANY) == 6
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "5")
    assert choose_jobs(None, MANY) == choose_jobs(-1, MANY) == 5
    jobs._count_cpus.cache_clear()
    monkeypatch.setattr(os, "cpu_count", lambda: 4)  # it is told when Python starts
    assert choose_jobs(None, MANY) == choose_jobs(-1, MANY) == 4


@pytest.fixture
def helpers(monkeypatch):
    """The threads that fits and predictions start."""
    end_parked()  # none is there yet
    start, started = threading.Thread.start, []

    def noted(thread):
        if thread.name.startswith("fusednn"):
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noted)
    return started


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, size=(9000, 20))
    return X, (X[:, 0] > X[:, 1]) * 1


def train(kind, X, y):
    """A small fit that several threads pay off for."""
    if kind is MLPClassifier:
        return kind((64, 64), max_iter=1, random_state=0).fit(X[:1000], y[:1000])
    return kind([Dense(64, "relu")] * 2, max_iter=1, random_state=0).fit(X[:1000], y[:1000])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [MLPClassifier, NetworkRegressor])
def test_fits_and_predictions_have_what_is_allotted(monkeypatch, helpers, data, kind):
    X, y = data
    started, answers = {}, {}
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        model = train(kind, X, y)
        calls = {
            "partial_fit": lambda model=model: model.partial_fit(X, y),
            "predict": lambda model=model: model.predict(X),
            "frozen": lambda model=model: freeze(model).predict(X),
        }
        started[threads] = [len(helpers)]
        helpers.clear()
        for call in calls.values():
            answers.setdefault(threads, []).append(call())
            end_parked()
            started[threads].append(len(helpers))
            helpers.clear()
    assert started["1"] == [0, 0, 0, 0]
    assert min(started["3"]) >= 1
    for one, other in zip(answers["1"][1:], answers["3"][1:], strict=True):
        np.testing.assert_array_equal(one, other)

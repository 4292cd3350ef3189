"""Fits and predictions in many threads and processes at once, inside joblib, after forks."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
from cases.small_fits import LIMIT, fit_small, small
from oracles.parity import assert_same_bits, run_python

from fusednn.training.threads import parked
from fusednn.training.threads.jobs import available_cpus, choose_jobs

MANY = 1e12  # operations: enough for any number of threads

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def nothing_left():
    """No thread outlives a fit."""
    parked.end_parked()  # of predictors in other modules
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith("fusednn")] == []


CPUS = available_cpus()


@pytest.mark.parametrize(
    ("n_jobs", "flops", "expected"),
    [
        (1, MANY, 1),
        (8, MANY, 8),
        (8, 0, 8),
        (-1, 0, CPUS),
        (-2, MANY, max(1, CPUS - 1)),
        (-100, MANY, 1),
        (np.int64(3), MANY, 3),
        (None, 0, 1),
        (None, 1000, 1),
        (None, MANY, CPUS),
    ],
)
def test_choice_of_threads(monkeypatch, n_jobs, flops, expected):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert choose_jobs(n_jobs, flops) == expected


def test_free_threaded_builds_run_one_thread(monkeypatch):
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert choose_jobs(8, MANY) == 1


def run_script(path, *arguments):
    """A script in a new process; one in a file can start processes that import it."""
    done = subprocess.run(
        [sys.executable, path, *arguments], capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


JOBLIB = """
import json, os, sys
import joblib
from fusednn.training.threads.jobs import choose_jobs

def ask(n_jobs, allotted):
    if allotted is not None:
        os.environ["OMP_NUM_THREADS"] = allotted
    return choose_jobs(n_jobs, 1e12)

if __name__ == "__main__":
    os.environ.pop("OMP_NUM_THREADS", None)
    cases = [(None, None), (None, "3"), (None, "nonsense"), (None, "0"), (5, "3")]
    with joblib.parallel_config(sys.argv[1], n_jobs=2):
        print(json.dumps(joblib.Parallel()(joblib.delayed(ask)(*case) for case in cases)))
"""


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_inside_joblib(tmp_path, backend):
    """What joblib allots; it sets OMP_NUM_THREADS itself where it starts processes."""
    script = tmp_path / "ask.py"
    script.write_text(JOBLIB)
    answers = json.loads(run_script(script, backend))
    allotted = max(1, joblib.cpu_count() // 2) if backend == "loky" else 1
    assert answers == [allotted, 3, 1, 1, 5]


@pytest.mark.timeout(LIMIT)
def test_many_fits_and_predictions_at_once():
    """Fits and predictions in several Python threads do not see each other."""
    alone = [fit_small(1, random_state=seed) for seed in range(6)]
    results = [None] * 6

    def work(seed):
        estimator, X, y = small(2, random_state=seed)
        results[seed] = estimator.fit(X, y)
        for _ in range(5):
            assert np.array_equal(alone[seed].predict_proba(X), estimator.predict_proba(X))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, results, strict=True):
        assert_same_bits(one, other)


@pytest.mark.timeout(LIMIT)
def test_one_estimator_predicts_in_many_threads():
    estimator = fit_small(2)
    X = np.random.RandomState(1).normal(size=(3000, 9))
    expected, wrong = estimator.predict_proba(X), []

    def work():
        for _ in range(20):
            if not np.array_equal(estimator.predict_proba(X), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


FORK = """
import os, signal, sys, warnings
import numpy as np
from fusednn import MLPClassifier
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X, y = rng.normal(size=(300, 9)), rng.randint(3, size=300)

def fit():
    return MLPClassifier((10,), n_jobs=3, max_iter=4, random_state=0).fit(X, y)

first = fit()
child = os.fork()
if child == 0:
    signal.alarm(40)
    again = fit()
    same = all(map(np.array_equal, first.coefs_, again.coefs_))
    same = same and np.array_equal(first.predict_proba(X), again.predict_proba(X))
    os._exit(0 if same else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.long  # what test_forks does, in the short run
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_after_a_fit():
    assert run_python(FORK, timeout=LIMIT).strip() == "0"


PROCESSES = """
import multiprocessing, sys, warnings
import numpy as np
from fusednn import MLPClassifier
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X, y = rng.normal(size=(300, 9)), rng.randint(3, size=300)

def fit(n_jobs):
    fitted = MLPClassifier((10,), n_jobs=n_jobs, max_iter=4, random_state=0).fit(X, y)
    return fitted.coefs_[0].tobytes()

if __name__ == "__main__":
    fit(2)
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(len(set(pool.map(fit, [1, 2, 3, 2]))))
"""


@pytest.mark.long
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(tmp_path, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    script = tmp_path / "processes.py"
    script.write_text(PROCESSES)
    assert run_script(script, method).strip() == "1"

"""Ctrl-C during a fit: it stops soon, keeps finite weights, and warns as scikit-learn does."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")

PROGRAM = """
import json, math, sys, threading, time, warnings
import numpy as np
from scipy import sparse
from fusednn import MLPClassifier

options = json.loads(sys.argv[1])
form = options.pop("form", "dense")
rng = np.random.RandomState(0)
X = rng.normal(size=(6_000, 200)).astype(np.float32)
y = rng.randint(10, size=len(X))
if form == "csr":
    X[X < 1] = 0
    X = sparse.csr_matrix(X)
model = MLPClassifier((300, 200), max_iter=100_000, tol=0, n_iter_no_change=100_000,
                      max_fun=10**9, random_state=0, verbose=True, **options)
small = MLPClassifier((4, 3), max_iter=2, random_state=0, **{**options, "batch_size": "auto"})
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    small.fit(X[:100], y[:100])  # compiles
bound = math.sqrt(6 / 500)
start = np.random.RandomState(0).uniform(-bound, bound, (200, 300)).astype(np.float32)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X, y)
    stopped = time.time()
print(json.dumps({
    "stopped": stopped,
    "warnings": [[w.category.__name__, str(w.message)] for w in caught],
    "finite": all(bool(np.isfinite(w).all()) for w in model.coefs_ + model.intercepts_),
    "passes": int(model.n_iter_),
    "trained": not np.array_equal(model.coefs_[0], start),
    "predicts": len(model.predict(X[:100])) == 100,
    "threads": [t.name for t in threading.enumerate() if t.name.startswith("fusednn")],
}), flush=True)
"""

CASES = {
    "one thread": {"n_jobs": 1},
    "two threads": {"n_jobs": 2},
    "five threads": {"n_jobs": 5},
    "large batch": {"n_jobs": 2, "batch_size": 6_000},
    "early stopping": {"n_jobs": 2, "early_stopping": True},
    "csr": {"n_jobs": 2, "form": "csr"},
    "lbfgs": {"n_jobs": 1, "solver": "lbfgs"},
    "lbfgs, two threads": {"n_jobs": 2, "solver": "lbfgs"},
}


SHORT = ("lbfgs",)  # those of an optimizer are in test_team and test_fit, too


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name not in SHORT)) for name in CASES]
)
def test_ctrl_c(name, record_property):
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", PROGRAM, json.dumps(CASES[name])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = 0
        while lines < 3:  # reports of passes: it is well under way
            line = process.stdout.readline()
            assert line, process.stderr.read()
            lines += "loss" in line
        time.sleep(0.05)
        sent = time.time()
        process.send_signal(signal.SIGINT)
        answer, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, errors
    told = json.loads(answer.splitlines()[-1])
    delay = told["stopped"] - sent
    record_property("delay", delay)
    print(f"{name}: stopped {delay:.2f} s after the signal")
    assert told["warnings"] == [["UserWarning", "Training interrupted by user."]]
    assert told["finite"]
    assert told["passes"] >= lines
    assert told["trained"]
    assert told["predicts"]
    assert told["threads"] == []
    assert delay < 10

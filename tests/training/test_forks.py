"""Estimators and predictors after a fork, whoever came first, and whatever was used before."""

import multiprocessing
import os

import pytest
from oracles.parity import run_python

LIMIT = 100  # seconds; only a child that waits for threads it does not have takes so long

pytestmark = [
    pytest.mark.skipif(
        "fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork"
    ),
    pytest.mark.timeout(LIMIT),
]

FORKS = """
import hashlib, multiprocessing, os, signal, warnings
import numpy as np
from numba import njit, prange
from fusednn import MLPClassifier, NetworkRegressor, freeze, kernels
from fusednn.layers import BatchNorm, Dense

warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X = rng.normal(size=(6500, 20))
y = (X[:, 0] > X[:, 1]) * 1
more = {"n_jobs": 2, "max_iter": 2, "random_state": 0}
frozen = []  # made in a process, and asked in those that fork from it


def work(_=None):
    '''A digest of fits and predictions of all kinds, by two threads each.'''
    model = MLPClassifier((64, 64), **more).fit(X[:900], y[:900])
    network = NetworkRegressor([Dense(64, "relu"), BatchNorm(), Dense(64, "relu")], **more)
    found = [model.predict_proba(X), network.fit(X[:900], y[:900]).predict(X)]
    found.append(MLPClassifier((9,), solver="lbfgs", **more).fit(X[:90], y[:90]).predict_proba(X))
    if not frozen:
        frozen.append(freeze(model, n_jobs=2))
    found += [frozen[0].predict_proba(X), freeze(network, n_jobs=2).predict(X)]
    found.append(model.partial_fit(X[:900], y[:900]).predict_proba(X))
    return hashlib.sha256(b"".join(part.tobytes() for part in found)).hexdigest()


def in_child(call):
    '''What the call answers in a fork.'''
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that hangs ends with another status
        os.write(sink, call().encode())
        os._exit(0)
    os.close(sink)
    with open(source) as file:
        answer = file.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, call
    return answer


def multiply(kernel):
    x, w, b, out = (np.ones(shape) for shape in ((300, 20), (20, 30), 30, (300, 30)))
    kernel(out, x, w, b, kernels.ACTIVATIONS["relu"].code)
    return str(out.sum())


@njit(parallel=True)
def add_up(count):
    total = 0
    for i in prange(count):
        total += i
    return total


def pool():
    with multiprocessing.get_context("fork").Pool(2) as processes:
        return processes.map_async(work, range(2)).get(60)


found = [in_child(work)]  # before the parent has done anything
found += [work(), in_child(work), in_child(lambda: in_child(work)), work(), *pool()]
expected = multiply(kernels.dense_forward)
assert add_up(100) == 4950  # Numba's threads begin
found += [in_child(work), work(), *pool()]
assert in_child(lambda: multiply(kernels.dense_forward)) == expected
print(len(found), len(set(found)))
"""


def test_parents_and_children_train_and_predict():
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    assert run_python(FORKS, timeout=LIMIT, env=environment).split() == ["11", "1"]

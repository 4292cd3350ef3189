"""Several threads and processes at once: results are those of one alone, and all end."""

import os
import pickle
import threading

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from oracles.parity import assert_same_bits, fit_quietly, run_python
from scipy import sparse

from fusednn import MLPClassifier, MLPRegressor

LIMIT = 60  # seconds; only a deadlock takes so long
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.timeout(LIMIT),
]
rng = np.random.RandomState(0)
X = rng.normal(size=(3000, 5)) * (rng.rand(3000, 5) < 0.6)
LABELS = (X[:, 0] > 0) * 1 + (X[:, 1] > 0.3)
VALUES = X[:, 0] * X[:, 1]
NAMES = list("abcde")


def together(*works):
    """Runs the functions in threads, from one moment on; none may fail or stay."""
    failures, start = [], threading.Barrier(len(works))

    def run(work):
        try:
            start.wait(LIMIT)
            work()
        except BaseException as failure:
            failures.append(failure)
            raise

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert failures == []


def classifier(**params):
    params = {"hidden_layer_sizes": (9, 4), "max_iter": 4, "random_state": 0, **params}
    return MLPClassifier(**params)


def regressor(**params):
    params = {"hidden_layer_sizes": (9, 4), "max_iter": 4, "random_state": 0, **params}
    return MLPRegressor(**params)


FORMS = {
    "dense": np.asarray,
    "columns first": np.asfortranarray,
    "float32": lambda data: data.astype(np.float32),
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc_matrix": sparse.csc_matrix,
    "csc_array": sparse.csc_array,
    "pandas": lambda data: pd.DataFrame(data, columns=NAMES),
    "polars": lambda data: pl.DataFrame(data, schema=NAMES),
}


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_one_estimator_answers_many_threads(n_jobs):
    """Each with another form of X, other rows and another method, all the time."""
    model = fit_quietly(classifier(n_jobs=n_jobs), X[:300], LABELS[:300])
    stored = pickle.dumps(model)
    methods = ["predict", "predict_proba", "predict_log_proba", "predict_logits"]
    parts = [slice(0, 1), slice(7, 15), slice(0, 64), slice(0, 65), slice(0, 3000)]
    asked = {
        name: [(getattr(model, m), form(X[part])) for m in methods for part in parts]
        for name, form in FORMS.items()
    }
    alone = {name: [call(data) for call, data in calls] for name, calls in asked.items()}

    def ask(name):
        for _ in range(3):
            for (call, data), expected in zip(asked[name], alone[name], strict=True):
                np.testing.assert_array_equal(call(data), expected)

    together(*(lambda name=name: ask(name) for name in FORMS))
    assert pickle.dumps(model) == stored


def in_parts(model, y):
    """Trained by `partial_fit`."""
    for first in range(0, 240, 30):
        more = {"classes": [0, 1, 2]} if hasattr(model, "predict_proba") else {}
        model.partial_fit(X[first : first + 30], y[first : first + 30], **more)
    return model


FITS = {
    "adam": lambda: classifier(n_jobs=2).fit(X[:400], LABELS[:400]),
    "sgd": lambda: regressor(solver="sgd").fit(X[:400], VALUES[:400]),
    "lbfgs": lambda: classifier(solver="lbfgs", n_jobs=2).fit(X[:400], LABELS[:400]),
    "sparse": lambda: classifier().fit(sparse.csr_array(X[:400]), LABELS[:400]),
    "early stopping": lambda: regressor(early_stopping=True).fit(X[:400], VALUES[:400]),
    "float32": lambda: classifier(dtype="float32").fit(X[:400], LABELS[:400]),
    "weights": lambda: regressor(n_jobs=3).fit(X[:400], VALUES[:400], abs(VALUES[:400]) + 1),
    "in parts": lambda: in_parts(classifier(), LABELS),
    "regression in parts": lambda: in_parts(regressor(), VALUES),
}


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_fits_of_all_kinds_at_once():
    alone, found = {name: make() for name, make in FITS.items()}, {}

    def fit(name):
        found[name] = [FITS[name]() for _ in range(4)]

    together(*(lambda name=name: fit(name) for name in FITS))
    for name, models in found.items():
        for model in models:
            assert_same_bits(alone[name], model)


def test_read_only_maps_in_many_threads(tmp_path):
    """The data and the weights of all lie in files that nobody may write to."""
    joblib.dump(fit_quietly(classifier(), X, LABELS), tmp_path / "model")
    np.save(tmp_path / "X", X)
    data = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = joblib.load(tmp_path / "model", mmap_mode="r")
    assert not model.coefs_[0].flags.writeable
    expected = fit_quietly(classifier(), X, LABELS).predict_proba(X)
    alone = fit_quietly(classifier(), X, LABELS)

    def predict():
        for _ in range(5):
            np.testing.assert_array_equal(model.predict_proba(data), expected)
            np.testing.assert_array_equal(model.predict_proba(data[:5]), expected[:5])

    def fit():
        assert_same_bits(fit_quietly(classifier(), data, LABELS), alone)

    together(predict, predict, fit, fit)


FORK = """
import os, signal, threading, warnings
import numpy as np
from fusednn import MLPClassifier
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X, y = rng.normal(size=(300, 9)), rng.randint(3, size=300)

def fit(**params):
    return MLPClassifier((10,), n_jobs=3, max_iter=4, random_state=0, **params).fit(X, y)

first, over = fit(), threading.Event()
expected = first.predict_proba(X)
second = fit(activation="tanh").coefs_
states = []

def work(call):
    while not over.is_set():
        call()

threads = [threading.Thread(target=work, args=(call,)) for call in (
    fit, lambda: first.predict(X), lambda: first.predict(X[:1]), lambda: fit(solver="lbfgs"))]
for thread in threads:
    thread.start()
for _ in range(6):
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # a child that hangs ends with another status
        same = np.array_equal(first.predict_proba(X), expected)
        same = same and np.array_equal(first.predict_proba(X[:2]), expected[:2])
        same = same and all(map(np.array_equal, fit().coefs_, first.coefs_))
        same = same and all(map(np.array_equal, fit(activation="tanh").coefs_, second))
        os._exit(0 if same else 3)
    states.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
over.set()
for thread in threads:
    thread.join()
print(states)
"""


@pytest.mark.long  # test_forks has those of a quiet parent
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_while_threads_train_and_predict():
    """The child has none of those threads, and whatever they held at the time is not missed."""
    assert run_python(FORK, timeout=LIMIT).strip() == str([0] * 6)


ELSEWHERE = """
import sys, threading
import joblib
import numpy as np
how, given, taken = sys.argv[1:]
model, X, y = joblib.load(given, mmap_mode="r" if how == "mapped" else None)
answers = []
threads = [threading.Thread(target=lambda: answers.append(model.predict(X))) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(answers) == 4 and all(np.array_equal(answers[0], answer) for answer in answers)
model.set_params(batch_size=50).partial_fit(X, y)
joblib.dump((model, answers[0], model.predict(X)), taken)
"""


@pytest.mark.parametrize(
    "how",
    ["mapped", *(pytest.param(how, marks=pytest.mark.long) for how in ("loaded", "compressed"))],
)
def test_there_and_back(tmp_path, how):
    """Trained here, asked and trained on in another process, then here again."""
    model = fit_quietly(classifier(), X[:300], LABELS[:300])
    given, taken = tmp_path / "given", tmp_path / "taken"
    joblib.dump((model, X[:300], LABELS[:300]), given, compress=3 if how == "compressed" else 0)
    run_python(ELSEWHERE, how, given, taken, options=("-W", "error"), timeout=LIMIT)
    back, before, after = joblib.load(taken)
    np.testing.assert_array_equal(before, model.predict(X[:300]))
    here = model.set_params(batch_size=50).partial_fit(X[:300], LABELS[:300])
    assert_same_bits(back, here)
    np.testing.assert_array_equal(after, here.predict(X[:300]))
    assert_same_bits(back.partial_fit(X[:90], LABELS[:90]), here.partial_fit(X[:90], LABELS[:90]))
    assert back.get_params() == here.get_params()


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_pickle_does_not_grow(make, solver):
    """But by a loss per call: no data, plans or thread are kept in it, however large the data."""
    y = LABELS if make is classifier else VALUES
    model = in_parts(make(solver=solver), y)
    for rows in (30, 3000, 200):
        model.partial_fit(X[:rows], y[:rows])
    size = len(pickle.dumps(model))
    weights = sum(part.nbytes for part in [*model.coefs_, *model.intercepts_])
    assert size < 3 * weights + 4000  # two moments at most, and names
    for _ in range(100):
        model.partial_fit(X[:200], y[:200])
        model.predict(X[:50])
    assert len(pickle.dumps(model)) - size < 100 * 20

"""Many calls of `partial_fit`: what is kept between them must never be seen in a result."""

import copy
import gc
import multiprocessing
import pickle
import threading
import weakref

import numpy as np
import pytest
import scipy.sparse as sp
from fusednn.kernels.activations import ACTIVATIONS
from parity import fit_quietly
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier as PeerClassifier
from sklearn.neural_network import MLPRegressor as PeerRegressor
from sklearn.utils import check_random_state

from fusednn import MLPClassifier, MLPRegressor
from fusednn.estimators.fitting.randoms import random_state_of
from fusednn.training import plan_cache

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 5))
LABELS = rng.randint(3, size=40)
LABELS[:3] = 0, 1, 2
WEIGHTS = rng.uniform(0.5, 2, 40)
TARGETS = {
    "multiclass": LABELS,
    "binary": np.minimum(LABELS, 1),
    "multilabel": np.c_[LABELS > 0, LABELS > 1].astype(int),
    "regression": rng.normal(size=40),
    "outputs": rng.normal(size=(40, 2)),
}
KINDS = pytest.mark.parametrize("kind", TARGETS)


def new(kind, peer=False, **params):
    params = {"hidden_layer_sizes": (7, 4), "random_state": 0, "max_iter": 3, **params}
    if kind in ("regression", "outputs"):
        return (PeerRegressor if peer else MLPRegressor)(**params)
    return (PeerClassifier if peer else MLPClassifier)(**params)


def train(estimator, kind, rows=slice(None), data=X, weights=None):
    first = not hasattr(estimator, "coefs_") and hasattr(estimator, "predict_proba")
    y = TARGETS[kind]
    classes = {"classes": [0, 1] if y.ndim == 2 else np.unique(y)} if first else {}
    weights = None if weights is None else weights[rows]
    return estimator.partial_fit(data[rows], y[rows], weights, **classes)


def state(estimator):
    arrays = [*estimator.coefs_, *estimator.intercepts_, np.array(estimator.loss_curve_)]
    return [*arrays, *(m for moment in estimator._optimizer.moments for m in moment)]


def assert_same_bits(one, other):
    for a, b in zip(state(one), state(other), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


def assert_close(peer, ours, tolerance=1e-9):
    for a, b in zip(
        [*peer.coefs_, *peer.intercepts_, peer.loss_curve_],
        [*ours.coefs_, *ours.intercepts_, ours.loss_curve_],
        strict=True,
    ):
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)


def halve(estimator):
    estimator.coefs_[0][:] *= 0.5
    estimator.intercepts_[-1] += 0.25


def replace(estimator):
    estimator.coefs_ = [np.asfortranarray(w * 0.7) for w in estimator.coefs_]
    estimator.intercepts_ = [b[::-1].copy() for b in estimator.intercepts_]


def setting(**params):
    return lambda estimator, kind: estimator.set_params(**params)


def full_fit(estimator, kind):
    fit_quietly(estimator, X, TARGETS[kind])


BETWEEN = {
    "nothing": lambda e, k: None,
    "fit": full_fit,
    "rate": setting(learning_rate_init=0.01),
    "alpha": setting(alpha=0.5),
    "batch": setting(batch_size=16),
    "solver": setting(solver="sgd"),
    "beta": setting(beta_1=0.5),
    "shuffle": setting(shuffle=False),
    "seed": setting(random_state=3),
    "edits in place": lambda e, k: halve(e),
    "other arrays": lambda e, k: replace(e),
    "fewer rows": lambda e, k: train(e, k, slice(3, 20)),
    "one row": lambda e, k: train(e, k, slice(3, 4)),
    "weights": lambda e, k: train(e, k, weights=WEIGHTS),
    "sparse": lambda e, k: train(e, k, data=sp.csr_matrix(X)),
    "other data": lambda e, k: train(e, k, data=X[::-1]),
    "columns first": lambda e, k: train(e, k, data=np.asfortranarray(X)),
    "list": lambda e, k: e.partial_fit(X.tolist(), TARGETS[k].tolist()),
    "predict": lambda e, k: e.predict(X),
    "float32": lambda e, k: train(e, k, data=X.astype(np.float32)),
}


def story(estimator, kind, between, fresh):
    """Calls with something in between; `fresh` forgets before each what others left."""
    for name in ("nothing", between, "nothing", between, "weights"):
        if fresh:
            plan_cache._kept.plans.clear()
        BETWEEN[name](estimator, kind)
        if fresh:
            plan_cache._kept.plans.clear()
        train(estimator, kind)
    return estimator


@pytest.mark.thinned
@KINDS
@pytest.mark.parametrize("between", BETWEEN)
def test_what_happens_between_calls(kind, between):
    story(new(kind), kind, "nothing", fresh=False)  # leaves its own behind
    ours = story(new(kind), kind, between, fresh=False)
    assert_same_bits(ours, story(new(kind), kind, between, fresh=True))
    peer = story(new(kind, peer=True), kind, between, fresh=False)
    assert_close(peer, ours, 1e-4 if between == "float32" else 1e-9)


@KINDS
def test_a_session_is_used_again(kind, monkeypatch):
    estimator = train(new(kind), kind)
    monkeypatch.setattr(plan_cache, "Session", None)
    train(estimator, kind)
    with pytest.raises(TypeError):
        train(estimator, kind, slice(10))


def test_large_data_are_read_where_they_are():
    wide = np.zeros((300, 3000))
    plan_cache._kept.plans.clear()
    MLPRegressor(hidden_layer_sizes=(2,), random_state=0).partial_fit(wide, wide[:, 0])
    assert not plan_cache._kept.plans


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3])
def test_threads_between_calls(n_jobs):
    kind = "multiclass"
    ours = train(train(new(kind), kind), kind)
    other = train(train(new(kind), kind).set_params(n_jobs=n_jobs), kind)
    assert_same_bits(train(ours, kind), train(other.set_params(n_jobs=1), kind))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_networks_that_take_turns(activation):
    params = [{}, {"hidden_layer_sizes": (9,)}, {"solver": "sgd"}, {"batch_size": 16}]
    params += [{"dtype": "float32"}, {"nesterovs_momentum": False, "solver": "sgd"}]
    assert len(params) == plan_cache.MOST_PLANS  # all are kept between their turns
    assert_turns_change_nothing([{"activation": activation, **p} for p in params])


def test_optimizers_that_take_turns():
    """Constants of the optimizer are the only difference."""
    adam = [{}, {"beta_1": 0.5}, {"beta_2": 0.9}, {"epsilon": 1e-2}]
    assert_turns_change_nothing([*adam, {"solver": "sgd"}, {"solver": "sgd", "momentum": 0.5}])


def assert_turns_change_nothing(params):
    kind = "multiclass"
    several, alone = ([new(kind, **p) for p in params] for _ in range(2))
    for _ in range(3):
        for estimator in several:
            train(estimator, kind)
    assert len(plan_cache._kept.plans) <= plan_cache.MOST_PLANS
    for one, other in zip(several, alone, strict=True):
        plan_cache._kept.plans.clear()
        for _ in range(3):
            train(other, kind)
        assert_same_bits(one, other)


COPIES = {
    "pickle": lambda e: pickle.loads(pickle.dumps(e)),
    "deepcopy": copy.deepcopy,
    "dict": lambda e: new_with(e),
}


def new_with(estimator):
    other = clone(estimator)
    vars(other).update(copy.deepcopy(vars(estimator)))
    return other


@KINDS
@pytest.mark.parametrize("way", COPIES)
def test_copies_go_their_own_ways(kind, way):
    first = train(train(new(kind), kind), kind)
    second = COPIES[way](first)
    expected = COPIES[way](first)
    train(first, kind, data=2 * X)
    train(second, kind)
    train(first, kind, data=2 * X)
    plan_cache._kept.plans.clear()
    assert_same_bits(second, train(expected, kind))


def test_a_clone_starts_anew():
    first = train(train(new("multiclass"), "multiclass"), "multiclass")
    assert_same_bits(train(clone(first), "multiclass"), train(new("multiclass"), "multiclass"))


def test_the_estimator_holds_nothing_new():
    estimator = train(new("multiclass"), "multiclass")
    names, size = set(vars(estimator)), len(pickle.dumps(estimator))
    for _ in range(20):
        train(estimator, "multiclass")
    assert set(vars(estimator)) == names
    assert len(pickle.dumps(estimator)) - size < 20 * 20  # the loss curve, of NumPy's floats


def test_data_are_not_held():
    data = X.copy()
    estimator = train(new("multiclass"), "multiclass", data=data)
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None
    before = X.copy()
    train(estimator, "multiclass", data=3 * X)
    np.testing.assert_array_equal(X, before)


def test_results_are_not_overwritten():
    """Arrays that a user took from one call stay as they are in the next."""
    estimator = train(new("regression"), "regression")
    taken = [*estimator.coefs_, *estimator._optimizer.moments[0]]
    before = [a.copy() for a in taken]
    train(estimator, "regression")
    for a, b in zip(taken, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shared", [False, True])
def test_threads(shared):
    """Estimators of one kind in several threads, apart or copies of one."""
    root = train(new("multiclass"), "multiclass")
    results, count = {}, 6

    def work(number):
        estimator = copy.deepcopy(root) if shared else new("multiclass", random_state=number)
        for turn in range(30):
            train(estimator, "multiclass", slice(0, 20 + (turn + number) % 3))
            estimator.predict(X)
        results[number] = estimator

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    at_once = dict(results)
    for number in range(count):
        work(number)
        assert_same_bits(at_once[number], results[number])


def test_predict_during_partial_fit():
    estimator, stop, seen = train(new("multiclass"), "multiclass"), threading.Event(), []

    def watch():
        while not (seen and stop.is_set()):
            seen.append(np.isfinite(estimator.predict_proba(X)).all())

    thread = threading.Thread(target=watch)
    thread.start()
    for _ in range(50):
        train(estimator, "multiclass")
    stop.set()
    thread.join()
    assert all(seen)


BAD = {
    "unseen label": lambda e: e.partial_fit(X, np.full(40, 7)),
    "strings": lambda e: e.partial_fit(X, LABELS.astype(str)),
    "fractions": lambda e: e.partial_fit(X, LABELS + 0.5),
    "several labels": lambda e: e.partial_fit(X, TARGETS["multilabel"]),
    "not a number": lambda e: e.partial_fit(np.where(X > 1, np.nan, X), LABELS),
    "infinite": lambda e: e.partial_fit(np.where(X > 1, np.inf, X), LABELS),
    "both infinities": lambda e: e.partial_fit(X / np.zeros(1), LABELS),
    "columns": lambda e: e.partial_fit(X[:, 1:], LABELS),
    "rows": lambda e: e.partial_fit(X, LABELS[1:]),
    "none": lambda e: e.partial_fit(X[:0], LABELS[:0]),
    "other classes": lambda e: e.partial_fit(X, LABELS, classes=[0, 1]),
    "no matrix": lambda e: e.partial_fit(X[0], LABELS),
    "weights": lambda e: e.partial_fit(X, LABELS, WEIGHTS[1:]),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore")
def test_a_refused_call_between_good_ones(name):
    kind, messages = "multiclass", []
    ours, without = train(new(kind), kind), train(train(new(kind), kind), kind)
    with np.errstate(all="ignore"):
        for estimator in (ours, train(new(kind, peer=True), kind)):
            with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared below
                BAD[name](estimator)
            messages.append(str(caught.value))
    assert messages[0].replace("fusednn", "") == messages[1]
    assert_same_bits(train(ours, kind), without)


def test_a_diverged_call_between_good_ones():
    kind = "regression"
    ours, without = train(new(kind, solver="sgd"), kind), train(new(kind, solver="sgd"), kind)
    with pytest.raises(ValueError, match="non-finite"):
        ours.partial_fit(X * 1e200, TARGETS[kind])
    assert_same_bits(train(ours, kind), train(without, kind))


@pytest.mark.parametrize(
    "labels", [np.int8, np.uint16, np.int64, bool, float, str, object, "S1", "classes"]
)
def test_labels_of_any_type(labels):
    y = LABELS.astype(str).astype(object) if labels is object else LABELS
    y = {"classes": LABELS, "S1": LABELS.astype(str)}.get(labels, y)
    y = y if labels in (object, "S1", "classes") else y.astype(labels)
    pair = []
    for peer in (True, False):
        estimator = new("multiclass", peer=peer)
        for turn in range(3):
            classes = np.unique(y) if turn == 0 or labels == "classes" else None
            estimator.partial_fit(X, y if turn < 2 else y.tolist(), classes=classes)
        pair.append(estimator)
    assert_close(*pair)
    one, other = (e.predict(X) for e in pair)
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", [0, 7, np.int64(5), 2**32 - 1, True])
def test_the_draws_of_a_seed(seed):
    ours, theirs = random_state_of(seed), check_random_state(seed)
    np.testing.assert_array_equal(ours.permutation(1000), theirs.permutation(1000))
    np.testing.assert_array_equal(ours.normal(size=5), theirs.normal(size=5))


@pytest.mark.parametrize("seed", [-1, 2**32, 2.5, "a"])
def test_a_seed_that_is_none(seed):
    messages = []
    for make in (random_state_of, check_random_state):
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared below
            make(seed)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_a_generator_goes_on():
    pair = []
    for peer in (True, False):
        pair.append(new("multiclass", peer=peer, random_state=np.random.RandomState(4)))
        for _ in range(3):
            train(pair[-1], "multiclass")
    assert_close(*pair)


def forgetful(function):
    """What a function returns where nothing is kept."""
    plan_cache._kept.plans.clear()
    result = function()
    plan_cache._kept.plans.clear()
    return result


@KINDS
def test_predictions_of_networks_that_take_turns(kind):
    """Few rows are predicted by a kept plan: for each network and its weights of the moment."""
    estimators = [train(new(kind, random_state=seed), kind) for seed in range(3)]
    estimators += [train(new(kind, dtype="float32", activation="tanh"), kind)]
    method = "predict_proba" if hasattr(estimators[0], "predict_proba") else "predict"
    for between in (lambda e: None, halve, replace, lambda e: train(e, kind)):
        for rows in (X[:1], X[:30], X[5:6], X[::-1][:1], np.asfortranarray(X)[:3], X[:1]):
            for estimator in estimators:
                predict = getattr(estimator, method)
                np.testing.assert_array_equal(predict(rows), forgetful(lambda: predict(rows)))  # noqa: B023 - called at once
                first, again = predict(rows), predict(rows)
                before = first.copy()
                predict(rows + 1)
                np.testing.assert_array_equal(first, before)
                np.testing.assert_array_equal(again, before)
        for estimator in estimators:
            between(estimator)


def test_a_prediction_after_one_that_is_not_finite():
    estimator = train(new("regression", hidden_layer_sizes=(4, 9)), "regression")
    expected = estimator.predict(X[:5])
    estimator.coefs_[0] *= 1e300
    with np.errstate(all="ignore"):
        assert not np.isfinite(estimator.predict(X[:5] * 1e10)).all()
    estimator.coefs_[0] /= 1e300
    np.testing.assert_allclose(estimator.predict(X[:5]), expected, rtol=1e-9)


def answer(estimator):
    return state(train(estimator, "multiclass")), estimator.predict(X)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's, about threads and forks
def test_a_fork_has_its_own():
    estimator = train(train(new("multiclass"), "multiclass"), "multiclass")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map(answer, [estimator] * 4)
    expected = answer(estimator)
    for arrays, labels in found:
        np.testing.assert_array_equal(labels, expected[1])
        for one, other in zip(arrays, expected[0], strict=True):
            np.testing.assert_array_equal(one, other)

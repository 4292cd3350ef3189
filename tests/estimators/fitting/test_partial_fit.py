"""Many calls of `partial_fit`: what is kept between them must never be seen in a result."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from cases.partial_fits import (
    KINDS,
    LABELS,
    TARGETS,
    X,
    assert_same_bits,
    halve,
    new,
    replace,
    train,
)
from oracles.parity import fit_quietly
from sklearn.base import clone
from sklearn.utils import check_random_state

from fusednn import MLPRegressor
from fusednn.estimators.fitting.randoms import random_state_of
from fusednn.training import plan_cache

rng = np.random.RandomState(1)
WEIGHTS = rng.uniform(0.5, 2, 40)


def assert_close(peer, ours, tolerance=1e-9):
    for a, b in zip(
        [*peer.coefs_, *peer.intercepts_, peer.loss_curve_],
        [*ours.coefs_, *ours.intercepts_, ours.loss_curve_],
        strict=True,
    ):
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)


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

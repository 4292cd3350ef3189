"""Sessions that are kept between calls: networks that take turns, threads, data, forks."""

import copy
import gc
import multiprocessing
import threading
import weakref

import numpy as np
import pytest
from cases.partial_fits import KINDS, X, assert_same_bits, halve, new, replace, state, train
from fusednn.kernels.activations import ACTIVATIONS

from fusednn.training import plan_cache


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

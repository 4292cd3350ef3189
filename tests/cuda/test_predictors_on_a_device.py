"""Predictors whose weights stay on a device answer with the bits of the CPU."""

import gc
import pickle
import threading

import numpy as np
import pytest
from running.host_device import HostDevice, opened_as_cuda
from scipy import sparse
from sklearn.base import clone

from fusednn import (
    Autoencoder,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    freeze,
)
from fusednn.layers import GRU, BatchNorm, Conv2D, Dense, Flatten, GlobalAvgPool
from fusednn.plan.cuda import machine

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(70, 5))
IMAGES = RANDOM.normal(size=(30, 4, 3, 2))
SERIES = RANDOM.normal(size=(30, 6, 2))
ONE = {"max_iter": 1, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def classifier():
    return MLPClassifier((8, 6), normalization="batch", **ONE).fit(X, np.arange(70) % 3)


def test_every_kind_of_answer(classifier):
    expected = freeze(classifier)
    with opened_as_cuda() as devices:
        predictor = freeze(classifier, device="cuda")
        for rows in (X, X[:1], X[:33], X.astype(np.float32), X.tolist(), sparse.csr_matrix(X)):
            for name in ("predict", "predict_proba", "decision_function"):
                if hasattr(predictor, name):
                    ours, others = (getattr(one, name)(rows) for one in (predictor, expected))
                    assert ours.tobytes() == others.tobytes()
        out = np.empty((70, 3))
        assert predictor.predict_proba(X, out=out) is out
        assert out.tobytes() == expected.predict_proba(X).tobytes()
        assert len(devices) == 1
        del predictor
        gc.collect()
        assert devices[0].closed


@pytest.mark.parametrize(
    ("layers", "samples"),
    [
        (
            [Conv2D(3, 2, "relu"), BatchNorm(), Flatten(), Dense(4)],
            IMAGES,
        ),
        ([GRU(5, True), GlobalAvgPool()], SERIES),
    ],
    ids=["images", "series"],
)
def test_layers(layers, samples):
    model = NetworkClassifier(layers, **ONE).fit(samples, np.arange(30) % 2)
    with opened_as_cuda():
        found = freeze(model, device="cuda").predict_proba(samples)
    assert found.tobytes() == freeze(model).predict_proba(samples).tobytes()


def test_series_of_other_steps_and_with_padding():
    model = NetworkRegressor([GRU(5)], **ONE).fit(SERIES, SERIES[:, 0, 0])
    padded = SERIES.copy()
    padded[::3, 4:] = np.nan
    expected = freeze(model)
    with opened_as_cuda():
        predictor = freeze(model, device="cuda")
        for rows in (SERIES[:, :4], padded, [SERIES[0], SERIES[1][:3]]):
            assert predictor.predict(rows).tobytes() == expected.predict(rows).tobytes()


def test_padding_where_the_call_before_had_answers():
    model = NetworkRegressor([GRU(5, True)], **ONE).fit(SERIES, SERIES[..., 0])
    expected = freeze(model)
    with opened_as_cuda():
        predictor = freeze(model, device="cuda")
        for steps in (5, 2):
            padded = SERIES.copy()
            padded[1:, steps:] = np.nan
            assert predictor.predict(padded).tobytes() == expected.predict(padded).tobytes()


def test_more_rows_than_a_step_has_room_for(classifier, monkeypatch):
    monkeypatch.setattr(machine, "ANSWER_BYTES", 4096)
    with opened_as_cuda():
        found = freeze(classifier, device="cuda").predict_proba(X)
        again = classifier.set_params(device="cuda").predict_proba(X)
    classifier.set_params(device="cpu")
    assert found.tobytes() == again.tobytes() == freeze(classifier).predict_proba(X).tobytes()


def test_weights_are_sent_once():
    model = MLPRegressor(hidden_layer_sizes=(300, 300), **ONE).fit(X, X[:, 0])
    weights = sum(w.nbytes for w in model.coefs_)
    with opened_as_cuda() as devices:
        predictor = freeze(model, device="cuda")
        predictor.predict(X)
        assert devices[0].sent > weights
        for _ in range(5):
            predictor.predict(X)
            predictor.predict(X[:9])
        assert devices[0].sent < 1.5 * weights


def test_calls_of_several_threads(classifier):
    expected, found = freeze(classifier).predict_proba(X).tobytes(), []
    with opened_as_cuda() as devices:
        predictor = freeze(classifier, device="cuda")
        calls = [
            threading.Thread(target=lambda: found.append(predictor.predict_proba(X).tobytes()))
            for _ in range(4)
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
    assert found == [expected] * 4
    assert len(devices) == 1


def test_what_is_refused_is_as_on_the_cpu(classifier):
    with opened_as_cuda():
        predictor = freeze(classifier, device="cuda")
        with pytest.raises(ValueError, match="Input X contains NaN"):
            predictor.predict([[np.nan] * 5])
        with pytest.raises(ValueError, match="X has 4 features"):
            predictor.predict(X[:, :4])
    with pytest.raises(ValueError, match="device must be one of"):
        freeze(classifier, device="gpu")
    with pytest.raises(ValueError, match="weights='int8' are for the CPU"):
        freeze(classifier, device="cuda", weights="int8")


@pytest.mark.parametrize("device", ["gpu", "cuda:1", None, 0])
def test_a_wrong_device_of_a_fitted_estimator(classifier, device):
    """It is set after the fit, which would have refused it."""
    other = clone(classifier).fit(X, np.arange(70) % 3).set_params(device=device)
    coder = Autoencoder([Dense(2)], **ONE).fit(X).set_params(device=device)
    for call in (other.predict_proba, coder.transform):
        for rows in (X, X[:1]):
            with pytest.raises(ValueError, match=rf"'cpu', 'cuda', 'auto'; got {device!r}\.$"):
                call(rows)
    answers = other.set_params(device="cpu").predict_proba(X)
    assert answers.tobytes() == classifier.predict_proba(X).tobytes()


def test_lack_of_memory_refuses_the_call_alone(classifier):
    with opened_as_cuda(lambda: HostDevice(room=20_000)):
        predictor = freeze(classifier, device="cuda")
        with pytest.raises(MemoryError):
            predictor.predict(np.tile(X, (20, 1)))
        assert predictor.predict(X[:1]).tobytes() == freeze(classifier).predict(X[:1]).tobytes()


def test_copies_are_on_the_same_device(classifier):
    with opened_as_cuda() as devices:
        predictor = pickle.loads(pickle.dumps(freeze(classifier, device="cuda")))
        assert predictor.predict(X).tobytes() == freeze(classifier).predict(X).tobytes()
        gc.collect()
    assert predictor.device == "cuda"
    assert [one.closed for one in devices] == [True, False]  # that of the original and its own


def test_a_device_that_cannot_be_used_is_refused_at_once(classifier):
    def refuse():
        raise RuntimeError("there is no driver")

    with opened_as_cuda(refuse), pytest.raises(RuntimeError, match="no driver"):
        freeze(classifier, device="cuda")


def test_a_device_that_answered_nothing_is_closed(classifier):
    with opened_as_cuda() as devices:
        frozen = freeze(classifier, device="cuda")
        del frozen
        gc.collect()
        assert devices[0].closed

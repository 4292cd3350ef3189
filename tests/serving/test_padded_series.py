"""Predictors of series of unequal lengths: every form, threads, files, refusals."""

import copy
import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases.free_series import FREE
from cases.padded_series import objects, padded, series_of_lengths
from oracles.parity import fit_quietly
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusednn import NetworkClassifier, NetworkRegressor, freeze, load
from fusednn.layers import GRU, LSTM, Conv1D, Dense, Reshape

LENGTHS = (7, 2, 1, 5, 4, 3, 6, 7, 3, 7, 1, 2)
SERIES = series_of_lengths(LENGTHS)
LABELS = np.arange(12) % 3
SMALL = {"max_iter": 2, "batch_size": 4, "random_state": 0}


def alone(predictor, series):
    return np.concatenate([predictor.predict_proba(one) for one in series])


@pytest.mark.thinned
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layers", FREE.values(), ids=FREE)
def test_each_series_is_answered_as_if_alone(layers, dtype):
    series = series_of_lengths(LENGTHS, dtype=dtype)
    predictor = freeze(fit_quietly(NetworkClassifier(layers, **SMALL), series, LABELS))
    expected, whole = alone(predictor, series), padded(series)
    others = [list(series), objects(series), padded(series, 12), padded(series, 30)]
    for X in (whole, whole.reshape(12, -1), whole.astype(float), *others):
        np.testing.assert_array_equal(predictor.predict_proba(X), expected)
    some = [series[number] for number in (1, 2, 3)]
    np.testing.assert_array_equal(predictor.predict_proba(some), expected[1:4])
    np.testing.assert_array_equal(predictor.predict_proba(whole[1].ravel()), expected[1:2])
    np.testing.assert_array_equal(predictor.predict_proba(whole[1]), expected[1:2])


@pytest.mark.parametrize("layers", [[GRU(4)], [Dense(3, "tanh"), GRU(4)]])
def test_a_scaler_of_steps_refuses_padding(layers):
    """The pipeline takes padding; its predictor says what to do, and takes whole series."""
    rows = padded(SERIES).reshape(12, -1)
    network = NetworkClassifier([Reshape(7, 3), *layers], **SMALL)
    pipeline = make_pipeline(StandardScaler(), network)
    fit_quietly(pipeline, rows, LABELS)
    assert np.isfinite(pipeline.predict_proba(rows)).all()
    predictor, whole = freeze(pipeline), rows[[0, 7, 9]]
    expected = pipeline.predict_proba(whole)
    np.testing.assert_allclose(predictor.predict_proba(whole), expected, rtol=1e-9)
    words = r"X has series with padding, but the scaler before Reshape\(7, 3\) scales each.* Fit"
    for X in (rows, rows[1:2]):
        with pytest.raises(ValueError, match=words):
            predictor.predict(X)
    odd = whole.copy()
    odd[0, 4] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        predictor.predict(odd)


def test_full_length_series_among_others_and_out():
    predictor = freeze(fit_quietly(NetworkClassifier([LSTM(5)], **SMALL), SERIES, LABELS))
    rows, expected = padded(SERIES).reshape(12, -1), alone(predictor, SERIES)
    for chosen in ([0], [0, 7, 9], [0, 1], range(12)):
        out = np.full((len(chosen), 3), -1.0)
        given = np.ascontiguousarray(rows[list(chosen)])
        for validate in (True, False):
            assert predictor.predict_proba(given, out=out, validate=validate) is out
            np.testing.assert_array_equal(out, expected[list(chosen)])
    with pytest.raises(ValueError, match="out must be of shape"):
        predictor.predict_proba(rows, out=np.empty((2, 3)))


@pytest.mark.parametrize("n_jobs", [1, 3, None])
def test_many_rows_and_threads(n_jobs):
    lengths = np.random.default_rng(0).integers(1, 41, size=1500)
    series = series_of_lengths(lengths, features=2)
    model = NetworkRegressor([Conv1D(8, 3), GRU(24)], random_state=0).initialize(
        series, lengths.astype(float)
    )
    predictor, X = freeze(model, n_jobs=n_jobs), padded(series, 40)
    few = [predictor.predict(series[number])[0] for number in range(0, 1500, 100)]
    found = predictor.predict(X)
    np.testing.assert_array_equal(found[::100], few)
    np.testing.assert_array_equal(predictor.predict(X[::-1]), found[::-1])
    with ThreadPoolExecutor(4) as pool:
        for each in pool.map(predictor.predict, [X, X[:700], X[:3], series]):
            np.testing.assert_array_equal(each, found[: len(each)])


def test_files_and_copies(tmp_path):
    model = fit_quietly(NetworkClassifier([GRU(5)], **SMALL), SERIES, LABELS)
    predictor = freeze(model)
    expected = alone(predictor, SERIES)
    predictor.save(tmp_path / "predictor")
    model.save(tmp_path / "model")
    again = NetworkClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(SERIES), model.predict_proba(SERIES))
    others = [load(tmp_path / name) for name in ("predictor", "model")]
    for one in (*others, pickle.loads(pickle.dumps(predictor)), copy.copy(predictor)):
        np.testing.assert_array_equal(one.predict_proba(SERIES), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounded_weights(dtype):
    series = series_of_lengths(LENGTHS, dtype=dtype)
    model = fit_quietly(NetworkClassifier([Conv1D(4, 3), GRU(5)], **SMALL), series, LABELS)
    predictor = freeze(model, weights="bfloat16")
    np.testing.assert_array_equal(predictor.predict_proba(series), alone(predictor, series))


def test_refused():
    layers = [Conv1D(3, 2, padding="valid"), GRU(2)]
    longer = [one for one in SERIES if len(one) > 1]
    predictor = freeze(fit_quietly(NetworkClassifier(layers, **SMALL), longer, LABELS[:10]))
    whole, out = padded(longer), np.full((10, 3), -1.0)
    cases = {
        "X.3. has NaN at step 1:": (3, 1, slice(None)),
        r"X\[0\] has NaN at step 2 in some features only": (0, 2, 0),
        "X.5. has no step: all of it is NaN": (5, slice(None), slice(None)),
        "X has series of length 1, but the network's Conv1D leaves no step": (1, slice(1, None)),
    }
    for message, place in cases.items():
        X = whole.copy()
        X[place] = np.nan
        for given in (X, X.reshape(10, -1)):
            with pytest.raises(ValueError, match=message):
                predictor.predict_proba(given, out=out)
    whole[1, 0, 0] = np.inf
    with pytest.raises(ValueError, match="X contains infinity"):
        predictor.predict_proba(whole, out=out)
    assert (out == -1).all()


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param([Conv1D(3, 3), GRU(2)], id="last states"),
        pytest.param(
            [Reshape(3, 7, channels="first"), GRU(2)],
            id="channels first",
            marks=pytest.mark.long,
        ),
        pytest.param([GRU(2, return_sequences=True)], id="all states", marks=pytest.mark.long),
    ],
)
def test_networks_for_other_steps_are_few(layers):
    turned, each = isinstance(layers[0], Reshape), len(layers) == 1
    series = series_of_lengths(range(1, 17))
    whole = padded(series)
    whole = whole.transpose(0, 2, 1) if turned else whole
    fitted = whole[6:, :, :7] if turned else whole[6:, :7]
    y = np.arange(70).reshape(10, 7) % 3 if each else np.arange(10) % 3
    predictor = freeze(NetworkClassifier(layers, **SMALL).initialize(fitted, y))
    expected, first = predictor.predict_proba(whole), None
    for number in [*range(7, 16), *range(6), *range(16)]:
        one = series[number].T if turned else series[number]
        [found] = predictor.predict_proba(one[np.newaxis])
        wanted = expected[number, : number + 1] if each else expected[number]
        np.testing.assert_array_equal(found, wanted)
        if not each:
            out = np.empty((1, 3))
            assert predictor.predict_proba(one[np.newaxis], out=out) is out
            np.testing.assert_array_equal(out[0], wanted)
        others = predictor._answering._others
        assert len(others) <= 8
        first = first or weakref.ref(next(iter(others.values())))
    del others
    gc.collect()
    assert first() is None

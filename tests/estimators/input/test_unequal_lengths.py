"""Series of unequal lengths in estimators: every form of X, scikit-learn's tools, refusals."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from cases.free_series import FREE
from cases.padded_series import objects, padded, series_of_lengths
from oracles.parity import fit_quietly
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from fusednn import NetworkClassifier, NetworkRegressor, freeze
from fusednn.augment import Jitter
from fusednn.layers import GRU, LSTM, Conv1D, Conv2D, Dense, Flatten, Reshape, Residual

LENGTHS = (7, 2, 1, 5, 4, 3, 6, 7, 3, 7, 1, 2)
SERIES = series_of_lengths(LENGTHS)
LABELS = np.arange(12) % 3
SMALL = {"max_iter": 2, "batch_size": 4, "random_state": 0}
FORMS = {
    "list": list,
    "tuple": tuple,
    "nested lists": lambda samples: [sample.tolist() for sample in samples],
    "objects": objects,
    "padded": padded,
    "rows": lambda samples: padded(samples).reshape(len(samples), -1),
    "frames": lambda samples: [pd.DataFrame(sample) for sample in samples],
    "polars": lambda samples: [pl.DataFrame(sample) for sample in samples],
    "a column of arrays": lambda samples: pd.Series(samples, index=range(len(samples), 0, -1)),
}


@pytest.mark.parametrize("layers", FREE.values(), ids=FREE)
def test_each_series_is_answered_as_if_alone(layers):
    model = fit_quietly(NetworkClassifier(layers, **SMALL), SERIES, LABELS)
    alone = np.concatenate([model.predict_proba(one[np.newaxis]) for one in SERIES])
    for form in FORMS.values():
        np.testing.assert_array_equal(model.predict_proba(form(SERIES)), alone)
    np.testing.assert_array_equal(model.predict_proba(padded(SERIES, 12)), alone)
    some = [SERIES[number] for number in (1, 3, 5)]  # all shorter than the longest of the fit
    np.testing.assert_array_equal(model.predict_proba(some), alone[[1, 3, 5]])
    gradient = model.input_gradient(SERIES)
    for one, dx in zip(SERIES, gradient, strict=True):
        assert dx.shape == one.shape
        own = model.input_gradient(one[np.newaxis])[0]
        np.testing.assert_allclose(dx, own, rtol=0, atol=1e-12 * abs(own).max())
    wide = model.input_gradient(padded(SERIES, 9))
    assert wide.shape == (12, 9, 3)
    assert all((row[length:] == 0).all() for row, length in zip(wide, LENGTHS, strict=True))


@pytest.mark.parametrize("kind", FORMS)
def test_all_forms_fit_the_same_network(kind):
    layers = [Conv1D(4, 3, "relu"), LSTM(5)]
    if kind == "rows":
        layers = [Reshape(7, 3), *layers]
    X = FORMS[kind](SERIES)
    model = fit_quietly(NetworkClassifier(layers, standardize=True, **SMALL), X, LABELS)
    same = fit_quietly(
        NetworkClassifier(layers[-2:], standardize=True, **SMALL), padded(SERIES), LABELS
    )
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(padded(SERIES)))
    steps = np.concatenate(SERIES)
    np.testing.assert_allclose(model.feature_means_, steps.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.feature_factors_, 1 / steps.std(axis=0), rtol=1e-12)
    assert model.n_features_in_ == 21
    if kind != "rows":
        assert model.input_shape_ == (None, 3)
    assert model.score(X, LABELS) == same.score(SERIES, LABELS)
    for again in (pickle.loads(pickle.dumps(model)), fit_quietly(clone(model), X, LABELS)):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_one_channel_and_types():
    series = [one[:, 0].astype(np.float32) for one in SERIES]
    model = fit_quietly(NetworkRegressor([GRU(4)], **SMALL), series, LABELS)
    assert model.predict(series).dtype == np.float32
    same = fit_quietly(NetworkRegressor([GRU(4)], **SMALL), padded(series), LABELS)
    np.testing.assert_array_equal(model.predict(series), same.predict(padded(series, 10)))
    whole = [np.arange(length) for length in LENGTHS]
    integers = fit_quietly(NetworkRegressor([GRU(4)], **SMALL), whole, LABELS)
    assert integers.predict(whole).dtype == np.float32
    with_axes = fit_quietly(
        NetworkRegressor([GRU(4)], **SMALL), [one[:, np.newaxis] for one in whole], LABELS
    )
    np.testing.assert_array_equal(integers.predict(whole), with_axes.predict(whole))


def test_tools_of_scikit_learn():
    X, y = 3 * SERIES, np.tile(LABELS, 3)
    parts = train_test_split(X, y, random_state=0, stratify=y)
    model = fit_quietly(NetworkClassifier([GRU(4)], **SMALL), parts[0], parts[2])
    assert 0 <= model.score(parts[1], parts[3]) <= 1
    network = NetworkClassifier([GRU(4)], **{**SMALL, "max_iter": 30, "tol": 0.5})
    for form in (X, objects(X), padded(X)):
        scores = cross_val_score(network, form, y, cv=3)
        search = GridSearchCV(network, {"learning_rate_init": [0.001, 0.01]}, cv=3).fit(form, y)
        assert scores.shape == (3,)
        assert search.predict(form).shape == (36,)
        np.testing.assert_array_equal(scores, cross_val_score(network, list(form), y, cv=3))
    pipeline = make_pipeline(FunctionTransformer(), network).fit(X, y)
    np.testing.assert_array_equal(pipeline.predict(X), pipeline.predict(padded(X)))
    rows = padded(X).reshape(36, -1)
    scaled = make_pipeline(StandardScaler(), NetworkClassifier([Reshape(7, 3), GRU(4)], **SMALL))
    fit_quietly(scaled, rows, y)
    assert scaled.predict_proba(rows).shape == (36, 3)


CASES = {
    "another number of features": (
        [SERIES[0], SERIES[1][:, :2]],
        [GRU(2)],
        r"X\[1\] has the shape \(2, 2\), but X\[0\] \(7, 3\): all series",
    ),
    "no step": ([SERIES[0], SERIES[1][:0]], [GRU(2)], r"X\[1\] has no step"),
    "all of it padding": (
        np.stack([SERIES[0], np.full((7, 3), np.nan)]),
        [GRU(2)],
        r"X\[1\] has no step: all of it is NaN",
    ),
    "NaN in the middle": (
        np.stack([SERIES[0], np.where(np.arange(7)[:, None] == 3, np.nan, SERIES[7])]),
        [GRU(2)],
        r"X\[1\] has NaN at step 3: only the last steps of a series may be NaN, in all features",
    ),
    "NaN in some features": (
        [SERIES[0], np.where(np.arange(3) == 1, np.nan, SERIES[1])],
        [GRU(2)],
        r"X\[1\] has NaN at step 0 in some features only",
    ),
    "infinity": ([SERIES[0], np.full((2, 3), np.inf)], [GRU(2)], "X contains infinity"),
    "words": ([SERIES[0], ["a", "b"]], [GRU(2)], r"X\[1\] must be a series of numbers"),
    "unequal steps": (
        [SERIES[0], [[1, 2, 3], [4, 5]]],
        [GRU(2)],
        r"X\[1\] must be a series of numbers.*steps have unequal numbers of features",
    ),
    "a hole": ([SERIES[0], None], [GRU(2)], r"X\[1\] must be an array of numbers.* got NoneType"),
    "Flatten": (
        SERIES[:2],
        [Conv1D(2, 3), Flatten()],
        r"^layers\[1\] is Flatten\(\): it fixes the steps of series.*but X has series of length 2",
    ),
    "Flatten in a residual": (
        SERIES[:2],
        [Residual([Flatten(), Dense(2)], shortcut=[LSTM(2)])],
        r"^layers\[0\] is Residual.*fixes the steps",
    ),
    "too few for a window": (
        SERIES[:2],
        [GRU(4, return_sequences=True), Conv1D(2, 3, padding="valid"), GRU(2)],
        r"^layers\[1\] is Conv1D.*: it leaves no step of 2, but X has series of length 2",
    ),
    "images": (SERIES[:2], [Conv2D(2, 3), Flatten()], r"X lists series of unequal lengths, but"),
    "columns": (
        [one[:, 0] for one in SERIES[:2]],
        [Dense(3)],
        r"layers\[0\] is Dense.*no series",
    ),
}


@pytest.mark.parametrize(("X", "layers", "message"), CASES.values(), ids=CASES)
def test_refused_in_fit(X, layers, message):
    model = NetworkClassifier(layers, **SMALL)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, [0, 1])
    assert vars(model) == before


def test_refused_in_predict():
    model = fit_quietly(
        NetworkClassifier([Conv1D(2, 3, padding="valid"), GRU(2)], **SMALL),
        [one for one in SERIES if len(one) > 2],
        LABELS[: sum(length > 2 for length in LENGTHS)],
    )
    for X, _, message in list(CASES.values())[:8]:
        for one in (model, freeze(model)):
            with pytest.raises(ValueError, match=message):
                one.predict(X)
    with pytest.raises(ValueError, match=r"^layers\[0\] is Conv1D.*X has series of length 1"):
        model.predict(SERIES)
    for one in (model, freeze(model)):
        with pytest.raises(ValueError, match=r"axes \(4, 2\), but .* axes \(steps, 3\)"):
            one.predict([np.zeros((4, 2))])
        for X in ([np.zeros((4, 2)), np.zeros((3, 2))], [np.zeros(6), np.zeros(3)]):
            with pytest.raises(ValueError, match=r"^X\[0\] .*, but the network reads .*steps, 3"):
                one.predict(X)
    with pytest.raises(ValueError, match=r"has 2 features.* 21 features.*or series \(steps, 3\)"):
        freeze(model).predict(np.zeros((4, 2)))
    fixed = fit_quietly(NetworkClassifier([Conv1D(2, 3), Flatten()], **SMALL), SERIES[:1], [0])
    with pytest.raises(ValueError, match=r"^layers\[1\] is Flatten"):
        fixed.predict(SERIES[:2])
    with pytest.raises(ValueError, match=r"lists samples of unequal .* with axes \(7, 3\)"):
        freeze(fixed).predict(SERIES[:2])
    with pytest.raises(ValueError, match=r"In the validation set.*X\[1\] has NaN at step 3"):
        fit_quietly(
            NetworkClassifier([GRU(2)], **SMALL),
            *(SERIES, LABELS),
            X_val=CASES["NaN in the middle"][0],
            y_val=[0, 1],
        )


def test_refused_augmentation():
    model = NetworkClassifier([GRU(2)], augment=[Jitter(0.1)], **SMALL)
    with pytest.raises(ValueError, match="augment takes series of equal length"):
        model.fit(SERIES, LABELS)
    fit_quietly(model, np.stack([SERIES[0]] * 4), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="augment takes series of equal length"):
        model.partial_fit(np.zeros((4, 9, 3)), [0, 1, 0, 1])

"""Targets for each step of series of unequal lengths, and of other steps than the fit's."""

import numpy as np
import pytest
from cases.padded_series import objects, padded, series_of_lengths
from oracles.parity import fit_quietly
from running.nested_weights import flat
from sklearn.metrics import accuracy_score, r2_score

from fusednn import NetworkClassifier, NetworkRegressor, freeze, load
from fusednn.layers import GRU, LSTM, Conv1D, Reshape

LENGTHS = (7, 2, 1, 5, 4, 3, 6, 7, 3, 7, 2, 5)
SERIES = series_of_lengths(LENGTHS)
VALUES = [one.cumsum(axis=0)[:, 0] for one in SERIES]
WORDS = [np.where(one > 0, "up", "down") for one in VALUES]
LABELS = np.arange(12) % 3
SMALL = {"max_iter": 3, "batch_size": 5, "random_state": 0}
LAYERS = [Conv1D(4, 3, "relu"), LSTM(5, return_sequences=True, bidirectional=True)]


def with_odd_ends(targets, odd):
    """(n, T), with something else behind the ends."""
    found = np.full((len(targets), 7), odd)
    for row, one in zip(found, targets, strict=True):
        row[: len(one)] = one
    return found


FORMS = {
    "lists": lambda targets, odd: list(targets),
    "objects": lambda targets, odd: objects(targets),
    "array": with_odd_ends,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_regressor(form):
    y = form(VALUES, np.nan)
    model = fit_quietly(NetworkRegressor(LAYERS, **SMALL), SERIES, y)
    whole = with_odd_ends(VALUES, 9.0)
    same = fit_quietly(NetworkRegressor(LAYERS, **SMALL), padded(SERIES), whole)
    np.testing.assert_array_equal(flat(model.get_weights()), flat(same.get_weights()))
    alone = [model.predict(one[np.newaxis])[0] for one in SERIES]
    found = model.predict(SERIES)
    for row, one in zip(found, alone, strict=True):
        np.testing.assert_array_equal(row[: len(one)], one)
        assert not row[len(one) :].any()
    expected = r2_score(np.concatenate(VALUES), np.concatenate(alone))
    assert model.score(SERIES, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_classifier(form):
    y = form(WORDS, "none")
    model = fit_quietly(NetworkClassifier(LAYERS, **SMALL), SERIES, y)
    assert model.classes_.tolist() == ["down", "up"]
    alone = [model.predict(one[np.newaxis])[0] for one in SERIES]
    found = model.predict(SERIES)
    for row, one in zip(found, alone, strict=True):
        np.testing.assert_array_equal(row[: len(one)], one)
    expected = accuracy_score(np.concatenate(WORDS), np.concatenate(alone))
    assert model.score(SERIES, y) == pytest.approx(expected)
    probabilities = model.predict_proba(SERIES[:2])
    assert probabilities.shape == (2, 7, 2)
    np.testing.assert_allclose(probabilities[1, :2].sum(axis=-1), 1)


def test_loss_is_the_mean_over_steps_that_count():
    model = NetworkRegressor(LAYERS, alpha=0.0, **SMALL).initialize(SERIES, VALUES)
    loss, gradient = model.loss_and_gradient(SERIES, VALUES)
    total, sums = 0.0, 0.0
    for one, y in zip(SERIES, VALUES, strict=True):
        own, own_gradient = model.loss_and_gradient(one[np.newaxis], y[np.newaxis])
        total, sums = total + len(one) * own, sums + len(one) * flat(own_gradient)
    assert loss == pytest.approx(total / sum(LENGTHS), rel=1e-12)
    np.testing.assert_allclose(flat(gradient), sums / sum(LENGTHS), rtol=0, atol=1e-13)


def test_weights_of_steps():
    """A list of arrays, as an array whose numbers behind the ends do not count."""
    weights = [np.linspace(0.5, 2, num=len(one)) for one in SERIES]
    model = fit_quietly(NetworkClassifier(LAYERS, **SMALL), SERIES, WORDS, sample_weight=weights)
    whole = with_odd_ends(weights, 9.0)
    same = fit_quietly(NetworkClassifier(LAYERS, **SMALL), SERIES, WORDS, sample_weight=whole)
    for one, other in zip(flat(model.get_weights()), flat(same.get_weights()), strict=True):
        np.testing.assert_array_equal(one, other)
    found = [row[: len(one)] for row, one in zip(model.predict(SERIES), WORDS, strict=True)]
    expected = accuracy_score(
        *map(np.concatenate, (WORDS, found)), sample_weight=np.concatenate(weights)
    )
    assert model.score(SERIES, WORDS, sample_weight=weights) == pytest.approx(expected)
    longer = [np.concatenate([one, one]) for one in SERIES]
    words, doubled = [[np.r_[one, one] for one in both] for both in (WORDS, weights)]
    wide = model.score(longer, words, sample_weight=doubled)
    assert (
        0
        <= wide
        == pytest.approx(
            np.average(
                np.concatenate([model.predict([one])[0] for one in longer])
                == np.concatenate(words),
                weights=np.concatenate(doubled),
            )
        )
    )
    fit_quietly(
        NetworkClassifier(LAYERS, early_stopping=True, **SMALL),
        *(SERIES, WORDS),
        X_val=SERIES,
        y_val=WORDS,
        sample_weight_val=weights,
    )
    short = [*weights[:3], weights[3][:-1], *weights[4:]]
    with pytest.raises(ValueError, match=r"sample_weight\[3\] has 4 steps, but for X\[3\] .* 5"):
        model.fit(SERIES, WORDS, sample_weight=short)
    with pytest.raises(ValueError, match=r"shape \(12,\), got a list of arrays"):
        NetworkClassifier([GRU(2)], **SMALL).fit(SERIES, LABELS, sample_weight=weights)


def test_first_part_of_a_stream():
    parts = NetworkClassifier(LAYERS, **SMALL).partial_fit(SERIES, WORDS, classes=["down", "up"])
    whole = NetworkClassifier(LAYERS, **SMALL)
    whole.partial_fit(SERIES, with_odd_ends(WORDS, "none"), classes=["down", "up"])
    np.testing.assert_array_equal(parts.predict_proba(SERIES), whole.predict_proba(SERIES))
    with pytest.raises(ValueError, match="classes not in"):
        NetworkClassifier(LAYERS, **SMALL).partial_fit(SERIES, WORDS, classes=["down", "left"])


def test_early_stopping_and_validation_set():
    model = NetworkClassifier(LAYERS, early_stopping=True, **SMALL)
    fit_quietly(model, SERIES, WORDS, X_val=SERIES[:5], y_val=WORDS[:5])
    assert model.best_validation_score_ == model.score(SERIES[:5], WORDS[:5])
    fit_quietly(model.set_params(validation_fraction=0.4), SERIES, WORDS)
    assert len(model.validation_scores_) == 3


def test_predictors_and_files(tmp_path):
    model = fit_quietly(NetworkRegressor([GRU(4, return_sequences=True)], **SMALL), SERIES, VALUES)
    model.save(tmp_path / "model")
    expected = model.predict(SERIES)
    for predictor in (freeze(model), load(tmp_path / "model")):
        np.testing.assert_allclose(predictor.predict(SERIES), expected, rtol=0, atol=1e-12)
        for steps in (3, 12):
            X = np.stack([one for one in SERIES if len(one) == 7])[:, :3]
            X = np.tile(X, (1, steps // 3, 1))
            found = predictor.predict(X)
            assert found.shape == (len(X), steps)
            np.testing.assert_allclose(found, model.predict(X), rtol=0, atol=1e-12)


def test_training_goes_on_with_other_steps():
    model = NetworkRegressor(LAYERS, **SMALL).partial_fit(SERIES, VALUES)
    longer = series_of_lengths((12, 9, 10, 3, 8))
    y = [one[:, 0] for one in longer]
    model.partial_fit(longer, y)
    assert model.predict(longer).shape == (5, 12)
    assert np.isfinite(model.score(longer, y))


def test_refused():
    model = NetworkRegressor(LAYERS, **SMALL)
    other = [*VALUES[:4], VALUES[4][:-1], *VALUES[5:]]
    with pytest.raises(ValueError, match=r"y\[4\] has 3 steps, but for X\[4\] the network has 4"):
        model.fit(SERIES, other)
    strided = NetworkRegressor([Conv1D(3, 2, stride=2)], **SMALL)
    halves = [one[: (len(one) + 1) // 2] for one in VALUES]
    assert fit_quietly(strided, SERIES, halves).predict(SERIES).shape == (12, 4)
    uneven = [*[one[:, np.newaxis] for one in VALUES[:2]], *[np.ones((5, 2))] * 10]
    with pytest.raises(ValueError, match=r"y\[2\] has the shape \(5, 2\), but y\[0\] \(7, 1\)"):
        model.fit(SERIES, uneven)


@pytest.mark.parametrize("y", [VALUES, np.zeros((12, 2, 2))], ids=["lists", "three axes"])
def test_refused_where_samples_end_as_rows(y):
    words = r"^layers\[0\] is GRU\(units=2\): its samples end as one row each, so y must be"
    model = NetworkRegressor([GRU(2)], **SMALL)
    for one in (model, fit_quietly(NetworkRegressor([GRU(2)], **SMALL), SERIES, LABELS)):
        for call in (one.fit, one.partial_fit):
            with pytest.raises(ValueError, match=words):
                call(SERIES, y)
    with pytest.raises(ValueError, match=words):
        NetworkClassifier([GRU(2)]).partial_fit(SERIES, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"^layers\[0\] is Reshape"):
        NetworkRegressor([Reshape(4, 4), GRU(2)]).fit(SERIES, y)

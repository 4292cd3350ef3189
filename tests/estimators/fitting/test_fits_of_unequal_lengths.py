"""Everything that a fit has, on series of unequal lengths."""

import numpy as np
import pytest
from cases.free_series import FREE
from cases.padded_series import padded, series_of_lengths
from oracles.parity import fit_quietly
from running.nested_weights import flat

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import GRU, LSTM, Conv1D, Dense, Dropout, GlobalAvgPool

LENGTHS = (7, 2, 1, 5, 4, 3, 6, 7, 3, 7, 1, 2, 5, 5, 4, 7)
SERIES = series_of_lengths(LENGTHS)
LABELS = np.arange(16) % 3
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2, size=16)
SMALL = {"max_iter": 3, "batch_size": 5, "random_state": 0}
LAYERS = [Conv1D(4, 3, "relu"), LSTM(5)]


def by_length(model, series, y, weights):
    """Loss and gradient of all series, from those of series of each length by themselves."""
    lengths, total, gradient = np.array(list(map(len, series))), 0.0, 0.0
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        X, share = np.stack([series[row] for row in rows]), weights[rows].sum() / weights.sum()
        loss, found = model.loss_and_gradient(X, y[rows], weights[rows])
        total, gradient = total + share * loss, gradient + share * flat(found)
    return total, gradient


WITHOUT_BATCHES = {name: layers for name, layers in FREE.items() if "norms" not in name}
del WITHOUT_BATCHES["convolutions"]  # its BatchNorm needs all series at once


@pytest.mark.parametrize("layers", WITHOUT_BATCHES.values(), ids=WITHOUT_BATCHES)
def test_gradient_is_the_sum_over_lengths(layers):
    model = NetworkClassifier(layers, alpha=0.0, **SMALL).initialize(SERIES, LABELS)
    expected, expected_gradient = by_length(model, SERIES, LABELS, WEIGHTS)
    for X in (SERIES, padded(SERIES), padded(SERIES, 10)):
        loss, gradient = model.loss_and_gradient(X, LABELS, WEIGHTS)
        assert loss == pytest.approx(expected, rel=1e-12)
        bound = 1e-12 * abs(expected_gradient).max()
        np.testing.assert_allclose(flat(gradient), expected_gradient, rtol=0, atol=bound)


def test_gradient_by_the_series():
    model = NetworkClassifier(LAYERS, alpha=0.0, **SMALL).initialize(SERIES, LABELS)
    _, _, gradient = model.loss_and_gradient(SERIES, LABELS, inputs=True)
    _, _, wide = model.loss_and_gradient(padded(SERIES, 9), LABELS, inputs=True)
    for one, row, series, label in zip(gradient, wide, SERIES, LABELS, strict=True):
        _, _, own = model.loss_and_gradient(series[np.newaxis], [label], inputs=True)
        np.testing.assert_allclose(16 * one, own[0], rtol=0, atol=1e-12 * abs(own).max())
        np.testing.assert_array_equal(row[: len(one)], one)
        assert not row[len(one) :].any()


FITS = {
    "plain": ({}, {}),
    "weights": ({"class_weight": {0: 2.0, 1: 0.5, 2: 1.0}}, {"sample_weight": WEIGHTS}),
    "early stopping": ({"early_stopping": True, "validation_fraction": 0.4}, {}),
    "a scorer": ({"early_stopping": True, "scoring": "f1_macro", "validation_fraction": 0.4}, {}),
    "a validation set": (
        {"early_stopping": True},
        {"X_val": SERIES[:6], "y_val": LABELS[:6], "sample_weight_val": WEIGHTS[:6]},
    ),
    "losses": (
        {"early_stopping": True, "scoring": "loss"},
        {"X_val": padded(SERIES[:6], 9), "y_val": LABELS[:6]},
    ),
    "clipping and averages": ({"clip_norm": 0.1, "ema_decay": 0.9, "accumulate": 2}, {}),
    "diagnosis": ({"diagnose": True}, {}),
    "lbfgs": ({"solver": "lbfgs"}, {"sample_weight": WEIGHTS}),
    "mixup": ({"mixup": 0.5}, {}),
}


@pytest.mark.filterwarnings("ignore::fusednn.exceptions.DiagnosisWarning")
@pytest.mark.parametrize(("options", "given"), FITS.values(), ids=FITS)
def test_padding_changes_no_bit_of_a_fit(options, given):
    found = []
    for X in (SERIES, padded(SERIES, 10)):
        model = NetworkClassifier(LAYERS, **{**SMALL, **options})
        fit_quietly(model, X, LABELS, **given)
        found.append(flat(model.get_weights()))
        if "diagnose" in options:
            found[-1] = np.append(found[-1], model.activation_stats_)
        assert np.isfinite(model.loss_)
    np.testing.assert_allclose(*found, rtol=1e-13 if "diagnose" in options else 0)
    assert np.isfinite(found).all()
    if given.get("X_val") is not None:
        score = model.score(given["X_val"], LABELS[:6], given.get("sample_weight_val"))
        best = model.best_validation_score_
        assert best == (score if model.scoring is None else -min(model.validation_loss_curve_))


def test_weights_of_zero_leave_series_out_of_the_loss():
    weights = np.where(np.arange(16) % 4 == 0, 0.0, 1.0)
    model = NetworkClassifier(LAYERS, alpha=0.0, **SMALL).initialize(SERIES, LABELS)
    left = np.flatnonzero(weights)
    some = [SERIES[row] for row in left]
    loss, gradient = model.loss_and_gradient(SERIES, LABELS, weights)
    expected, expected_gradient = model.loss_and_gradient(some, LABELS[left])
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(flat(gradient), flat(expected_gradient), rtol=0, atol=1e-12)


def test_fits_that_go_on():
    parts = slice(0, 8), slice(8, 16)
    found = []
    for steps in (0, 12):
        model = NetworkClassifier(LAYERS, **{**SMALL, "batch_size": 4})
        for number in (0, 1, 0):
            X = SERIES[parts[number]]
            model.partial_fit(
                padded(X, steps) if steps else X, LABELS[parts[number]], classes=range(3)
            )
        found.append(model.predict_proba(SERIES))
    np.testing.assert_array_equal(*found)
    model.set_params(warm_start=True)
    fit_quietly(model, np.stack([SERIES[0], SERIES[7], SERIES[9], SERIES[15]]), LABELS[:4] % 3)
    longer = series_of_lengths((20, 3, 9, 11))
    fit_quietly(model, longer, [0, 1, 2, 0])
    assert model.predict_proba(longer).shape == (4, 3)


def test_lbfgs_ends_at_a_stationary_point():
    model = NetworkRegressor([GRU(3)], solver="lbfgs", max_iter=3000, max_fun=10**5, tol=1e-9)
    y = np.array([one.mean() for one in SERIES])
    fit_quietly(model.set_params(random_state=0, alpha=0.1), SERIES, y)
    loss, gradient = model.loss_and_gradient(SERIES, y)
    assert loss == pytest.approx(model.loss_, rel=1e-9)
    assert abs(flat(gradient)).max() < 1e-4


def test_learns_from_the_real_steps_alone():
    """The sign of a series' last step, which padding would hide, and the mean of all."""
    random = np.random.default_rng(0)
    series = [random.normal(size=(length, 1)) for length in random.integers(1, 12, size=300)]
    last = np.array([one[-1, 0] > 0 for one in series])
    model = NetworkClassifier(
        [GRU(8), Dropout(0.05)], learning_rate_init=0.01, max_iter=40, random_state=0
    )
    fit_quietly(model, series[:200], last[:200])
    assert model.score(series[200:], last[200:]) > 0.95
    mean = np.array([one.mean() for one in series])
    regressor = NetworkRegressor(
        [Dense(1), GlobalAvgPool()], alpha=0.0, solver="lbfgs", random_state=0
    )
    fit_quietly(regressor, series[:200], mean[:200])
    assert regressor.score(series[200:], mean[200:]) > 0.999

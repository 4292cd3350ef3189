"""Losses of networks whose samples end as rows: means over the rows that count."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles.parity import fit_quietly
from running.nested_weights import flat
from scipy.special import log_softmax

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import LSTM, Conv1D, Conv2D, Dense
from fusednn.losses import Huber

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(45, 7, 3))
VALUES = RANDOM.normal(size=(45, 7, 2))
CLASSES = RANDOM.randint(4, size=(45, 7))
UNKNOWN = RANDOM.uniform(size=VALUES.shape) < 0.4
UNKNOWN[3], UNKNOWN[5, 2:] = True, True
KNOWN_VALUES = np.where(UNKNOWN, np.nan, VALUES)
KNOWN_CLASSES = np.where(UNKNOWN[..., 0], np.nan, CLASSES)
WEIGHTS = {
    "no weights": None,
    "weights of samples": RANDOM.uniform(0.5, 2, size=45),
    "weights of rows": RANDOM.uniform(-1, 2, size=(45, 7)).clip(0),
}
LAYERS = [LSTM(5, return_sequences=True), Dense(4, "tanh")]


def squares(z, t):
    return (z - t) ** 2 / 2


def crosses(z, t):
    known = np.nan_to_num(t[..., 0]).astype(int)
    found = -np.take_along_axis(log_softmax(z, axis=-1), known[..., np.newaxis], axis=-1)
    return np.where(np.isnan(t), np.nan, found)


KINDS = {
    "values": (NetworkRegressor, VALUES, squares),
    "some values": (NetworkRegressor, KNOWN_VALUES, squares),
    "classes": (NetworkClassifier, CLASSES, crosses),
    "some classes": (NetworkClassifier, KNOWN_CLASSES, crosses),
}


def expected(losses, weights):
    """The sum of the weighted losses of all known targets, over the sum of the weights of rows.

    A row weighs by the share of its targets that are known.
    """
    known = ~np.isnan(losses)
    weights = np.ones(45) if weights is None else weights
    weights = np.broadcast_to(weights.reshape(45, -1), (45, 7))
    total = (np.where(known, losses, 0).sum(axis=-1) * weights).sum()
    return total / (known.mean(axis=-1) * weights).sum()


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("name", KINDS)
def test_means_are_over_the_rows_that_count(name, weights):
    kind, y, losses = KINDS[name]
    model = kind(LAYERS, random_state=0, missing_targets="ignore", max_iter=1, batch_size=45)
    model.initialize(X, y)
    t = y.reshape(*y.shape[:2], -1)
    want = expected(losses(model.predict_logits(X), t), weights)
    found, gradient, dx = model.loss_and_gradient(X, y, weights, inputs=True)
    assert found == pytest.approx(want, rel=1e-12)
    uncounted = np.isnan(t).all(axis=(1, 2))
    if weights is not None and weights.ndim == 2:
        uncounted |= ~weights.any(axis=1)
    assert_array_equal(dx[uncounted], 0)
    assert np.isfinite(flat(gradient)).all()
    model.set_params(warm_start=True)
    fit_quietly(model, X, y, sample_weight=weights)
    divisor = t.shape[-1] if losses is squares else 1
    assert model.loss_ == pytest.approx(want / divisor, rel=1e-12)


@pytest.mark.parametrize("name", ["some values", "some classes"])
def test_gradients_are_differences(name):
    kind, y, _ = KINDS[name]
    model = kind(LAYERS, random_state=0, missing_targets="ignore").initialize(X, y)
    weights = WEIGHTS["weights of rows"]
    _, gradient, dx = model.loss_and_gradient(X, y, weights, inputs=True)
    arrays, found, step = model._arrays, flat(gradient), 1e-6
    for array, own in zip(
        arrays, np.split(found, np.cumsum([a.size for a in arrays])), strict=False
    ):
        for _ in range(3):
            place = RANDOM.randint(array.size)
            before, ends = array.flat[place], []
            for array.flat[place] in (before + step, before - step):
                ends.append(model.loss_and_gradient(X, y, weights)[0])
            array.flat[place] = before
            assert own[place] == pytest.approx(
                (ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-9
            )
    for place in zip(*(RANDOM.randint(size, size=5) for size in X.shape), strict=True):
        ends = []
        for sign in (1, -1):
            moved = X.copy()
            moved[place] += sign * step
            ends.append(model.loss_and_gradient(moved, y, weights)[0])
        assert dx[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KINDS)
def test_threads_and_blocks_change_no_bit(name, dtype, monkeypatch):
    kind, y, _ = KINDS[name]
    options = {"max_iter": 3, "batch_size": 20, "random_state": 0, "missing_targets": "ignore"}
    weights, found = WEIGHTS["weights of rows"], []
    for jobs in (1, 2, 3):
        model = kind(LAYERS, dtype=dtype, n_jobs=jobs, **options)
        fit_quietly(model, X, y, sample_weight=weights)
        found.append((model.loss_curve_, flat(model.get_weights()).tolist()))
    assert found[0] == found[1] == found[2]


def test_what_has_no_weight_does_not_count():
    """Rows of weight 0 may hold anything, also what has an infinite loss."""
    weights = (RANDOM.uniform(size=(45, 7)) < 0.6).astype(float)
    other = np.where(weights == 0, 1e300, VALUES[..., 0])
    found = []
    for y in (VALUES[..., 0], other):
        model = NetworkRegressor(LAYERS, max_iter=3, random_state=0, early_stopping=True)
        fit_quietly(model, X, y, sample_weight=weights)
        found.append((model.validation_scores_, flat(model.get_weights()).tolist()))
    assert found[0] == found[1]


def test_an_unknown_row_is_one_of_no_weight():
    weights = (~UNKNOWN[..., 0]).astype(float)
    model = NetworkClassifier(LAYERS, random_state=0, missing_targets="ignore")
    model.initialize(X, CLASSES)
    loss, gradient = model.loss_and_gradient(X, KNOWN_CLASSES)
    other, others = model.loss_and_gradient(X, CLASSES, weights)
    assert loss == pytest.approx(other, rel=1e-14)
    assert_allclose(flat(gradient), flat(others), rtol=1e-12, atol=1e-16)
    assert model.score(X, KNOWN_CLASSES) == pytest.approx(model.score(X, CLASSES, weights))


def test_a_row_of_one_sample_is_a_sample():
    """Samples of one row have the losses and the weights of samples without axes."""
    flat_model = NetworkRegressor([Dense(4, "tanh")], loss=Huber(0.3), random_state=0, max_iter=4)
    rows, weights = X[:, :1], WEIGHTS["weights of samples"]
    fit_quietly(flat_model, rows[:, 0], VALUES[:, 0], sample_weight=weights)
    model = NetworkRegressor(
        [Conv1D(4, 1, "tanh")], loss=Huber(0.3), random_state=0, max_iter=4, warm_start=True
    )
    model.initialize(rows, VALUES[:, :1])
    start = NetworkRegressor([Dense(4, "tanh")], random_state=0).initialize(
        rows[:, 0], VALUES[:, 0]
    )
    model.set_weights(
        [[one.reshape(a.shape) for one, a in zip(old, new, strict=True)]
         for old, new in zip(start.get_weights(), model.get_weights(), strict=True)]
    )  # fmt: skip
    fit_quietly(model, rows, VALUES[:, :1], sample_weight=weights)
    assert_allclose(model.loss_curve_, flat_model.loss_curve_, rtol=1e-12)


def test_lbfgs_learns_images():
    """Each pixel's neighbour, which a convolution of 3 x 3 finds exactly."""
    images = RANDOM.normal(size=(30, 5, 6))
    y = np.roll(images, 1, axis=2)
    y[:, :, 0] = 0
    model = NetworkRegressor(
        [Conv2D(4, 3)], solver="lbfgs", max_iter=300, random_state=0, tol=1e-8
    )
    fit_quietly(model, images, y)
    assert model.predict(images).shape == y.shape
    assert model.score(images, y) > 0.999

"""Regression of raw tables: units, several targets, quantiles, deviations."""

import numpy as np
import pandas as pd
import polars
import pytest
from sklearn.metrics import mean_pinball_loss, r2_score

from fusednn import TabularRegressor


def homes(rows=500, seed=0):
    rng = np.random.RandomState(seed)
    frame = pd.DataFrame(
        {
            "rooms": rng.randint(1, 8, rows),
            "town": rng.choice(["Rome", "Oslo", "Bern"], rows),
            "age": rng.uniform(0, 90, rows),
        }
    )
    mean = 1e5 * frame["rooms"] * frame["town"].map({"Rome": 1, "Oslo": 1.5, "Bern": 2})
    mean -= 1e3 * frame["age"]
    y = (mean * (1 + 0.1 * rng.normal(size=rows))).to_numpy()
    return frame, y


X, Y = homes()
X_TEST, Y_TEST = homes(2000, 1)


def test_predictions_are_in_units_and_range():
    model = TabularRegressor("fast", random_state=0).fit(X, Y)
    found = model.predict(X_TEST)
    assert found.dtype == np.float64
    assert r2_score(Y_TEST, found) > 0.9
    assert model.score(X_TEST, Y_TEST) == r2_score(Y_TEST, found)
    assert found.min() >= Y.min()
    assert found.max() <= Y.max()
    huge = pd.DataFrame({"rooms": [10**6], "town": ["Bern"], "age": [0.0]})
    assert Y.min() <= model.predict(huge)[0] <= Y.max()
    judged = ~np.isnan(model.oof_)
    assert judged.sum() == 100
    score = np.sqrt(np.mean((model.oof_[judged] - Y[judged]) ** 2))
    best = min(one["score"] for one in model.history_)  # of one network, without clipping
    assert 0.9 * best < score < 1.001 * best


def test_forms_of_tables_give_the_same_bits():
    expected = TabularRegressor("fast", random_state=0).fit(X, Y).predict(X)
    dicts = X.to_dict("records")
    frame = polars.from_pandas(X)
    for table in (frame, dicts):
        model = TabularRegressor("fast", random_state=0).fit(table, Y)
        np.testing.assert_array_equal(model.predict(X), expected)
        np.testing.assert_array_equal(model.predict(dicts[:3]), expected[:3])
    model = TabularRegressor("fast", random_state=0).fit(X.to_numpy(object), polars.Series(Y))
    np.testing.assert_array_equal(model.predict(frame), expected)


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_several_targets_at_once(kind):
    both = np.column_stack([Y, -Y / 1e5 + X["age"]])
    y = both if kind == "array" else pd.DataFrame(both, columns=["price", "index"])
    model = TabularRegressor("fast", random_state=0).fit(X, y)
    found = model.predict(X_TEST)
    assert found.shape == (2000, 2)
    assert r2_score(both, model.predict(X)) > 0.9
    assert model.oof_.shape == (500, 2)
    found, std = model.predict(X, return_std=True)
    assert std.shape == found.shape
    assert std[:, 0].mean() > 100 * std[:, 1].mean()


def test_quantiles_ascend_and_cover():
    shares = [0.1, 0.5, 0.9]
    model = TabularRegressor("fast", quantiles=shares, random_state=0).fit(X, Y)
    found = model.predict(X_TEST)
    assert found.shape == (2000, 3)
    assert (np.diff(found, axis=1) >= 0).all()
    low, _, high = found.T
    assert 0.7 < np.mean((low < Y_TEST) & (high > Y_TEST)) < 0.9
    for place, share in enumerate(shares):
        constant = np.full(2000, np.quantile(Y, share))
        own = mean_pinball_loss(Y_TEST, found[:, place], alpha=share)
        assert own < 0.5 * mean_pinball_loss(Y_TEST, constant, alpha=share)
    assert model.score(X_TEST, Y_TEST) == r2_score(Y_TEST, found[:, 1])
    two = TabularRegressor("fast", quantiles=[0.2, 0.8], random_state=0)
    assert two.fit(X, np.column_stack([Y, Y])).predict(X[:5]).shape == (5, 2, 2)
    with pytest.raises(ValueError, match="return_std=True is not for quantiles"):
        two.predict(X, return_std=True)


def test_deviations_are_those_of_the_residuals():
    """y has a deviation of a tenth of its mean, so it grows with the prediction."""
    X, y = homes(3000, 2)
    model = TabularRegressor("fast", n_folds=2, random_state=0).fit(X, y)
    found, std = model.predict(X_TEST, return_std=True)
    np.testing.assert_array_equal(found, model.predict(X_TEST))
    z = (Y_TEST - found) / std
    assert 0.85 < np.sqrt(np.mean(z**2)) < 1.15
    for rows in np.array_split(np.argsort(found), 3):
        assert 0.7 < np.sqrt(np.mean(z[rows] ** 2)) < 1.4
    assert std[found > 8e5].mean() > 2 * std[found < 2e5].mean()


def test_absolute_errors_are_what_networks_minimise():
    """Outliers of half the rows' size move means, not medians."""
    rng = np.random.RandomState(0)
    features = rng.normal(size=(600, 2))
    y = features[:, 0] + np.where(rng.rand(600) < 0.25, 20.0, 0.0)
    model = TabularRegressor("fast", metric="mae", random_state=0).fit(features, y)
    found = model.predict(features)
    assert model.members_[0].loss == "absolute_error"
    assert np.median(np.abs(found - features[:, 0])) < 1
    mean = TabularRegressor("fast", random_state=0).fit(features, y).predict(features)
    assert np.median(np.abs(mean - features[:, 0])) > 2


def test_a_constant_target_and_few_rows():
    model = TabularRegressor("default", random_state=0, n_folds=3)
    assert model.fit([[1.0], [2.0]], [5.0, 5.0]).predict([[3.0]]).tolist() == [5.0]
    assert model.fit([[1.0], [2.0], [4.0]], [1.0, 2.0, 4.0]).oof_.shape == (3,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantiles": [0.5, 1.0]}, "must be numbers between 0 and 1"),
        ({"quantiles": []}, "must be numbers between 0 and 1"),
        ({"quantiles": [0.9, 0.1]}, "must ascend: sort them"),
        ({"quantiles": [0.5], "metric": "mae"}, "does not suit quantiles"),
        ({"metric": "accuracy"}, "metric='accuracy' is unknown"),
        ({"metric": "average_precision"}, "metric='average_precision' cannot be computed"),
        ({"preset": "slow"}, "The 'preset' parameter of TabularRegressor must be"),
        ({"n_folds": 0}, "The 'n_folds' parameter"),
        ({"time_limit": 0}, "The 'time_limit' parameter"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TabularRegressor(**{"preset": "fast", **options}).fit(X, Y)


def test_a_fit_forgets_deviations_and_quantiles_of_the_one_before(tmp_path):
    model = TabularRegressor("fast", random_state=0).fit(X, Y)
    kept = model.predict(X_TEST, return_std=True)
    model.set_params(quantiles=[0.2, 0.8])  # takes effect in the next fit
    np.testing.assert_array_equal(model.predict(X_TEST, return_std=True), kept)
    model.fit(X, Y).save(tmp_path / "model")
    assert TabularRegressor.load(tmp_path / "model").predict(X_TEST).shape == (len(Y_TEST), 2)
    for estimator in (model.set_params(quantiles=None), TabularRegressor.load(tmp_path / "model")):
        with pytest.raises(ValueError, match="return_std=True is not for quantiles"):
            estimator.predict(X_TEST, return_std=True)


def test_equal_predictions_are_saved(tmp_path):
    weights = np.random.RandomState(0).uniform(0.1, 1, len(Y))
    model = TabularRegressor("fast", n_folds=3, random_state=0).fit(X, 0.1 + 0 * Y, weights)
    model.save(tmp_path / "model")
    values, std = TabularRegressor.load(tmp_path / "model").predict(X_TEST, return_std=True)
    np.testing.assert_allclose(values, 0.1)
    np.testing.assert_allclose(std, 0, atol=1e-12)


def test_importances_have_the_unit_of_the_metric():
    options = {"importances": True, "random_state": 0}
    one, other = (
        TabularRegressor("fast", **options).fit(X, unit * Y).feature_importances_
        for unit in (1.0, 1024.0)
    )
    assert one[0] > 0.1 * Y.std()
    np.testing.assert_allclose(other, 1024 * one)

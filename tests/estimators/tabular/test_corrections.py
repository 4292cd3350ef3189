"""Preset "best": quantities corrected by the residuals of near rows."""

import pickle

import numpy as np
import pandas as pd
import pytest
from cases.short_presets import short_presets

from fusednn import TabularClassifier, TabularRegressor, export_c, freeze
from fusednn.estimators.tabular.presets import PRESETS

OPTIONS = {"n_folds": 3, "random_state": 0, "n_jobs": 1}


def places(rows, seed):
    """Measurements at 60 places, each with a value that nothing but nearness tells."""
    rng = np.random.RandomState(seed)
    at = np.random.RandomState(7).uniform(size=(60, 3))
    height = np.random.RandomState(8).normal(size=60)
    place = rng.randint(60, size=rows)
    X = pd.DataFrame(at[place] + 0.005 * rng.normal(size=(rows, 3)), columns=["x", "y", "z"])
    X["day"] = rng.choice(["mo", "tu", "we"], rows)
    return X, 50 + 10 * (height[place] + 0.2 * rng.normal(size=rows))


X, Y = places(600, 0)
X_TEST, Y_TEST = places(400, 1)
WEIGHTS = np.random.RandomState(0).uniform(0.5, 2, 600)


def rmse(found, y):
    return np.sqrt(np.mean((found - y) ** 2))


@pytest.fixture(scope="module", autouse=True)
def brief():
    """Networks learn little in so few epochs."""
    with short_presets(epochs=6):
        yield


@pytest.fixture(scope="module")
def models(brief):
    """Both presets, with the same networks."""
    return [
        TabularRegressor(preset, importances=True, **OPTIONS).fit(X, Y)
        for preset in ("default", "best")
    ]


def test_near_rows_tell_what_networks_have_missed(models):
    plain, best = models
    np.testing.assert_array_equal(best.weights_, plain.weights_)
    assert best.history_ != []
    for network, other in zip(best.members_, plain.members_, strict=True):
        for parts in zip(network.get_weights(), other.get_weights(), strict=True):
            for one, two in zip(*parts, strict=True):
                np.testing.assert_array_equal(one, two)
    assert rmse(best.predict(X_TEST), Y_TEST) < 0.7 * rmse(plain.predict(X_TEST), Y_TEST)
    found = best.predict(X_TEST)
    assert found.min() >= Y.min()
    assert found.max() <= Y.max()


def test_held_out_answers_and_deviations_are_of_corrected_ones(models):
    plain, best = models
    new = rmse(best.predict(X_TEST), Y_TEST)
    assert rmse(best.oof_, Y) < 0.8 * rmse(plain.oof_, Y)
    assert rmse(best.oof_, Y) > 0.9 * new  # as of rows never seen: their own residual is out
    _, std = best.predict(X_TEST, return_std=True)
    assert np.sqrt(np.mean(std**2)) == pytest.approx(rmse(best.oof_, Y), rel=0.1)


def test_importances_count_corrections(models):
    plain, best = models
    assert best.feature_importances_[:3].min() > 0.1 * Y.std()
    assert best.feature_importances_[:3].sum() > 1.5 * plain.feature_importances_[:3].sum()
    assert abs(best.feature_importances_[3]) < 0.05 * Y.std()


def test_copies_and_single_rows_answer_alike(models):
    best = models[1]
    again = pickle.loads(pickle.dumps(best))
    again.n_jobs = 3
    np.testing.assert_array_equal(again.predict(X_TEST), best.predict(X_TEST))
    alone = [best.predict(X_TEST[row : row + 1])[0] for row in range(20)]
    np.testing.assert_array_equal(alone, best.predict(X_TEST)[:20])


def test_corrected_models_are_neither_frozen_nor_saved(models, tmp_path):
    for use in (
        freeze,
        lambda model: model.save(tmp_path / "model"),
        lambda model: export_c(model, tmp_path / "model.c"),
    ):
        with pytest.raises(TypeError, match=r'fit it with preset="default"\.'):
            use(models[1])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n_folds", [1, 3])
def test_several_targets_and_weights(n_folds):
    both = np.column_stack([Y, 1000 * np.random.RandomState(1).normal(size=600)])
    options = {**OPTIONS, "n_folds": n_folds}
    model = TabularRegressor("best", **options).fit(X, both, WEIGHTS)
    shares = model._neighbours.shares
    assert shares[0] > 0.5
    assert shares[1] == 0
    plain = TabularRegressor("default", **options).fit(X, both, WEIGHTS)
    found, known = model.predict(X_TEST), plain.predict(X_TEST)
    assert rmse(found[:, 0], Y_TEST) < 0.8 * rmse(known[:, 0], Y_TEST)
    judged = np.isfinite(model.oof_).all(axis=1)
    assert judged.sum() == (120 if n_folds == 1 else 600)
    assert rmse(model.oof_[judged, 0], Y[judged]) < 0.9 * rmse(plain.oof_[judged, 0], Y[judged])


@pytest.mark.parametrize("metric", ["mae", "r2"])
def test_other_metrics_decide(metric, models):
    model = TabularRegressor("best", metric=metric, **OPTIONS).fit(X, Y)
    assert model._neighbours.shares[0] > 0.5
    assert rmse(model.predict(X_TEST), Y_TEST) < 0.7 * rmse(models[0].predict(X_TEST), Y_TEST)


def alike(kind, *data, **options):
    """Whether "best" is the default in all that it gives, files too."""
    best = kind("best", **OPTIONS, **options).fit(*data)
    plain = kind("default", **OPTIONS, **options).fit(*data)
    np.testing.assert_array_equal(freeze(best).predict(X_TEST), plain.predict(X_TEST))
    np.testing.assert_array_equal(best.predict(X_TEST), plain.predict(X_TEST))
    assert best._neighbours is None


def test_labels_quantiles_and_validation_sets_are_as_by_default(tmp_path):
    alike(TabularClassifier, X, Y > 50)
    alike(TabularRegressor, X, Y, quantiles=[0.1, 0.9])
    alike(TabularRegressor, X, Y, None, X_TEST, Y_TEST)


def test_models_keep_no_rows_where_these_tell_nothing():
    noise = np.random.RandomState(3).normal(size=600)
    alike(TabularRegressor, X, noise)
    alike(TabularRegressor, X[:5], Y[:5])
    alike(TabularRegressor, X, np.full(600, 3.0))


@pytest.mark.parametrize(("count", "corrects"), [(300, True), (1500, False)])
def test_columns_of_many_codes_alone_have_no_distances(count, corrects):
    """Flags of each code would need gigabytes."""
    rng = np.random.RandomState(0)
    number = rng.randint(count, size=5000)
    ids = pd.DataFrame({"id": [f"id {one}" for one in number]})
    with short_presets(epochs=2):
        model = TabularRegressor("best", n_folds=2, random_state=0, n_jobs=1)
        model.fit(ids, rng.normal(size=count)[number])
    assert (model._neighbours is not None) == corrects


def test_after_the_time_limit_nothing_is_searched(monkeypatch):
    monkeypatch.setattr("fusednn.estimators.tabular.ensembles.SECONDS", 10.0)
    model = TabularRegressor("best", time_limit=1000, **OPTIONS).fit(X, Y)
    assert model._neighbours is None
    monkeypatch.undo()
    with short_presets(epochs=6):
        assert TabularRegressor("best", time_limit=1000, **OPTIONS).fit(X, Y)._neighbours
    assert PRESETS["best"].corrects

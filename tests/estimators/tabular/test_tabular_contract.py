"""scikit-learn's contract: its checks, copies, pipelines, searches, routing."""

import pickle

import numpy as np
import pandas as pd
import pytest
from cases.short_presets import short_presets
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from fusednn import TabularClassifier, TabularRegressor

IRIS = load_iris(return_X_y=True, as_frame=True)
UNEQUAL = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a repeated row is in two mini-batches, perhaps of two folds, a weighted one in one"
    ),
}


@parametrize_with_checks(
    [TabularClassifier("fast"), TabularRegressor("fast")],
    expected_failed_checks=lambda estimator: UNEQUAL,
)
def test_scikit_learns_checks_of_tables(estimator, check):
    check(estimator)


@pytest.mark.long
@parametrize_with_checks(
    [TabularClassifier("best", n_folds=2), TabularRegressor("best", n_folds=2)],
    expected_failed_checks=lambda estimator: UNEQUAL,
)
def test_scikit_learns_checks_of_families(estimator, check):
    with short_presets(epochs=40):
        check(estimator)


def test_copies_have_the_parameters_and_answer_alike():
    X, y = IRIS
    model = TabularClassifier("fast", random_state=0, metric="accuracy", n_folds=2)
    assert clone(model).get_params() == model.get_params()
    model.fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert not hasattr(clone(model), "members_")


def test_pipelines_searches_and_bags():
    X, y = IRIS
    steps = make_column_transformer(
        (StandardScaler(), list(X.columns[:3])), remainder="passthrough"
    )
    model = make_pipeline(steps.set_output(transform="pandas"), TabularClassifier("fast"))
    model.set_params(tabularclassifier__random_state=0)
    search = GridSearchCV(model, {"tabularclassifier__metric": ["log_loss", "accuracy"]}, cv=2)
    search.fit(X, y)
    assert search.best_score_ > 0.85
    fitted = search.best_estimator_[-1]
    assert list(fitted.feature_names_in_) == list(
        search.best_estimator_[0].get_feature_names_out()
    )
    bag = BaggingClassifier(
        TabularClassifier("fast", random_state=0), n_estimators=2, random_state=0
    ).fit(X, y)
    assert bag.score(X, y) > 0.85
    found = cross_validate(
        TabularClassifier("fast", random_state=0), X, y, cv=2, scoring="neg_log_loss"
    )
    assert (found["test_score"] > -1.0).all()


def _scaler():
    return StandardScaler().set_output(transform="pandas").set_fit_request(sample_weight=False)


def test_weights_and_validation_sets_are_routed():
    X, y = IRIS
    weights = np.ones(len(y))
    with config_context(enable_metadata_routing=True):
        model = TabularClassifier("fast", random_state=0)
        model.set_fit_request(sample_weight=True, X_val=True, y_val=True)
        chain = make_pipeline(_scaler(), model)
        chain = chain.set_params(transform_input=["X_val"])
        chain.fit(X, y, sample_weight=weights, X_val=X[::3], y_val=y[::3])
    scaled = chain[0].transform(X)
    alone = clone(model).fit(scaled, y, weights, scaled[::3], y[::3])
    np.testing.assert_array_equal(chain.predict_proba(X), alone.predict_proba(scaled))


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_the_same_bits_with_any_number_of_threads(n_jobs):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X, y = X[:120], y[:120]
    options = {"n_folds": 3, "random_state": 3, "importances": True}
    one = TabularRegressor("fast", n_jobs=1, **options).fit(X, y)
    other = TabularRegressor("fast", n_jobs=n_jobs, **options).fit(X, y)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_array_equal(one.oof_, other.oof_)
    np.testing.assert_array_equal(one.feature_importances_, other.feature_importances_)


def test_a_prediction_does_not_depend_on_other_rows():
    X, y = IRIS
    model = TabularClassifier("fast", random_state=0).fit(X, y)
    whole = model.predict_proba(X)
    parts = [model.predict_proba(X[start : start + 7]) for start in range(0, len(X), 7)]
    np.testing.assert_array_equal(np.vstack(parts), whole)
    shuffled = X.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(model.predict_proba(shuffled), whole[shuffled.index])


def test_columns_come_in_any_order():
    X, y = IRIS
    model = TabularClassifier("fast", random_state=0).fit(X, y)
    turned = X[X.columns[::-1]]
    np.testing.assert_array_equal(model.predict_proba(turned), model.predict_proba(X))
    assert isinstance(turned, pd.DataFrame)

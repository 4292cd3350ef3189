"""Inside scikit-learn's meta-estimators: what they give with our networks is what they give with
its own, whatever runs their jobs."""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from oracles.parity import CLASSES
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rng = np.random.RandomState(0)
X = rng.normal(size=(150, 4))
LABELS = (X[:, 0] > 0.3) * 1 + (X[:, 1] > 0.5)
SEVERAL = np.c_[LABELS > 0, LABELS > 1].astype(int)
VALUES = X[:, 0] * X[:, 1] + X[:, 2]
WEIGHTS = rng.uniform(0.5, 2, 150)
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.timeout(120),
]


def new(cls, **params):
    return cls(**{"hidden_layer_sizes": (6,), "max_iter": 15, "random_state": 0, **params})


def probabilities(make):
    return lambda net: make(net).fit(X, LABELS).predict_proba(X)


def importance(net):
    model = new(net).fit(X, LABELS)
    return permutation_importance(model, X, LABELS, n_repeats=3, random_state=0).importances


CLASSIFICATION = {
    "pipeline": probabilities(lambda net: make_pipeline(StandardScaler(), new(net))),
    "columns": probabilities(
        lambda net: make_pipeline(
            make_column_transformer((StandardScaler(), [0, 2]), remainder="passthrough"), new(net)
        )
    ),
    "grid": probabilities(lambda net: GridSearchCV(new(net), {"alpha": [1e-4, 1.0, 10.0]}, cv=3)),
    "random search": probabilities(
        lambda net: RandomizedSearchCV(
            new(net), {"learning_rate_init": [1e-3, 1e-2]}, n_iter=2, cv=2, random_state=0
        )
    ),
    "cross_val_predict": lambda net: cross_val_predict(
        new(net), X, LABELS, cv=3, method="predict_proba"
    ),
    "cross_validate": lambda net: cross_validate(
        new(net), X, LABELS, cv=3, scoring=["accuracy", "neg_log_loss", "roc_auc_ovr"]
    )["test_neg_log_loss"],
    "calibrated": probabilities(lambda net: CalibratedClassifierCV(new(net), cv=3)),
    "isotonic": probabilities(
        lambda net: CalibratedClassifierCV(new(net), cv=3, method="isotonic")
    ),
    "voting": probabilities(
        lambda net: VotingClassifier(
            [("a", new(net)), ("b", new(net, random_state=1))], voting="soft"
        )
    ),
    "bagging": probabilities(lambda net: BaggingClassifier(new(net), 4, random_state=0)),
    "boosting": probabilities(
        lambda net: AdaBoostClassifier(new(net, max_iter=100), n_estimators=3, random_state=0)
    ),
    "stacking": probabilities(
        lambda net: StackingClassifier([("a", new(net))], LogisticRegression(), cv=3)
    ),
    "one against the rest": probabilities(lambda net: OneVsRestClassifier(new(net))),
    "several outputs": lambda net: np.array(
        MultiOutputClassifier(new(net)).fit(X, SEVERAL).predict_proba(X)
    ),
    "chain": lambda net: ClassifierChain(new(net)).fit(X, SEVERAL).predict_proba(X),
    "permutation_importance": importance,
    "learning_curve": lambda net: np.array(
        learning_curve(new(net), X, LABELS, cv=2, train_sizes=[0.5, 1.0])[1:]
    ),
    "feature selection": lambda net: (
        SequentialFeatureSelector(new(net), cv=2).fit(X, LABELS).get_support()
    ),
}
REGRESSION = {
    "voting": lambda net: (
        VotingRegressor([("a", new(net)), ("b", new(net, random_state=1))])
        .fit(X, VALUES)
        .predict(X)
    ),
    "bagging": lambda net: BaggingRegressor(new(net), 4, random_state=0).fit(X, VALUES).predict(X),
    "transformed target": lambda net: (
        TransformedTargetRegressor(new(net), transformer=StandardScaler())
        .fit(X, VALUES)
        .predict(X)
    ),
}


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_classifiers(name):
    theirs, ours = map(CLASSIFICATION[name], CLASSES["classifier"])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", REGRESSION)
def test_regressors(name):
    theirs, ours = map(REGRESSION[name], CLASSES["regressor"])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "backend", ["loky", "threading", pytest.param("multiprocessing", marks=pytest.mark.long)]
)
def test_jobs_of_any_backend(backend):
    """Networks on threads of their own inside workers: the same results, and no deadlock."""
    grid = {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(6,), (40, 30)]}
    kind = CLASSES["classifier"][1]
    expected = GridSearchCV(new(kind), grid, cv=3).fit(X, LABELS)
    for n_jobs in (None, 2):
        search = GridSearchCV(new(kind, n_jobs=n_jobs), grid, cv=3, n_jobs=2)
        with joblib.parallel_config(backend=backend):
            search.fit(X, LABELS)
        np.testing.assert_array_equal(
            search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
        )
        np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_in_a_pipeline(frame):
    names = ["a", "b", "c", "d"]
    data = frame(dict(zip(names, X.T, strict=True)))
    model = make_pipeline(StandardScaler(), new(CLASSES["classifier"][1])).fit(data, LABELS)
    plain = make_pipeline(StandardScaler(), new(CLASSES["classifier"][1])).fit(X, LABELS)
    np.testing.assert_allclose(model.predict_proba(data), plain.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix])
def test_sparse_data_in_a_search(form):
    kind = CLASSES["classifier"][1]
    found = GridSearchCV(new(kind), {"alpha": [1e-4, 1.0]}, cv=3).fit(form(X), LABELS)
    expected = GridSearchCV(new(kind), {"alpha": [1e-4, 1.0]}, cv=3).fit(X, LABELS)
    np.testing.assert_array_equal(found.predict_proba(form(X)), expected.predict_proba(X))


@pytest.mark.parametrize("kind", CLASSES)
def test_sample_weights_are_routed(kind):
    y = LABELS if kind == "classifier" else VALUES
    with sklearn.config_context(enable_metadata_routing=True):
        pair = []
        for cls in CLASSES[kind]:
            model = new(cls).set_fit_request(sample_weight=True)
            model = model.set_score_request(sample_weight=True)
            scale = StandardScaler().set_fit_request(sample_weight=True)
            # the pipeline too, as scikit-learn 1.7 wants it
            pipeline = make_pipeline(scale, model).set_score_request(sample_weight=True)
            search = GridSearchCV(pipeline, {}, cv=3)
            pair.append(search.fit(X, y, sample_weight=WEIGHTS).cv_results_["mean_test_score"])
        np.testing.assert_allclose(pair[1], pair[0], rtol=1e-9)
        plain = GridSearchCV(make_pipeline(StandardScaler(), new(CLASSES[kind][1])), {}, cv=3)
        assert plain.fit(X, y).cv_results_["mean_test_score"] != pair[1]


def test_a_validation_set_goes_through_the_pipeline():
    scale = StandardScaler().fit(X[:100])
    model = new(CLASSES["classifier"][1])
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        pipeline.fit(X[:100], LABELS[:100], X_val=X[100:], y_val=LABELS[100:])
    alone = new(CLASSES["classifier"][1])
    alone.fit(
        scale.transform(X[:100]), LABELS[:100], X_val=scale.transform(X[100:]), y_val=LABELS[100:]
    )
    assert pipeline[-1].validation_loss_curve_ == alone.validation_loss_curve_

"""Sample weights reach the scorer of a validation set; one that cannot take them is refused
before training, with scikit-learn's type of error."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error

from fusednn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(80, 3))
y = X[:, 0] - X[:, 1]
WEIGHTS = rng.uniform(0.5, 2, 80)
TRAIN, VAL = slice(0, 50), slice(50, 80)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def plain_metric(truth, found):
    return -abs(truth - found).mean()


def any_metric(truth, found, **options):
    return -np.average(abs(truth - found), weights=options.get("sample_weight"))


def plain_scorer(model, X, y):
    return plain_metric(y, model.predict(X))


def weighted_scorer(model, X, y, sample_weight=None):
    return any_metric(y, model.predict(X), sample_weight=sample_weight)


class Scorer:
    def __call__(self, model, X, y):
        return plain_scorer(model, X, y)


WITHOUT = {
    "name": "neg_max_error",
    "metric": make_scorer(plain_metric),
    "function": plain_scorer,
    "object": Scorer(),
}
WITH = {
    "name": "neg_mean_absolute_error",
    "metric": make_scorer(mean_absolute_error, greater_is_better=False),
    "any metric": make_scorer(any_metric),
    "function": weighted_scorer,
}


def new(scoring, **params):
    params = {"hidden_layer_sizes": (4,), "early_stopping": True, "random_state": 0, **params}
    return MLPRegressor(max_iter=5, scoring=scoring, **params)


@pytest.mark.parametrize("name", WITHOUT)
def test_a_scorer_that_takes_no_weights(name, capsys):
    model = new(WITHOUT[name], verbose=True)
    given = {"X_val": X[VAL], "y_val": y[VAL], "sample_weight_val": WEIGHTS[VAL]}
    for call in (
        lambda: model.fit(X, y, WEIGHTS),
        lambda: model.fit(X[TRAIN], y[TRAIN], **given),
        lambda: model.set_params(early_stopping=False).fit(X[TRAIN], y[TRAIN], **given),
    ):
        with pytest.raises(TypeError, match=r"^scoring=.* does not take the sample_weight"):
            call()
        assert not hasattr(model, "coefs_")
    assert capsys.readouterr().out == ""  # no pass was made
    theirs = HistGradientBoostingRegressor(early_stopping=True, scoring=WITHOUT[name])
    with pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"):
        theirs.fit(X, y, WEIGHTS)


@pytest.mark.parametrize("name", WITHOUT)
def test_it_is_free_where_nothing_scored_has_weights(name):
    assert len(new(WITHOUT[name]).fit(X, y).validation_scores_) == 5
    given = {"X_val": X[VAL], "y_val": y[VAL]}
    own = new(WITHOUT[name]).fit(X[TRAIN], y[TRAIN], WEIGHTS[TRAIN], **given)
    assert own.best_validation_score_ == pytest.approx(
        get_scorer(WITHOUT[name])(own, X[VAL], y[VAL])
        if isinstance(WITHOUT[name], str)
        else WITHOUT[name](own, X[VAL], y[VAL])
    )
    new(WITHOUT[name], early_stopping=False).fit(X, y, WEIGHTS)  # nothing is scored


@pytest.mark.parametrize("name", WITH)
def test_a_scorer_that_takes_weights(name):
    given = {"X_val": X[VAL], "y_val": y[VAL], "sample_weight_val": WEIGHTS[VAL]}
    model = new(WITH[name]).fit(X[TRAIN], y[TRAIN], **given)
    expected = any_metric(y[VAL], model.predict(X[VAL]), sample_weight=WEIGHTS[VAL])
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-12)
    assert len(new(WITH[name]).fit(X, y, WEIGHTS).validation_scores_) == 5


def test_class_weights_are_no_weights_of_samples():
    labels = (y > 0).astype(int)
    model = MLPClassifier(
        (4,), early_stopping=True, scoring=plain_accuracy, class_weight="balanced", max_iter=3
    )
    assert len(model.fit(X, labels).validation_scores_) == 3


def plain_accuracy(model, X, y):
    return (model.predict(X) == y).mean()

"""Scores of a validation set that lacks some of the classes: the scorer is told them; what these
rows leave undefined is refused before training. Expected values are of scikit-learn's metrics,
called by hand with all labels."""

import copy
import pickle

import numpy as np
import pytest
from oracles.parity import assert_same_bits, fit_quietly
from sklearn import metrics
from sklearn.metrics import make_scorer

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3))
TWO = np.array(["common"] * 297 + ["rare"] * 3)
THREE = np.array(["a"] * 190 + ["b"] * 107 + ["c"] * 3)
THREE[:190:2] = "b"
VAL = slice(0, 40)  # no "rare", no "c"
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning"),
]


def new(scoring, cls=MLPClassifier, **params):
    params = {"class_weight": "balanced", "max_iter": 3, "random_state": 4, **params}
    return cls((5,) if cls is MLPClassifier else None, scoring=scoring, **params)


def labelled(function, **options):
    return lambda y, p: function(y, p, labels=ABC, **options)


AB, ABC = ["common", "rare"], ["a", "b", "c"]
SCORES = {
    "neg_log_loss two": ("neg_log_loss", TWO, lambda y, p: -metrics.log_loss(y, p, labels=AB)),
    "neg_log_loss": ("neg_log_loss", THREE, lambda y, p: -metrics.log_loss(y, p, labels=ABC)),
    "neg_brier_score two": (
        "neg_brier_score",
        TWO,
        lambda y, p: -metrics.brier_score_loss(y == "rare", p[:, 1]),
    ),
    "neg_brier_score": (
        "neg_brier_score",
        THREE,
        lambda y, p: -np.mean(((y[:, np.newaxis] == ABC) - p) ** 2 @ np.ones(3)),
    ),
    "d2_log_loss_score": (
        "d2_log_loss_score",
        THREE,
        labelled(metrics.d2_log_loss_score),
    ),
    "top_k_accuracy": (
        "top_k_accuracy",
        THREE,
        lambda y, p: np.mean(
            [t in np.array(ABC)[np.argsort(q)[1:]] for t, q in zip(y, p, strict=True)]
        ),
    ),
    "roc_auc_ovo": (
        "roc_auc_ovo",
        THREE,
        labelled(metrics.roc_auc_score, multi_class="ovo"),
    ),
    "roc_auc_ovr_weighted": (
        "roc_auc_ovr_weighted",
        THREE,
        labelled(metrics.roc_auc_score, multi_class="ovr", average="weighted"),
    ),
    "made of log_loss": (
        make_scorer(metrics.log_loss, greater_is_better=False, response_method="predict_proba"),
        THREE,
        lambda y, p: -metrics.log_loss(y, p, labels=ABC),
    ),
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("cls", [MLPClassifier, NetworkClassifier])
def test_a_scorer_is_told_the_classes(cls, name):
    scoring, y, expected = SCORES[name]
    X_val, y_val = X[VAL], y[VAL]
    model = new(scoring, cls).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.validation_scores_[-1] == pytest.approx(
        expected(y_val, model.predict_proba(X_val)), rel=1e-12
    )


@pytest.mark.parametrize("scoring", ["neg_log_loss", "neg_brier_score", "top_k_accuracy"])
@pytest.mark.parametrize("y", [TWO, THREE, (TWO == "rare") * 4 + 3], ids=["two", "three", "7"])
def test_a_part_of_the_data_that_lacks_a_class(y, scoring):
    model = new(scoring, early_stopping=True).fit(X, y)
    assert len(model.validation_scores_) == 3
    assert np.isfinite(model.validation_scores_).all()


def test_what_the_caller_has_told_a_scorer_stays():
    """Labels of the caller's, in their order, and a positive class of their own."""
    told = make_scorer(
        metrics.roc_auc_score,
        response_method="predict_proba",
        labels=["a", "b", "c"],
        multi_class="ovo",
    )
    other = make_scorer(metrics.roc_auc_score, response_method="predict_proba", labels=["b"])
    assert new(told).fit(X, THREE, X_val=X[VAL], y_val=THREE[VAL]).validation_scores_
    with pytest.raises(ValueError, match="scoring=make_scorer"):
        new(other).fit(X, THREE, X_val=X[VAL], y_val=THREE[VAL])
    y = np.where(X[:, 0] > 0, "no", "yes")
    own = make_scorer(
        metrics.average_precision_score, response_method="predict_proba", pos_label="no"
    )
    for scoring, positive in (("average_precision", "yes"), (own, "no")):
        model = new(scoring).fit(X, y, X_val=X[VAL], y_val=y[VAL])
        p = model.predict_proba(X[VAL])[:, list(model.classes_).index(positive)]
        expected = metrics.average_precision_score(y[VAL] == positive, p)
        assert model.validation_scores_[-1] == pytest.approx(expected, rel=1e-12)


UNDEFINED = {
    "roc_auc": TWO,
    "roc_auc_ovr": THREE,
    "average_precision": TWO,
    "d2_log_loss_score": TWO,
    "d2_brier_score": TWO,
    "matthews_corrcoef": TWO,
}


@pytest.mark.parametrize("own", [False, True], ids=["a part", "X_val"])
@pytest.mark.parametrize("scoring", sorted({*UNDEFINED} & {*metrics.get_scorer_names()}))
def test_a_score_that_these_rows_leave_undefined(scoring, own, capsys):
    y = UNDEFINED[scoring]
    given = {"X_val": X[VAL], "y_val": y[VAL]} if own else {}
    lacking = "rare" if y is TWO else "c"
    fitted = fit_quietly(new(None, early_stopping=True, warm_start=True), X, y)
    fitted.set_params(scoring=scoring, verbose=True)
    unfitted = new(scoring, early_stopping=True, verbose=True)
    for model in (fitted, unfitted):
        before = pickle.dumps(model)
        words = f"^scoring='{scoring}' cannot be computed on the validation set, which has no"
        with pytest.raises(ValueError, match=words) as caught:
            model.fit(X, y, **given)
        assert f"['{lacking}']" in str(caught.value)
        assert "Give X_val and y_val with all classes" in str(caught.value)
        assert pickle.dumps(model) == before
    assert capsys.readouterr().out == ""  # no pass was made


@pytest.mark.parametrize("scoring", ["f1", "recall", "precision", "average_precision"])
def test_no_positive(scoring):
    y = (TWO == "rare").astype(int)
    with pytest.raises(ValueError, match=rf"^scoring='{scoring}' .*no sample of \[1\]"):
        new(scoring).fit(X, y, X_val=X[VAL], y_val=y[VAL])
    y = 1 - y  # no negative: all of these are defined
    assert len(new(scoring).fit(X, y, X_val=X[VAL], y_val=y[VAL]).validation_scores_) == 3


def test_several_labels_of_which_one_is_never_there():
    Y = np.c_[X[:, 0] > 0, X[:, 1] > 0, TWO == "rare"].astype(int)
    given = {"X_val": X[VAL], "y_val": Y[VAL]}
    with pytest.raises(ValueError, match=r"^scoring='roc_auc' .*no sample of \[2\]"):
        new("roc_auc", class_weight=None).fit(X, Y, **given)
    model = new("f1_macro", class_weight=None).fit(X, Y, **given)
    expected = metrics.f1_score(Y[VAL], model.predict(X[VAL]), average="macro")
    assert model.validation_scores_[-1] == pytest.approx(expected)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy", "roc_auc_ovr", "f1_macro"])
def test_several_columns_of_classes(scoring):
    Y = np.stack([THREE, np.roll(THREE, 7)], axis=1)
    words = f"^scoring='{scoring}' .* does not take several columns of classes"
    for given in ({}, {"X_val": X[VAL], "y_val": Y[VAL]}):
        model = new(scoring, early_stopping=True)
        before = pickle.dumps(model)
        with pytest.raises(ValueError, match=words):
            model.fit(X, Y, **given)
        assert pickle.dumps(model) == before


def both_right(model, X, y):
    return (model.predict(X) == y).all(axis=1).mean()


def test_a_callable_that_takes_several_columns():
    Y = np.stack([THREE, np.roll(THREE, 7)], axis=1)
    given = {"X_val": X[VAL], "y_val": Y[VAL]}
    model = new(both_right).fit(X, Y, **given)
    assert model.validation_scores_ == new(None).fit(X, Y, **given).validation_scores_


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovo", "f1_macro"])
def test_the_look_before_training_draws_no_random_numbers(scoring):
    given = {"X_val": X[VAL], "y_val": THREE[VAL]}
    models, after = [], []
    for each in (None, scoring):
        state = np.random.RandomState(5)
        model = new(each, random_state=state, dropout=0.2, max_iter=4).fit(X, THREE, **given)
        after.append(state.randint(2**31))
        models.append(copy.copy(model))
        models[-1].validation_scores_ = None
    assert after[0] == after[1]
    assert_same_bits(*models)


CALLS = []


def counted(y, p):
    CALLS.append(len(y))
    return 0.0


def test_a_metric_of_the_users_own_is_asked_once_a_pass():
    CALLS.clear()
    given = {"X_val": X[VAL], "y_val": TWO[VAL]}
    new(make_scorer(counted, response_method="predict_proba")).fit(X, TWO, **given)
    assert CALLS == [40] * 3


VALUES = np.maximum(np.round(X[:, 0] + 1), 0)


@pytest.mark.parametrize(
    "scoring", ["neg_mean_poisson_deviance", "neg_mean_squared_log_error", "max_error", "r2"]
)
def test_scores_of_values(scoring):
    """Counts of zero are defined where the means must be positive."""
    scoring = scoring if scoring != "max_error" else make_scorer(metrics.max_error)
    model = MLPRegressor("poisson", (4,), scoring=scoring, max_iter=2, random_state=0)
    model.fit(X, VALUES, X_val=X[VAL], y_val=VALUES[VAL])
    scorer = metrics.get_scorer(scoring) if isinstance(scoring, str) else scoring
    expected = scorer(model, X[VAL], VALUES[VAL])
    assert model.validation_scores_[-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("scoring", "y"),
    [("neg_mean_gamma_deviance", VALUES), ("neg_mean_squared_log_error", -VALUES)],
)
def test_scores_of_values_outside_their_domain(scoring, y):
    model = MLPRegressor(hidden_layer_sizes=(4,), scoring=scoring, early_stopping=True)
    with pytest.raises(ValueError, match=f"^scoring='{scoring}' cannot be computed"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")

"""What fits and predictions refuse: one sentence, and an estimator that stays as it was."""

import re
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import f1_score, make_scorer

from fusednn import TabularClassifier, TabularRegressor
from fusednn.estimators.tabular.passes import Passes

ROWS = 60
RNG = np.random.RandomState(0)
X = pd.DataFrame(
    {
        "size": RNG.normal(size=ROWS),
        "colour": RNG.choice(["red", "blue", "green"], ROWS),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.randint(99, size=ROWS), "D"),
    }
)
Y = np.where(X["size"] > 0, "big", "small")


def changed(**columns):
    return X.assign(**columns)


def with_value(name, value):
    frame = X.copy().astype({name: object})
    frame.loc[3, name] = value
    return frame


REFUSED = [
    ("no values", changed(size=np.nan), Y, "column 'size' has no values: fill it, or leave it"),
    (
        "infinity",
        changed(size=np.where(X["size"] > 1, np.inf, 1.0)),
        Y,
        "row .*: size is inf, which is infinite: if",
    ),
    ("mixed", with_value("size", "tall"), Y, "column 'size' has values of several types"),
    ("constant", X[["size"]] * 0, Y, r"no column has two different values \('size'\)"),
    ("no rows", X[:0], Y[:0], "the table has no rows: give at least one sample"),
    ("one row", X[:1], Y[:1], "one class|1 sample"),
    ("one class", X, ["big"] * ROWS, "y has one class only, big: give rows of at least two"),
    ("missing labels", X, [None, *Y[1:]], r"y is missing in row 1 \(1 in all\): leave such rows"),
    ("lengths", X, Y[1:], "y has 59 rows and X has 60: give one target for each row"),
    ("free text", changed(colour=[f"text {i}" for i in range(ROWS)]), Y, "'colour' is free text"),
    ("duplicates", pd.concat([X, X[["size"]]], axis=1), Y, "2 columns are named 'size'"),
    ("sparse", sparse.csr_matrix(np.eye(ROWS)), Y, "X is sparse: give X.toarray"),
    ("a series", X["size"], Y, "X is a series: give a frame"),
    ("floats", X, X["size"], "Unknown label type.*fit a regressor"),
    ("rare", X[:3], ["a", "b", "c"], "each class of y has one row only"),
]


@pytest.mark.parametrize("quantiles", [["low"], [[0.1], [0.2, 0.3]], [0.9, 0.1], [0.5, 0.5], []])
def test_quantiles_are_ascending_numbers(quantiles):
    with pytest.raises(ValueError, match=r"between 0 and 1, such as|must ascend: sort"):
        TabularRegressor("fast", quantiles=quantiles).fit(X, X["size"])


def fitted():
    return TabularClassifier("fast", random_state=0).fit(X, Y)


@pytest.mark.parametrize(
    ("table", "y", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_bad_data_is_refused_and_nothing_changes(table, y, message):
    model = fitted()
    before, p = model.__dict__.copy(), model.predict_proba(X)
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(table, y)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert list(model.__dict__) == list(before)
    assert all(model.__dict__[name] is value for name, value in before.items())
    np.testing.assert_array_equal(model.predict_proba(X), p)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_weight": -np.ones(ROWS)}, "sample_weight has -1: give weights of 0 or more"),
        ({"sample_weight": np.zeros(ROWS)}, "at least one non-zero number"),
        ({"sample_weight": (Y == "big") * 1.0}, "one class only, big, in rows of positive weight"),
        ({"sample_weight": np.eye(ROWS)[0]}, "one class only|1 sample"),
        ({"sample_weight": np.full(ROWS, 1e308)}, "sample_weight adds up to infinity: divide it"),
        ({"sample_weight": ["a"] * ROWS}, "sample_weight has values that are no numbers: give"),
        ({"X_val": X}, "X_val is provided, but y_val was not provided: give both"),
        ({"y_val": Y}, "y_val is provided, but X_val was not provided: give both"),
        (
            {"X_val": X, "y_val": ["huge"] * ROWS},
            r"In the validation set \(X_val, y_val\): y_val has the label 'huge', which y has not",
        ),
        (
            {"X_val": X[["size"]], "y_val": Y},
            r"In the validation set \(X_val, y_val\): the table lacks columns 'colour', 'day'",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TabularClassifier("fast").fit(X, Y, **arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"categorical_features": ["weight"]}, "names 'weight', and the columns are size, colour"),
        ({"class_weight": {"huge": 2}}, "class_weight names 'huge', which is no label of y"),
        ({"class_weight": {"big": 0, "small": 0}}, "class_weight leaves no row with a weight: gi"),
        ({"class_weight": {"big": -1}}, "class_weight must have finite numbers from 0"),
        ({"metric": "f1"}, "metric='f1' cannot be computed: pos_label=1 is not a valid label"),
        ({"metric": "f1"}, r"\['big' 'small'\]; give another, or a scorer by make_scorer"),
        ({"metric": lambda y, found: 0.0}, "takes 2 positional arguments .*; give another, or a"),
        ({"metric": f1_score}, r"metric=f1_score is no scorer: give make_scorer\(f1_score\)"),
        ({"metric": "nonsense"}, "metric='nonsense' is unknown"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TabularClassifier("fast", **options).fit(X, Y)


def test_a_scorer_without_weights_is_refused_before_training():
    alike = make_scorer(lambda truth, found: np.mean(truth == found))
    model = TabularClassifier("fast", metric=alike)
    with pytest.raises(
        ValueError, match=r"^metric='score' cannot be computed: .* 'sample_weight'"
    ):
        model.fit(X, Y, np.ones(ROWS))


def test_a_validation_set_without_weight_is_refused():
    big, model = Y == "big", TabularClassifier("fast", class_weight={"big": 0})
    message = r"In the validation set \(X_val, y_val\): class_weight leaves no row with a weight"
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, X_val=X[big], y_val=Y[big])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (X[["size", "day"]], "the table lacks column 'colour' of the training table: add it"),
        (changed(more=1), "the training table had no column 'more': leave it out"),
        (changed(size="tall"), r"column 'size' has texts \('tall' in row 1\), and had numbers"),
        (changed(day=1.5), "column 'day' has numbers .*, and had dates .*: convert it"),
        (changed(size=np.inf), "row 1: size is inf, which is infinite"),
        (X.to_numpy(object)[:, :2], "X has 2 features, but TabularClassifier is expecting 3"),
        (X[:0], "the table has no rows"),
    ],
)
def test_other_tables_are_refused_in_predictions(table, message):
    model = fitted()
    with pytest.raises(ValueError, match=message) as caught:
        model.predict(table)
    assert len(re.findall(r"[.!?](\s|$)", str(caught.value))) == 1


def test_unseen_and_missing_values_are_no_reason_to_refuse():
    model = fitted()
    odd = changed(colour=["purple", None] * 30, size=[np.nan, 1e300] * 30, day=pd.NaT)
    assert np.isfinite(model.predict_proba(odd)).all()


def test_missing_targets_of_regressions_are_refused():
    y = X["size"].to_numpy() + 1
    y[5] = np.nan
    with pytest.raises(ValueError, match=r"y is missing in row 6 \(1 in all\)"):
        TabularRegressor("fast").fit(X, y)
    y[5] = np.inf
    with pytest.raises(ValueError, match="y contains infinity, in row 6"):
        TabularRegressor("fast").fit(X, y)


def test_a_failing_scorer_leaves_the_estimator(monkeypatch):
    model = fitted()
    before = model.__dict__.copy()

    def scorer(estimator, table, y):
        if threading.current_thread() is threading.main_thread():
            return 1.0  # the check of the metric
        raise RuntimeError("no score today")

    model.metric = scorer
    with pytest.raises(RuntimeError, match="no score today"):
        model.fit(X, Y)
    model.metric = None
    assert model.__dict__ == before


def test_a_scorer_that_fails_on_held_out_rows_is_named_once():
    y = np.where(X["size"] > X["size"].nlargest(2).min(), "one", Y)  # a row, which no fold judges
    with pytest.raises(
        ValueError, match=r"^metric='neg_log_loss' cannot be computed: .*; give an"
    ):
        TabularClassifier("fast", metric="neg_log_loss").fit(X, y)
    weights = {"big": 0}
    with pytest.raises(ValueError, match=r"^In the validation set .*: class_weight leaves no row"):
        TabularClassifier("fast", class_weight=weights).fit(
            X, Y, X_val=X[Y == "big"], y_val=Y[Y == "big"]
        )


def test_ctrl_c_ends_all_networks_and_leaves_the_estimator(monkeypatch):
    model = TabularClassifier("default", random_state=0, n_jobs=2)
    ended = []
    end = Passes.end

    def slow(self, progress, parameters):
        time.sleep(0.02)
        over = end(self, progress, parameters)
        if over:
            ended.append(progress.n_iter)
        return over

    def wait(futures, return_when):
        time.sleep(0.3)
        raise KeyboardInterrupt

    monkeypatch.setattr(Passes, "end", slow)
    monkeypatch.setattr("fusednn.estimators.tabular.members.wait", wait)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert 1 <= len(ended) <= 2  # those that had begun, of 20
    assert max(ended) < 60
    assert not hasattr(model, "members_")


def test_ctrl_c_in_the_trials_of_a_time_limit_ends_the_fit(monkeypatch):
    model, begun = TabularClassifier("default", time_limit=60, random_state=0, n_jobs=2), []
    begin = Passes.begin

    def interrupted(self):
        begin(self)
        begun.append(time.perf_counter())
        if len(begun) == 1:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    monkeypatch.setattr(Passes, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert len(begun) <= 2  # epochs of one trial
    assert not hasattr(model, "members_")

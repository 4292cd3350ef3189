"""scikit-learn's callbacks: its own, and one that writes down what it is told."""

import numpy as np
import pytest
from oracles.parity import assert_same_bits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusednn import MLPClassifier, MLPRegressor

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.RandomState(0).normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)
SOLVERS = pytest.mark.parametrize("solver", ["adam", "lbfgs"])


class Recorder:
    """Keeps every call; stops after so many passes."""

    def __init__(self, stop_after=None):
        self.calls, self.stop_after, self.passes = [], stop_after, 0

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name))

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.calls.append(("end", context.task_name))
        if fitted_estimator is not None and context.task_name == "epoch":
            self.passes += 1
            self.last = X, y, metadata, fitted_estimator
        return self.stop_after == self.passes


def new(solver="adam", kind=MLPClassifier, **params):
    return kind(hidden_layer_sizes=(5,), solver=solver, max_iter=4, random_state=0, **params)


@SOLVERS
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_task_for_each_pass(kind, solver):
    recorder = Recorder()
    model = new(solver, kind).set_callbacks(recorder).fit(X, y)
    assert recorder.passes == model.n_iter_ == 4
    assert recorder.calls[:3] == ["setup", ("begin", "fit"), ("begin", "epoch")]
    assert recorder.calls[-2:] == [("end", "fit"), "teardown"]
    names = [call[0] for call in recorder.calls if call[1] == "epoch"]
    assert names == ["begin", "end"] * (4 if solver == "adam" else 5)
    assert_same_bits(model, new(solver, kind).fit(X, y))
    seen_X, seen_y, metadata, fitted = recorder.last
    np.testing.assert_array_equal(seen_X, X)
    np.testing.assert_array_equal(seen_y, y)
    assert metadata is None
    assert fitted.n_iter_ == 4
    np.testing.assert_array_equal(fitted.predict(X), model.predict(X))
    weights = np.ones(60)
    model.fit(X, y, weights)
    np.testing.assert_array_equal(recorder.last[2]["sample_weight"], weights)


@SOLVERS
def test_a_callback_ends_the_fit(solver):
    model = new(solver).set_params(max_iter=50).set_callbacks(Recorder(stop_after=2)).fit(X, y)
    assert model.n_iter_ == 2
    assert model.set_callbacks().fit(X, y).n_iter_ > 2


def test_the_scoring_monitor_sees_every_pass():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    new().set_callbacks(monitor).fit(X, y)
    found = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    expected = [new().set_params(max_iter=n).fit(X, y).score(X, y) for n in (1, 2, 3, 4)]
    assert found == expected


def test_the_progress_bar(capsys):
    new().set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "MLPClassifier" in capsys.readouterr().out


class Propagated(Recorder):
    """Handed on to the estimators within."""

    max_propagation_depth = None


def test_in_a_pipeline_and_a_search():
    recorder = Propagated()
    pipeline = make_pipeline(StandardScaler(), new())
    pipeline.set_callbacks(recorder).fit(X, y)
    assert recorder.calls.count(("end", "epoch")) == 4
    search = GridSearchCV(pipeline.set_callbacks(), {"mlpclassifier__alpha": [1e-4, 1]}, cv=2)
    recorder = Propagated()
    search.set_callbacks(recorder).fit(X, y)
    assert recorder.calls.count(("begin", "epoch")) == 4 * (2 * 2 + 1)
    assert recorder.calls.count(("end", "epoch")) == 4 * (2 * 2 + 1)


def test_an_error_and_refused_data_leave_nothing_behind():
    recorder = Recorder()
    model = new().set_callbacks(recorder)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X * np.nan, y)
    assert recorder.calls == []
    diverging = new("sgd", MLPRegressor, learning_rate_init=1e200).set_callbacks(recorder)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite"):
        diverging.fit(X, y)
    assert recorder.calls[-1] == "teardown"
    assert not [name for name in vars(diverging) if "callback_fit" in name]


def test_an_error_in_some_pass_takes_the_fit_back():
    """The callbacks are told that it is over, and the estimator is what it was."""
    recorder = Recorder()
    model = new(batch_size=30, shuffle=False).set_callbacks(recorder).fit(X, y)
    model.set_params(learning_rate=lambda number: 1.0 if number == 0 else np.nan)
    before = dict(vars(model))
    recorder.calls.clear()
    with pytest.raises(ValueError, match="must return factors"):
        model.fit(X, y)
    assert vars(model) == before
    assert recorder.calls[0] == "setup"
    assert recorder.calls[-2:] == [("end", "epoch"), "teardown"]


def test_partial_fit_calls_nobody():
    recorder = Recorder()
    new().set_callbacks(recorder).partial_fit(X, y, classes=[0, 1])
    assert recorder.calls == []

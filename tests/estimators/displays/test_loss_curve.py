"""`LossCurveDisplay`, in the manner of scikit-learn's displays."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier as PeerClassifier

from fusednn import LossCurveDisplay, MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X = np.random.RandomState(0).normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def plt():
    """Pyplot without windows, left without figures."""
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def curve(line):
    return list(line.get_xdata()), list(line.get_ydata())


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, PeerClassifier])
def test_the_loss_of_every_pass(kind, plt):
    model = kind(hidden_layer_sizes=(4,), max_iter=7, random_state=0).fit(X, y)
    display = LossCurveDisplay.from_estimator(model)
    assert len(plt.get_fignums()) == 1
    (line,) = display.lines_
    assert curve(line) == ([1, 2, 3, 4, 5, 6, 7], model.loss_curve_)
    assert display.figure_ is display.ax_.figure
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Epoch", "Loss")
    assert line.get_label() == f"{kind.__name__}: training loss"
    assert display.score_ax_ is None


def test_validation_curves_and_options(plt):
    model = MLPClassifier((4,), max_iter=5, random_state=0).fit(X, y, X_val=X[:9], y_val=y[:9])
    _, axes = plt.subplots()
    display = LossCurveDisplay.from_estimator(model, ax=axes, name="net", linewidth=3)
    assert display.ax_ is axes
    losses, validation, scores = display.lines_
    assert curve(losses)[1] == model.loss_curve_
    assert curve(validation)[1] == model.validation_loss_curve_
    assert curve(scores)[1] == model.validation_scores_
    assert scores.axes is display.score_ax_ is not axes
    assert {line.get_linewidth() for line in display.lines_} == {3}
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["net: training loss", "net: validation loss", "net: validation score"]
    assert display.plot(name="again") is display
    assert display.ax_ is not axes
    assert display.lines_[0].get_label() == "again: training loss"
    assert LossCurveDisplay(losses=[3, 2]).plot().lines_[0].get_label() == "training loss"


def test_early_stopping_has_scores():
    model = MLPClassifier((4,), max_iter=5, random_state=0, early_stopping=True).fit(X, y)
    assert len(LossCurveDisplay.from_estimator(model).lines_) == 2


def test_what_has_no_curve():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(MLPClassifier())
    with pytest.raises(AttributeError, match="has no loss_curve_"):
        LossCurveDisplay.from_estimator(MLPClassifier(solver="lbfgs", max_iter=3).fit(X, y))


def test_matplotlib_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"LossCurveDisplay\.plot requires matplotlib"):
        LossCurveDisplay(losses=[1]).plot()

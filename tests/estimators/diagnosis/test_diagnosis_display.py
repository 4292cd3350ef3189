"""`DiagnosisDisplay`: its curves, and what it cannot show."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
from cases.diagnosed_fits import LABELS, X, new
from sklearn.exceptions import NotFittedError

from fusednn import (
    DiagnosisDisplay,
    MLPClassifier,
    NetworkClassifier,
)
from fusednn.layers import (
    Activation,
    BatchNorm,
    Dense,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def plt():
    """Pyplot without windows, left without figures."""
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_display(plt):
    layers = [Dense(8), BatchNorm(), Activation("relu")]
    model = new(NetworkClassifier, layers=layers).fit(X, LABELS)
    display = DiagnosisDisplay.from_estimator(model)
    assert len(plt.get_fignums()) == 1
    gradients = display.axes_[0]
    assert gradients.get_yscale() == "log"
    for lines, values, names in (
        (display.gradient_lines_, model.gradient_norms_, model.diagnosed_weights_),
        (display.activation_lines_, model.activation_stats_[:, :, 1], model.diagnosed_layers_),
    ):
        assert [line.get_label() for line in lines] == names
        for line, column in zip(lines, values.T, strict=True):
            assert list(line.get_xdata()) == [1, 2, 3, 4]
            np.testing.assert_array_equal(line.get_ydata(), column)
    assert gradients.get_title() == "NetworkClassifier"
    _, pair = plt.subplots(2)
    assert display.plot(ax=pair, name="net", linewidth=3) is display
    assert list(display.axes_) == list(pair)
    assert {line.get_linewidth() for line in display.gradient_lines_} == {3}
    with pytest.raises(ValueError, match="ax must be two Axes"):
        display.plot(ax=pair[0])
    zeros = DiagnosisDisplay(
        gradient_norms=np.zeros((2, 1)),
        activation_stats=np.zeros((2, 1, 3)),
        layers=["output"],
        weighted_layers=["output"],
    )
    assert np.isnan(zeros.plot().gradient_lines_[0].get_ydata()).all()


def test_what_cannot_be_displayed(monkeypatch):
    with pytest.raises(NotFittedError):
        DiagnosisDisplay.from_estimator(MLPClassifier())
    model = new(MLPClassifier, diagnose=False).fit(X, LABELS)
    with pytest.raises(AttributeError, match="fit it with diagnose=True"):
        DiagnosisDisplay.from_estimator(model)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"DiagnosisDisplay.plot requires matplotlib"):
        DiagnosisDisplay.from_estimator(model.set_params(diagnose=True).fit(X, LABELS))

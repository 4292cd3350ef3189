"""The HTML of every public estimator links to no page, since none is on the web."""

from html.parser import HTMLParser

import numpy as np
import pytest
from running.html_tables import rows_of
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

import fusednn
from fusednn import NetworkClassifier
from fusednn.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D, Reshape

X, Y = np.arange(80.0).reshape(40, 2), np.arange(40) % 2
PUBLIC = [getattr(fusednn, name) for name in fusednn.__all__]
ESTIMATORS = [
    kind for kind in PUBLIC if isinstance(kind, type) and issubclass(kind, BaseEstimator)
]


class _Links(HTMLParser):
    """Collects what the attributes of a page lead to."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src")]


def test_all_estimators_are_looked_at():
    names = {kind.__name__ for kind in ESTIMATORS}
    assert {"MLPClassifier", "MLPRegressor", "NetworkClassifier", "NetworkRegressor"} <= names


def test_scikit_learns_own_links_are_found():
    assert _Links(LinearRegression()._repr_html_()).found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_no_links(kind):
    model = kind(max_iter=1) if "max_iter" in kind().get_params() else kind("fast")
    assert _Links(model._repr_html_()).found == []
    assert _Links(model.fit(X, Y)._repr_html_()).found == []


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_subclasses_of_other_packages_do_not_link_to_ours(kind):
    """Nor to scikit-learn's, whatever their module is called."""
    theirs = type("Theirs", (kind,), {"__module__": "sklearn.theirs"})
    assert _Links(theirs()._repr_html_()).found == []


LAYERS = [
    *(Reshape(2, 1, 1), Conv2D(5, (2, 1)), Dropout(0.1), MaxPool2D((2, 1)), Flatten()),
    Dense(7, "relu"),
]
SHAPES = ["2", "2 × 1 × 1", "2 × 1 × 5", "2 × 1 × 5", "1 × 1 × 5", "5", "7"]
COUNTS = ["", "0", "15", "", "0", "0", "42"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_shapes_of_all_layers():
    """Before the fit too, if the list begins with Reshape."""
    names = ["input", *map(repr, LAYERS)]
    model = NetworkClassifier(LAYERS, max_iter=1)
    expected = [list(row) for row in zip(names, SHAPES, COUNTS, strict=True)]
    assert rows_of(model) == expected
    ends = [["output", "1", "8"], ["total", "", "65"]]
    assert rows_of(model.fit(X, Y)) == [*expected, *ends]
    own = NetworkClassifier([*LAYERS, Dense(3, "softmax")])
    assert rows_of(own) == [*expected, ["output", "3", "24"], ["total", "", "81"]]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_axes_of_the_data():
    model = NetworkClassifier(LAYERS[1:], max_iter=1)
    assert "fusednn-layers" not in model._repr_html_()
    rows = rows_of(model.fit(X.reshape(-1, 2, 1, 1), Y))
    assert [row[1] for row in rows] == [*SHAPES[1:], "1", ""]


@pytest.mark.parametrize(
    "layers",
    [5, "dense", [Reshape(2, 1), Conv2D(3, 3)], [Reshape(2), 7], (), None],
)
def test_lists_that_cannot_be_fitted_have_no_table(layers):
    assert "fusednn-layers" not in NetworkClassifier(layers)._repr_html_()

"""The HTML of every public estimator links to no page, since none is on the web."""

from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

import fusednn

X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
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
    model = kind(max_iter=1)
    assert _Links(model._repr_html_()).found == []
    assert _Links(model.fit(X, Y)._repr_html_()).found == []


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_subclasses_of_other_packages_do_not_link_to_ours(kind):
    """Nor to scikit-learn's, whatever their module is called."""
    theirs = type("Theirs", (kind,), {"__module__": "sklearn.theirs"})
    assert _Links(theirs()._repr_html_()).found == []

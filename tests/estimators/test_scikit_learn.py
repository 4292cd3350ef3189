"""scikit-learn's own tests of its two classes, from the installed scikit-learn, and its checks."""

import ast
import functools
import importlib.util
from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

import fusednn

THEIRS = Path(importlib.util.find_spec("sklearn.neural_network.tests.test_mlp").origin)
# their tests fit to a few passes without minding the warning
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CLASSES = ("MLPClassifier", "MLPRegressor")


class _TakeOurs(ast.NodeTransformer):
    """Replaces `from sklearn.neural_network import ...` by the same from fusednn."""

    found = 0

    def visit_ImportFrom(self, node):
        if node.module == "sklearn.neural_network":
            assert {alias.name for alias in node.names} == set(CLASSES)
            node.module = "fusednn"
            self.found += 1
        return node


def _their_tests():
    """The names of the test module, with our classes in place of theirs."""
    take_ours = _TakeOurs()
    tree = take_ours.visit(ast.parse(THEIRS.read_text()))
    assert take_ours.found == 1
    names = {"__name__": __name__, "__file__": str(THEIRS)}
    exec(compile(tree, THEIRS, "exec"), names)
    assert all(names[name] is getattr(fusednn, name) for name in CLASSES)
    return {name: value for name, value in names.items() if name.startswith("test_")}


_tests = _their_tests()
assert len(_tests) >= 40
del _tests["test_gradient"]  # calls a private routine with buffers that only theirs has
globals().update(_tests)


@pytest.fixture
def global_random_seed():
    """A fixture of scikit-learn's conftest."""
    return 42


def _named(value):
    """An identifier of an estimator, or of a check with its options."""
    if not isinstance(value, functools.partial):
        return type(value).__name__
    options = ", ".join(f"{key}={option}" for key, option in value.keywords.items())
    return getattr(value.func, "__name__", str(value.func)) + f"({options})" * bool(options)


CHECKS = [
    pair
    for name in CLASSES
    for pair in estimator_checks_generator(getattr(fusednn, name)(), legacy=True)
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=_named)
def test_estimator_checks(estimator, check):
    check(estimator)

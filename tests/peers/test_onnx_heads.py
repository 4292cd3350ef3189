"""What exported networks put out: labels of every kind, values of every loss."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from numba import njit
from oracles.onnx_sessions import check_classifier, check_regressor, run, session_of
from oracles.parity import fit_quietly

from fusednn import MLPClassifier, MLPRegressor, freeze
from fusednn.losses import Huber, Quantile

pytestmark = pytest.mark.peers
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
SHORT = {"max_iter": 4, "learning_rate_init": 0.02, "random_state": 0}

STRING, INT64, BOOL, FLOAT, DOUBLE = (
    f"tensor({name})" for name in ("string", "int64", "bool", "float", "double")
)
CLASSES = {  # what stands for each class, and the type of the tensor
    "from 0 on": (np.arange(4), INT64),
    "integers": (np.array([-7, 3, 40, 2**40]), INT64),
    "small integers": (np.array([2, 5, 9], np.uint8), INT64),
    "two integers": (np.array([-1, 1], np.int32), INT64),
    "0 and 1": (np.array([0, 1]), INT64),
    "booleans": (np.array([False, True]), BOOL),
    "floats": (np.array([1.0, 2.0, 5.0], np.float32), FLOAT),
    "two floats": (np.array([-1.0, 1.0]), DOUBLE),
    "strings": (np.array(["ä", "b", "longer", ""]), STRING),
    "two strings": (np.array(["no", "yes"]), STRING),
    "objects": (np.array(["a", "bc", "d"], object), STRING),
    "one class": (np.array([8]), INT64),
    "one string": (np.array(["all"]), STRING),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.onnx"


def samples(dtype):
    return np.random.RandomState(3).normal(size=(300, 6)).astype(dtype)


def numbers(x, count):
    """Which of `count` parts of the range each element is in."""
    return np.argsort(x).argsort() * count // len(x)


@DTYPES
@pytest.mark.parametrize("name", CLASSES)
def test_classes(name, dtype, path):
    X, (classes, kind) = samples(dtype), CLASSES[name]
    y = classes[numbers(X[:, 1], len(classes))]
    est = fit_quietly(MLPClassifier((9,), dtype=dtype, **SHORT), X, y)
    session = check_classifier(est, X, path)
    label, probabilities = session.get_outputs()
    assert (label.type, label.shape) == (kind, ["N"])
    assert probabilities.shape == ["N", max(2, len(classes))]
    answers = run(session, X)
    order = np.sort(classes)
    last = len(classes) - 1  # one class has two columns, as in scikit-learn
    first = answers["probabilities"].argmax(axis=1)
    np.testing.assert_array_equal(answers["label"], order[np.minimum(first, last)])


@DTYPES
def test_several_labels(dtype, path):
    X = samples(dtype)
    y = (X[:, :3] + X[:, 3:] > 0.2).astype(int)
    est = fit_quietly(MLPClassifier((9,), dtype=dtype, **SHORT), X, y)
    session = check_classifier(est, X, path)
    label, probabilities = session.get_outputs()
    assert (label.type, label.shape, probabilities.shape) == (INT64, ["N", 3], ["N", 3])


@DTYPES
@pytest.mark.parametrize("kind", ["integers", "strings", "objects"])
def test_several_columns(kind, dtype, path):
    X = samples(dtype)
    y = np.stack([numbers(X[:, 0], 3), numbers(X[:, 1], 2), numbers(X[:, 2], 5) + 10], axis=1)
    if kind != "integers":
        y = y.astype(str if kind == "strings" else object)
        y = y if kind == "strings" else np.char.add("c", y.astype(str)).astype(object)
    est = MLPClassifier((9,), dtype=dtype, **SHORT)
    if kind == "objects":
        est.partial_fit(X, y, classes=[np.unique(column) for column in y.T])
    else:
        fit_quietly(est, X, y)
    session = check_classifier(est, X, path)
    label, *several = session.get_outputs()
    assert (label.type, label.shape) == (INT64 if kind == "integers" else STRING, ["N", 3])
    assert [part.shape for part in several] == [["N", 3], ["N", 2], ["N", 5]]


@DTYPES
def test_decisions_are_those_of_the_estimator(dtype, path):
    """Equal probabilities give the first class, and a half is not above a half."""
    X = np.zeros((2, 6), dtype)
    for count, expected in ((2, 0), (3, 0)):
        est = MLPClassifier((4,), dtype=dtype, **SHORT)
        fit_quietly(est, samples(dtype), numbers(samples(dtype)[:, 0], count))
        for group in (est.coefs_, est.intercepts_):
            for array in group:
                array[...] = 0
        answers = run(session_of(est, path), X)
        np.testing.assert_array_equal(answers["label"], [expected] * 2)
        np.testing.assert_array_equal(answers["label"], est.predict(X))
        np.testing.assert_array_equal(answers["probabilities"], est.predict_proba(X))


@DTYPES
def test_certain_decisions(dtype, path):
    """Logits of thousands are probabilities of 0 and 1."""
    for count in (2, 3):
        est = MLPClassifier((4,), dtype=dtype, **SHORT)
        X = samples(dtype)
        fit_quietly(est, X, numbers(X[:, 0], count))
        session = check_classifier(est, X * 1e5, path)
        assert np.isin(run(session, X * 1e5)["probabilities"], [0, 1]).mean() > 0.8


@njit
def own_loss(logit, target):
    """Returns loss and derivative."""
    return (logit - target) ** 4, 4 * (logit - target) ** 3


LOSSES = {
    "squared_error": (),
    "absolute_error": (),
    "huber": (),
    Huber(delta=2.0): (),
    "log_cosh": (),
    "poisson": (),
    "gamma": (),
    "gaussian": (),
    Quantile((0.3,)): (),
    Quantile((0.1, 0.5, 0.9)): (3,),
    own_loss: (),
}


@DTYPES
@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: getattr(loss, "__name__", str(loss)))
def test_losses_of_regressors(loss, targets, dtype, path):
    X = samples(dtype)
    y = np.exp(X[:, :targets] / 2)
    est = MLPRegressor(loss, hidden_layer_sizes=(9,), dtype=dtype, **SHORT)
    fit_quietly(est, X, y[:, 0] if targets == 1 else y)
    session = check_regressor(est, X, path)
    shape = ["N", *([targets] if targets > 1 else []), *LOSSES[loss]]
    names = ["variable", "std"] if loss == "gaussian" else ["variable"]
    assert [told.name for told in session.get_outputs()] == names
    assert [told.shape for told in session.get_outputs()] == [shape] * len(names)


@DTYPES
def test_predictors_have_the_outputs_of_their_estimators(dtype, path):
    X = samples(dtype)
    est = fit_quietly(MLPClassifier((9,), dtype=dtype, **SHORT), X, numbers(X[:, 0], 3))
    session_of(est, path)
    expected = path.read_bytes()
    session_of(freeze(est), path)
    assert path.read_bytes() == expected

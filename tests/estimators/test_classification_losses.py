"""`loss` of the classifier: focal, label smoothing, and that every way of training works."""

import pickle

import numpy as np
import pytest
from every_part import LOSSES
from oracles import reference_network
from oracles.parity import assert_same_bits
from scipy import sparse
from sklearn.base import clone

from fusednn import MLPClassifier
from fusednn.losses import CLASSIFICATION, ClassificationLoss, CrossEntropy, Focal

rng = np.random.RandomState(0)
X = rng.normal(size=(350, 5))
TARGETS = {
    "binary": np.where(X[:, 0] + X[:, 1] > 0, "yes", "no"),
    "multiclass": np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])],
    "multilabel": (X[:, :3] + X[:, 1:4] > 0).astype(int),
    "columns": np.c_[np.digitize(X[:, 0], [-0.5, 0.5]), X[:, 1] > 0, np.digitize(X[:, 2], [0, 1])],
}
WEIGHTS = rng.uniform(0.5, 2, len(X))
LOSS_VALUES = [
    "focal",
    *(
        loss
        for loss in LOSSES.values()
        if isinstance(loss, ClassificationLoss) and loss not in CLASSIFICATION.values()
    ),
]
"""All but scikit-learn's."""
each_loss = pytest.mark.parametrize("loss", LOSS_VALUES, ids=str)
each_kind = pytest.mark.parametrize("kind", TARGETS)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def new(loss, **params):
    options = {"hidden_layer_sizes": (12, 7), "random_state": 0, "max_iter": 5, **params}
    return MLPClassifier(loss=loss, **options)


def plain_loss(loss, kind, z, numbers):
    """The loss of each row in plain NumPy, from the numbers of its classes."""
    link = "logistic" if kind in ("binary", "multilabel") else "softmax"
    form, constant = ("focal", loss.gamma) if isinstance(loss, Focal) else ("smoothed", 0.2)
    function = reference_network.LOSSES[f"{link}_{form}"]
    if kind != "columns":
        return function(z, numbers, constant)[0]
    parts = np.split(z, [3, 5], axis=1)
    return sum(function(part, numbers[:, [i]], constant)[0] for i, part in enumerate(parts))


@each_kind
@each_loss
def test_the_loss_is_the_formula(loss, kind):
    y = TARGETS[kind]
    model = new(loss, alpha=0.0, scoring="loss", early_stopping=True)
    model.fit(X, y, X_val=X, y_val=y, sample_weight_val=WEIGHTS)
    value, *_ = model.loss_and_gradient(X, y, WEIGHTS)
    if kind in ("binary", "multiclass"):
        numbers = np.unique(y, return_inverse=True)[1][:, np.newaxis]
    else:
        numbers = y
    found = CLASSIFICATION.get(loss, loss)
    rows = plain_loss(found, kind, model.predict_logits(X), numbers)
    assert value == pytest.approx(np.average(rows, weights=WEIGHTS), rel=1e-11)
    assert min(model.validation_loss_curve_) == pytest.approx(value, rel=1e-11)


@pytest.mark.thinned
@each_kind
@each_loss
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_it_learns(loss, kind, solver):
    y = TARGETS[kind]
    model = new(loss, solver=solver, max_iter=100, learning_rate_init=0.03).fit(X, y)
    assert model.score(X, y) > 0.8
    link = "logistic" if kind in ("binary", "multilabel") else "softmax"
    assert model.out_activation_ == link
    probabilities = model.predict_proba(X)
    whole = probabilities if isinstance(probabilities, list) else [probabilities]
    for part in whole:
        assert np.isfinite(part).all()
        if kind != "multilabel":
            np.testing.assert_allclose(part.sum(axis=1), 1)


@pytest.mark.thinned
@each_kind
@each_loss
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits(loss, kind, dtype):
    """One thread and two, dense and CSR, one row and many."""
    Z, y = (X * (X > -1)).astype(dtype), TARGETS[kind]
    one = new(loss, n_jobs=1).fit(Z, y, WEIGHTS)
    assert_same_bits(one, new(loss, n_jobs=2).fit(Z, y, WEIGHTS))
    assert_same_bits(one, new(loss, n_jobs=1).fit(sparse.csr_matrix(Z), y, WEIGHTS))
    whole = one.predict_logits(Z)
    np.testing.assert_array_equal(one.predict_logits(Z[9:80]), whole[9:80])


@each_kind
@each_loss
def test_going_on(loss, kind):
    """`partial_fit` and `warm_start` are steps of one fit."""
    options = {"shuffle": False, "tol": 0, "n_iter_no_change": np.inf}
    y = TARGETS[kind]
    whole = new(loss, max_iter=4, **options).fit(X, y)
    parts = new(loss, **options)
    for _ in range(4):
        classes = np.arange(3) if kind == "multilabel" else whole.classes_
        parts.partial_fit(X, y, classes=classes)
    warm = new(loss, max_iter=2, warm_start=True, warm_start_optimizer=True, **options)
    warm.fit(X, y).fit(X, y)
    for one in (parts, warm):
        np.testing.assert_array_equal(one.loss_curve_, whole.loss_curve_)


@each_loss
def test_class_weights_are_sample_weights(loss):
    y = TARGETS["multiclass"]
    factors = {"a": 3.0, "b": 1.0, "c": 0.5}
    one = new(loss, class_weight=factors).fit(X, y)
    assert_same_bits(one, new(loss).fit(X, y, np.vectorize(factors.get)(y)))


@each_loss
def test_copies(loss):
    model = new(loss)
    assert clone(model).get_params() == model.get_params()
    model.fit(X, TARGETS["columns"])
    again = pickle.loads(pickle.dumps(model))
    assert again.loss == loss
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@each_kind
def test_without_smoothing_it_is_the_cross_entropy(kind):
    y = TARGETS[kind]
    plain = new("log_loss").fit(X, y)
    assert_same_bits(plain, new(CrossEntropy()).fit(X, y))
    focal = new(Focal(0.0)).fit(X, y)
    for one, other in zip(plain.coefs_, focal.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def test_smoothing_keeps_probabilities_from_the_ends():
    y = TARGETS["multiclass"]
    sharp, smooth = (
        new(CrossEntropy(share), max_iter=600, tol=0, learning_rate_init=0.01).fit(X, y)
        for share in (0.0, 0.3)
    )
    assert sharp.predict_proba(X).max() > 0.999
    assert smooth.predict_proba(X).max(axis=1).mean() == pytest.approx(0.8, abs=0.05)
    assert smooth.score(X, y) > 0.95


@pytest.mark.parametrize("loss", ["hinge", "huber", None, 3])
def test_unknown_losses(loss):
    with pytest.raises(ValueError, match="The 'loss' parameter of MLPClassifier must be"):
        new(loss).fit(X, TARGETS["binary"])

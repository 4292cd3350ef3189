"""Targets of several columns of classes: one network, a softmax for each column."""

import pickle

import numpy as np
import pytest
from oracles import reference_network
from oracles.parity import assert_same_bits
from scipy import sparse
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.class_weight import compute_sample_weight

from fusednn import MLPClassifier

rng = np.random.RandomState(0)
X = rng.normal(size=(310, 5))
NUMBERS = np.c_[
    np.digitize(X[:, 0], [-0.5, 0.5]), X[:, 1] > 0, np.digitize(X[:, 2] + X[:, 3], [-1, 0, 1])
]
NAMES = np.array(["ant", "bee", "cow", "dog"])
Y = NAMES[NUMBERS]
WEIGHTS = rng.uniform(0.5, 2, len(X))
CLASSES = [NAMES[:3], NAMES[:2], NAMES]
GROUPS = (3, 2, 4)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def new(**params):
    return MLPClassifier(**{"hidden_layer_sizes": (9, 6), "random_state": 0, **params})


def split(z):
    return np.split(z, np.cumsum(GROUPS)[:-1], axis=1)


def plain_gradient(coefs, intercepts, X, numbers, weights, l2):
    """Loss and gradient in plain NumPy: the sum of the columns' cross-entropies."""

    def loss(z, t):
        parts = [
            reference_network.softmax(part, t[:, [column]]) for column, part in enumerate(split(z))
        ]
        return sum(value for value, _ in parts), np.hstack([dz for _, dz in parts])

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(reference_network.LOSSES, "columns", loss)
        return reference_network.loss_and_gradient(
            "tanh", "columns", coefs, intercepts, X, numbers, weights, l2
        )


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_the_gradient_is_that_of_the_sum_over_columns(form):
    model = new(activation="tanh", max_iter=3, alpha=0.3).fit(X, Y)
    loss, *found = model.loss_and_gradient(form(X), Y, WEIGHTS)
    expected, *gradient = plain_gradient(
        model.coefs_, model.intercepts_, X, NUMBERS, WEIGHTS, model.alpha
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    for ours, theirs in zip(found, gradient, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_of_gradient_descent(dtype):
    options = {"solver": "sgd", "momentum": 0, "nesterovs_momentum": False, "shuffle": False}
    model = new(activation="tanh", dtype=dtype, batch_size=100, max_iter=1, **options).fit(X, Y)
    coefs = [w.astype(float) for w in model.coefs_]
    intercepts = [b.astype(float) for b in model.intercepts_]
    for start in range(0, len(X), 100):
        rows = slice(start, start + 100)
        ones = np.ones(len(X[rows]))
        _, d_coefs, d_intercepts = plain_gradient(
            coefs, intercepts, X[rows], NUMBERS[rows], ones, model.alpha
        )
        coefs = [w - 0.001 * d for w, d in zip(coefs, d_coefs, strict=True)]
        intercepts = [b - 0.001 * d for b, d in zip(intercepts, d_intercepts, strict=True)]
    model.partial_fit(X, Y)
    tolerance = 1e-12 if dtype == "float64" else 1e-6
    for ours, theirs in zip(model.coefs_ + model.intercepts_, coefs + intercepts, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


@pytest.mark.parametrize(
    "params", [{"batch_size": 300}, {"solver": "lbfgs"}, {"early_stopping": True}]
)
def test_threads_and_forms_change_no_bit(params):
    many = np.tile(X, (20, 1)), np.tile(Y, (20, 1))  # more than one block of L-BFGS
    one = new(max_iter=4, n_jobs=1, **params).fit(*many)
    assert_same_bits(new(max_iter=4, n_jobs=2, **params).fit(*many), one)
    rows = sparse.csr_matrix(many[0])
    for a, b in zip(one.predict_proba(rows), one.predict_proba(many[0]), strict=True):
        np.testing.assert_array_equal(a, b)
    few = [one.predict_proba(X[row : row + 1]) for row in range(3)]
    for column, together in enumerate(one.predict_proba(X)):
        np.testing.assert_array_equal(np.vstack([part[column] for part in few]), together[:3])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_it_learns_and_answers_as_scikit_learns_forest_does(solver):
    rate, passes = {"adam": (0.02, 400), "sgd": (0.2, 400), "lbfgs": (0.001, 100)}[solver]
    model = new(solver=solver, max_iter=passes, alpha=0.01, learning_rate_init=rate).fit(X, Y)
    forest = RandomForestClassifier(n_estimators=5, random_state=0).fit(X, Y)
    assert model.score(X, Y) == (model.predict(X) == Y).all(axis=1).mean() > 0.8
    assert model.n_outputs_ == sum(GROUPS)
    for ours, theirs in zip(model.classes_, forest.classes_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    answers = model.predict(X), forest.predict(X)
    assert answers[0].shape == answers[1].shape
    probabilities = model.predict_proba(X), forest.predict_proba(X)
    columns = zip(*probabilities, model.classes_, strict=True)
    for column, (ours, theirs, classes) in enumerate(columns):
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(classes[ours.argmax(axis=1)], answers[0][:, column])
    z = reference_network.forward("relu", model.coefs_, model.intercepts_, X)[0][-1]
    np.testing.assert_allclose(model.predict_logits(X), z, atol=1e-9)
    for column, part in enumerate(split(z)):
        expected = log_softmax(part, axis=1)
        np.testing.assert_allclose(model.predict_log_proba(X)[column], expected, atol=1e-9)
        np.testing.assert_allclose(model.predict_proba(X)[column], np.exp(expected), atol=1e-9)


def test_a_validation_set():
    own = {"X_val": X[:100], "y_val": Y[:100], "sample_weight_val": WEIGHTS[:100]}
    model = new(max_iter=5, early_stopping=True).fit(X[100:], Y[100:], **own)
    best = model.validation_scores_.index(model.best_validation_score_)
    assert model.score(X[:100], Y[:100], WEIGHTS[:100]) == pytest.approx(
        model.validation_scores_[best]
    )
    model = new(max_iter=5).fit(X[100:], Y[100:], **own)
    expected = sum(
        log_loss(Y[:100, column], p, labels=CLASSES[column], sample_weight=WEIGHTS[:100])
        for column, p in enumerate(model.predict_proba(X[:100]))
    )
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_class_weights_multiply(solver):
    each = [{name: 1 + i + j for j, name in enumerate(c)} for i, c in enumerate(CLASSES)]
    for class_weight in ("balanced", each):
        weights = compute_sample_weight(class_weight, Y)
        model = new(max_iter=4, solver=solver, class_weight=class_weight).fit(X, Y, WEIGHTS)
        expected = new(max_iter=4, solver=solver).fit(X, Y, weights * WEIGHTS)
        assert_same_bits(model, expected)
    for bad in (each[:2], {"ant": 1}):
        with pytest.raises(ValueError, match="list of as many dicts"):
            new(class_weight=bad).fit(X, Y)


def test_partial_fit_with_all_classes_said_at_first():
    first = np.repeat([["ant", "ant", "bee"]], 20, axis=0)
    model = new().partial_fit(X[:20], first, classes=CLASSES)
    model.partial_fit(X, Y).partial_fit(X[:9], Y[:9], classes=CLASSES)
    assert [p.shape[1] for p in model.predict_proba(X)] == list(GROUPS)
    before = pickle.dumps(model)
    for y, classes, words in (
        (Y, [["ant"]] * 3, "not the same as on last call"),
        (np.full_like(Y, "cow"), None, "classes not in"),
        (Y[:, 0], None, "not of the kind"),
        (Y[:, :2], None, "not of the kind"),
    ):
        with pytest.raises(ValueError, match=words):
            model.partial_fit(X, y, classes=classes)
        assert pickle.dumps(model) == before
    for classes in (CLASSES[:2], ["ant", "bee", "cow"]):
        fresh = new()
        with pytest.raises(ValueError, match="list of their classes"):
            fresh.partial_fit(X, Y, classes=classes)
        assert not hasattr(fresh, "classes_")


def test_sparse_columns_are_refused_in_scikit_learns_words():
    with pytest.raises(ValueError, match="Multioutput target data is not supported"):
        new().fit(X, sparse.csr_matrix(NUMBERS))


def test_classes_of_a_first_call_that_shows_few():
    """Two distinct numbers look like an indicator matrix; the classes say what they are."""
    numbers = [np.arange(3), np.arange(2)]
    model = new().partial_fit(X[:4], [[0, 1], [1, 0], [1, 1], [0, 0]], classes=numbers)
    model.partial_fit(X, NUMBERS[:, :2], classes=[[2, 1, 0, 0], [0, 1]])
    assert [p.shape for p in model.predict_proba(X)] == [(len(X), 3), (len(X), 2)]
    for classes in ([0, 1], 3, [[0, 1, 2]]):
        with pytest.raises(ValueError, match="not the same as on last call"):
            model.partial_fit(X, NUMBERS[:, :2], classes=classes)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_two_columns_of_two_classes(solver):
    """The last layer has few units; a softmax of two is a logistic of the difference."""
    y, many = NUMBERS[:, [1, 1]] + [5, 2], np.tile(X, (20, 1))
    model = new(solver=solver, max_iter=5).fit(X, y)
    z = reference_network.forward("relu", model.coefs_, model.intercepts_, many)[0][-1]
    for column, p in enumerate(model.predict_proba(many)):
        difference = z[:, 2 * column + 1] - z[:, 2 * column]
        np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-difference)), atol=1e-12)
    assert_same_bits(new(solver=solver, max_iter=5, n_jobs=3).fit(X, y), model)


def test_weights_of_another_number_of_outputs_are_refused():
    model = new(max_iter=2).fit(X, Y)
    model.coefs_[-1], model.intercepts_[-1] = np.ones((6, 3)), np.ones(3)
    for call in (model.predict, model.predict_proba, lambda X: model.partial_fit(X, Y)):
        with pytest.raises(ValueError, match="coefs_ have 3 outputs, but classes_ are 9"):
            call(X)


def test_weights_of_a_score_are_checked():
    model = new(max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match="sample_weight"):
        model.score(X, Y, WEIGHTS[:-1])
    right = (model.predict(X) == Y).all(axis=1)
    assert model.score(X, Y, WEIGHTS) == pytest.approx(np.average(right, weights=WEIGHTS))


def test_warm_start_asks_for_the_same_classes():
    model = new(warm_start=True, max_iter=2).fit(X, Y)
    assert model.fit(X, Y).n_iter_ == 2
    with pytest.raises(ValueError, match="same classes"):
        model.fit(X, np.where(Y == "dog", "ant", Y))


def test_within_scikit_learns_tools():
    model = new(max_iter=30)
    assert cross_val_score(model, X, Y, cv=3).shape == (3,)
    search = GridSearchCV(model, {"alpha": [1e-4, 1e-1]}, cv=2).fit(X, Y)
    np.testing.assert_array_equal(search.predict(X), search.best_estimator_.predict(X))
    copy = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(copy.predict(X), search.predict(X))
    again = clone(copy).fit(X.tolist(), Y.tolist())
    assert again.score(X, Y.tolist()) == copy.score(X, Y)
    with pytest.raises(ValueError, match="must be of shape"):
        copy.score(X, Y[:, :2])
    with pytest.raises(ValueError, match=r"Multioutput|continuous"):
        new().fit(X, X[:, :2])

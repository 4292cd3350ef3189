"""What scikit-learn's networks do not offer: validation sets, scoring, weights, limits, looks."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from parity import CLASSES, assert_same_bits, fit_quietly, parameters
from scipy import sparse
from scipy.special import log_softmax, xlogy
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import get_scorer, log_loss, make_scorer, mean_absolute_error
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from fusednn import MLPClassifier, MLPRegressor

rng = np.random.RandomState(0)
X = rng.normal(size=(240, 6))
LABELS = (X[:, 0] + 0.5 * rng.normal(size=240) > 0.8) * 1 + (X[:, 1] > 0.3)
TARGETS = {
    "binary": np.minimum(LABELS, 1),
    "multiclass": LABELS,
    "multilabel": np.c_[LABELS > 0, X[:, 2] > 0].astype(int),
    "regression": X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=240),
    "outputs": np.c_[X[:, 0] * X[:, 1], X[:, 2]],
    "poisson": rng.poisson(np.exp(0.5 * X[:, 0])).astype(float),
}
WEIGHTS = rng.uniform(0.5, 2, 240)
TRAIN, VAL = slice(0, 160), slice(160, 240)
KINDS = pytest.mark.parametrize("kind", TARGETS)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def is_regression(kind):
    return kind in ("regression", "outputs", "poisson")


def new(kind, **params):
    params = {"hidden_layer_sizes": (8, 5), "random_state": 0, "max_iter": 6, **params}
    if kind == "poisson":
        params["loss"] = "poisson"
    return (MLPRegressor if is_regression(kind) else MLPClassifier)(**params)


def forward(model, X, last=None):
    """Logits, or the outputs of a hidden layer, in plain NumPy."""
    z = np.asarray(X, float)
    for layer, (w, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        z = z @ w + b
        if layer < len(model.coefs_) - 1:
            z = np.maximum(z, 0)
        if layer == last:
            break
    return z


def data_loss(kind, z, y, weights=None):
    """The mean loss of logits, without a penalty, in plain NumPy."""
    y = np.asarray(y, float).reshape(len(z), -1)
    if kind == "multiclass":
        rows = -log_softmax(z, axis=1)[np.arange(len(z)), y[:, 0].astype(int)]
    elif kind in ("binary", "multilabel"):
        rows = (np.logaddexp(0, z) - y * z).sum(axis=1)
    elif kind == "poisson":
        rows = (xlogy(y, y) - y * z - y + np.exp(z))[:, 0]
    else:
        rows = 0.5 * ((z - y) ** 2).mean(axis=1)
    return np.average(rows, weights=weights)


# -- validation sets -------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("weighted", [False, True])
def test_a_validation_set_is_judged_after_every_pass(kind, weighted):
    y, weights = TARGETS[kind], WEIGHTS[VAL] if weighted else None
    given = {"X_val": X[VAL], "y_val": y[VAL], "sample_weight_val": weights}
    model = new(kind).fit(X[TRAIN], y[TRAIN], **given)
    losses, scores = [], []
    for passes in range(1, 7):
        alone = new(kind, max_iter=passes).fit(X[TRAIN], y[TRAIN])
        losses.append(data_loss(kind, forward(alone, X[VAL]), y[VAL], weights))
        scores.append(alone.score(X[VAL], y[VAL], weights))
    np.testing.assert_allclose(model.validation_loss_curve_, losses, rtol=1e-10)
    np.testing.assert_allclose(model.validation_scores_, scores, rtol=1e-10)
    assert model.best_validation_score_ == max(model.validation_scores_)
    for one, other in zip(parameters(model), parameters(alone), strict=True):
        np.testing.assert_array_equal(one, other)  # it only looks on


@KINDS
def test_early_stopping_on_a_set_of_ones_own(kind):
    y = TARGETS[kind]
    options = {"early_stopping": True, "max_iter": 60, "n_iter_no_change": 3, "tol": 1e-2}
    model = new(kind, **options).fit(X[TRAIN], y[TRAIN], X_val=X[VAL], y_val=y[VAL])
    assert model.n_iter_ < 60
    best = int(np.argmax(model.validation_scores_))
    assert model.validation_scores_[best] == model.best_validation_score_
    assert model.score(X[VAL], y[VAL]) == pytest.approx(model.best_validation_score_)
    alone = new(kind, max_iter=best + 1).fit(X[TRAIN], y[TRAIN])  # all of it is trained on
    for one, other in zip(parameters(model), parameters(alone), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("scoring", ["neg_log_loss", "loss", "callable", "f1_macro"])
def test_scoring(scoring, own):
    y = LABELS
    given = {"X_val": X[VAL], "y_val": y[VAL]} if own else {}
    scorer = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
    options = {"early_stopping": True, "max_iter": 40, "n_iter_no_change": 3}
    model = new("multiclass", scoring=scorer if scoring == "callable" else scoring, **options)
    model.fit(X[TRAIN] if own else X, y[TRAIN] if own else y, **given)
    assert len(model.validation_scores_) == model.n_iter_
    if scoring == "loss" or own:
        assert len(model.validation_loss_curve_) == model.n_iter_
    if scoring == "loss":
        np.testing.assert_array_equal(
            model.validation_scores_, np.negative(model.validation_loss_curve_)
        )
    if own:
        name = {"loss": "neg_log_loss", "callable": "neg_log_loss"}.get(scoring, scoring)
        found = get_scorer(name)(model, X[VAL], y[VAL])
        assert found == pytest.approx(model.best_validation_score_, rel=1e-9)


def test_scoring_a_regressor_with_string_labels_and_sparse_data():
    model = new("regression", scoring="neg_mean_absolute_error", early_stopping=True)
    y = TARGETS["regression"]
    model.fit(sparse.csr_matrix(X[TRAIN]), y[TRAIN], X_val=sparse.csc_array(X[VAL]), y_val=y[VAL])
    assert model.best_validation_score_ == pytest.approx(
        -mean_absolute_error(y[VAL], model.predict(X[VAL]))
    )
    names = np.array(["no", "yes", "maybe"])[LABELS]
    model = new("multiclass", scoring="balanced_accuracy", early_stopping=True)
    model.fit(X[TRAIN], names[TRAIN], WEIGHTS[TRAIN], X_val=X[VAL], y_val=list(names[VAL]))
    assert model.best_validation_score_ == pytest.approx(
        get_scorer("balanced_accuracy")(model, X[VAL], names[VAL])
    )


BAD_SETS = {
    "X_val is provided, but y_val": {"X_val": X[VAL]},
    "y_val is provided, but X_val": {"y_val": LABELS[VAL]},
    "sample_weight_val is provided, but X_val": {"sample_weight_val": WEIGHTS[VAL]},
    "labels that are not in classes_: \\[ 7 14\\]": {"X_val": X[VAL], "y_val": LABELS[VAL] * 7},
    "X has 5 features": {"X_val": X[VAL, 1:], "y_val": LABELS[VAL]},
    "inconsistent numbers of samples": {"X_val": X[VAL], "y_val": LABELS[TRAIN]},
    "Input X contains NaN": {"X_val": X[VAL] * np.nan, "y_val": LABELS[VAL]},
    "kind that the estimator": {"X_val": X[VAL], "y_val": TARGETS["multilabel"][VAL]},
}


@pytest.mark.parametrize("text", BAD_SETS)
def test_refused_validation_sets_leave_the_estimator_as_it_was(text):
    model = new("multiclass").fit(X, LABELS)
    before = {key: value for key, value in vars(model).items()}
    with pytest.raises(ValueError, match=text):
        model.fit(X[TRAIN], LABELS[TRAIN], **BAD_SETS[text])
    assert vars(model) == before
    with pytest.raises(ValueError, match="solver"):
        clone(model).set_params(solver="lbfgs").fit(X, LABELS, X_val=X, y_val=LABELS)


def test_several_labels_ask_for_several():
    model = new("multilabel").fit(X, TARGETS["multilabel"])
    for call in (
        lambda: model.loss_and_gradient(X, LABELS),
        lambda: model.fit(X, TARGETS["multilabel"], X_val=X, y_val=LABELS),
    ):
        with pytest.raises(ValueError, match="not of the kind"):
            call()


def test_a_scoring_that_is_none_is_refused_at_once():
    with pytest.raises(ValueError, match="nope"):
        new("binary", scoring="nope").fit(X, TARGETS["binary"])


def test_a_regressors_validation_set_has_its_outputs():
    y = TARGETS["outputs"]
    with pytest.raises(ValueError, match="y must have 2 outputs"):
        new("outputs").fit(X, y, X_val=X, y_val=y[:, 0])


# -- weights ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5, 2: 1.5}])
def test_class_weights_are_sample_weights(kind, solver, class_weight):
    y = TARGETS[kind]
    if isinstance(class_weight, dict):
        class_weight = {label: class_weight[label] for label in np.unique(y)}
    weights = compute_sample_weight(class_weight, y)
    for own in (None, WEIGHTS):
        model = new(kind, solver=solver, class_weight=class_weight).fit(X, y, own)
        expected = new(kind, solver=solver).fit(X, y, weights if own is None else weights * own)
        assert_same_bits(model, expected)
    if isinstance(class_weight, dict) and solver != "lbfgs":
        classes, model = np.unique(y), new(kind, solver=solver, class_weight=class_weight)
        expected = new(kind, solver=solver).partial_fit(X, y, weights, classes=classes)
        assert_same_bits(model.partial_fit(X, y, classes=classes), expected)


def test_balanced_weights_help_the_rare():
    rare = (X[:, 0] > 1.5).astype(int)
    plain, balanced = (
        new("binary", class_weight=weight, max_iter=60, tol=0).fit(X, rare).predict(X)
        for weight in (None, "balanced")
    )
    assert balanced[rare == 1].mean() > plain[rare == 1].mean()
    assert compute_class_weight("balanced", classes=np.array([0, 1]), y=rare)[1] > 5


def test_batches_without_some_class():
    model = new("binary", class_weight={1: 5.0}).partial_fit(X, TARGETS["binary"], classes=[0, 1])
    rows = TARGETS["binary"] == 0
    model.partial_fit(X[rows], TARGETS["binary"][rows])
    assert np.isfinite(model.loss_and_gradient(X[rows], TARGETS["binary"][rows])[0])


def test_refused_class_weights():
    with pytest.raises(ValueError, match=r"balanced.*partial_fit"):
        new("binary", class_weight="balanced").partial_fit(X, TARGETS["binary"], classes=[0, 1])
    with pytest.raises(ValueError, match="'class_weight' parameter of MLPClassifier"):
        new("binary", class_weight="even").fit(X, TARGETS["binary"])


def test_scores_of_held_out_samples_do_not_see_class_weights():
    weight = {0: 1e-6, 1: 1.0, 2: 1.0}
    options = {"early_stopping": True, "validation_fraction": 0.5}
    model = new("multiclass", class_weight=weight, **options).fit(X, LABELS)
    steps = np.array(model.validation_scores_) * 120
    np.testing.assert_allclose(steps, steps.round(), atol=1e-9)


# -- limits and warm starts ------------------------------------------------------------------


@pytest.mark.timeout(60)  # a limit that is not kept would go on for hours
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_max_time(solver):
    limit = 0.1 if solver == "lbfgs" else 0.3  # which may converge
    model = new("multiclass", solver=solver, max_iter=10**6, tol=0, max_time=limit)
    model.set_params(n_iter_no_change=10**6, max_fun=10**9, alpha=1e-9)
    big = np.tile(X, (40, 1)) + rng.normal(size=(9600, 6))
    y = rng.randint(3, size=9600)
    fit_quietly(clone(model).set_params(max_iter=1), big, y)  # compiles
    with pytest.warns(ConvergenceWarning, match=r"Maximum time \(\S+ s\) reached"):
        model.fit(big, y)
    assert 0 < model.n_iter_ < 10**6
    assert all(np.isfinite(part).all() for part in parameters(model))


def test_a_pass_that_ends_late_counts():
    model = new("multiclass", max_time=1e-9, batch_size=240)
    with pytest.warns(ConvergenceWarning, match="Maximum time"):
        model.fit(X, LABELS)
    assert_same_bits(model, new("multiclass", max_iter=1, batch_size=240).fit(X, LABELS))
    assert model.t_ == 240


def test_a_pass_cut_short_counts_its_steps():
    """With batches of one row the first slice is one step."""
    model = new("multiclass", max_time=1e-9, batch_size=1).fit(X, LABELS)
    assert 0 < model._optimizer.t < 240
    assert model.loss_curve_ == []


def test_a_limit_is_forgotten_with_its_estimator():
    classes = [0, 1, 2]
    new("multiclass", max_time=0.02).partial_fit(X, LABELS, classes=classes)
    time.sleep(0.03)
    assert new("multiclass").partial_fit(X, LABELS, classes=classes).t_ == 240


def test_another_scoring_begins_anew():
    options = {"early_stopping": True, "warm_start": True, "max_iter": 10}
    model = new("multiclass", **options).fit(X, LABELS)
    before = model.coefs_[0].copy()
    model.set_params(scoring="loss").fit(X, LABELS)
    assert len(model.validation_scores_) == 10
    assert model.best_validation_score_ == max(model.validation_scores_) < 0
    assert not np.array_equal(model.coefs_[0], before)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_scores_that_are_no_numbers_are_told():
    model = new("regression", early_stopping=True, scoring=lambda *data: float("nan"))
    with pytest.warns(UserWarning, match="No validation score was a number"):
        model.fit(X, X[:, 0])


def test_the_optimizer_of_another_solver_is_not_kept():
    options = {"warm_start": True, "warm_start_optimizer": True}
    model = new("multiclass", **options).fit(X, LABELS).set_params(solver="sgd").fit(X, LABELS)
    assert model._optimizer.solver == "sgd"


def test_frames_give_no_warning_about_names(recwarn):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    options = {"early_stopping": True, "scoring": "neg_log_loss"}
    new("multiclass", **options).fit(frame, LABELS)
    new("multiclass", **options).fit(frame, LABELS, X_val=frame, y_val=pd.Series(LABELS))
    assert not [w for w in recwarn if "feature names" in str(w.message)]


def test_max_time_is_not_reached():
    model = new("multiclass", max_time=1000.0).fit(X, LABELS)
    assert_same_bits(model, new("multiclass").fit(X, LABELS))


@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "learning_rate": "adaptive"}], ids=str)
def test_a_warm_start_that_keeps_the_optimizer(options):
    """Twice three passes are six, where nothing is shuffled."""
    options = {"shuffle": False, "warm_start": True, **options}
    keeping = new("multiclass", max_iter=3, warm_start_optimizer=True, **options)
    keeping.fit(X, LABELS).fit(X, LABELS)
    whole = new("multiclass", max_iter=6, **options).fit(X, LABELS)
    for one, other in zip(parameters(keeping), parameters(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    forgetting = new("multiclass", max_iter=3, **options).fit(X, LABELS).fit(X, LABELS)
    assert not np.array_equal(forgetting.coefs_[0], whole.coefs_[0])


# -- looks -----------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("rows", [1, 64, 240])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_logits_and_hidden_activations(kind, rows, dtype):
    model = new(kind).fit(X.astype(dtype), TARGETS[kind])
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    data = X[:rows].astype(dtype)
    for form in (np.asarray, sparse.csr_array):
        logits = model.predict_logits(form(data))
        assert logits.dtype == dtype
        np.testing.assert_allclose(logits, forward(model, data), rtol=tolerance, atol=tolerance)
        for layer in (-2, -1, 0, np.int64(1)):
            found = model.hidden_activations(form(data), layer)
            expected = forward(model, data, layer % 2)
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(model.hidden_activations(data), found)


@pytest.mark.parametrize("rows", [3, 100])
def test_a_hidden_layer_of_one_unit(rows):
    model = new("binary", hidden_layer_sizes=(4, 1, 3)).fit(X, TARGETS["binary"])
    for layer in range(3):
        np.testing.assert_allclose(
            model.hidden_activations(X[:rows], layer), forward(model, X[:rows], layer), atol=1e-12
        )


def test_refused_looks():
    model = new("binary")
    for call in (model.predict_logits, model.hidden_activations):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        model.loss_and_gradient(X, TARGETS["binary"])
    model.fit(X, TARGETS["binary"])
    for layer in (2, -3):
        with pytest.raises(ValueError, match=r"layer must be in \[-2, 2\)"):
            model.hidden_activations(X, layer)
    with pytest.raises(TypeError):
        model.hidden_activations(X, 0.5)
    with pytest.raises(ValueError, match="labels that are not"):
        model.loss_and_gradient(X, TARGETS["binary"] + 1)
    with pytest.raises(ValueError, match="X has 5 features"):
        model.predict_logits(X[:, 1:])


@KINDS
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_the_loss(kind, weighted):
    y, weights = TARGETS[kind], WEIGHTS if weighted else None
    model = new(kind, alpha=0.3, activation="tanh").fit(X, y)
    before = [part.copy() for part in parameters(model)]
    loss, *gradients = model.loss_and_gradient(X, y, weights)
    for one, other in zip(parameters(model), before, strict=True):
        np.testing.assert_array_equal(one, other)
    parts = [*gradients[0], *gradients[1]]
    step = 1e-6
    for part, gradient in zip([*model.coefs_, *model.intercepts_], parts, strict=True):
        assert part.shape == gradient.shape
        at = tuple(rng.randint(size) for size in part.shape)
        kept, values = part[at], []
        for sign in (1, -1):
            part[at] = kept + sign * step
            values.append(model.loss_and_gradient(X, y, weights)[0])
        part[at] = kept
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(gradient[at], abs=1e-7)
    if kind != "outputs":
        total = len(X) if weights is None else weights.sum()
        squares = sum((w**2).sum() for w in model.coefs_)
        z = model.predict_logits(X)
        expected = data_loss(kind, z, y, weights) + 0.5 * 0.3 * squares / total
        assert loss == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_log_probabilities_of_extreme_logits(kind):
    model = new(kind).fit(X, TARGETS[kind])
    np.testing.assert_allclose(
        model.predict_log_proba(X), np.log(model.predict_proba(X)), rtol=1e-9, atol=1e-12
    )
    model.coefs_[-1] *= 1e5
    found = model.predict_log_proba(X)
    assert np.isfinite(found).all()
    assert found.min() < -1000
    assert found.shape == model.predict_proba(X).shape
    assert (found <= 0).all()


def test_verbose_levels(capsys):
    lines = []
    for verbose in (0, 1, 2):
        model = new("multiclass", verbose=verbose, max_iter=2)
        model.fit(X[TRAIN], LABELS[TRAIN], X_val=X[VAL], y_val=LABELS[VAL])
        lines.append(capsys.readouterr().out.splitlines())
    assert lines[0] == []
    assert [line.split()[0] for line in lines[1]] == ["Iteration", "Validation"] * 2
    assert [line for line in lines[2] if line in lines[1]] == lines[1]
    more = [line.split(":")[0] for line in lines[2] if line not in lines[1]]
    assert more == ["Validation loss", "Learning rate"] * 2


@pytest.mark.parametrize("kind", CLASSES)
def test_html_has_the_layers(kind):
    model = CLASSES[kind][1]((8, 5)) if kind == "classifier" else MLPRegressor("poisson", (8, 5))
    assert "fusednn-layers" not in model._repr_html_()
    y = LABELS if kind == "classifier" else TARGETS["poisson"]
    text = model.set_params(max_iter=1).fit(X, y)._repr_html_()
    outputs, function = (3, "softmax") if kind == "classifier" else (1, "exp")
    total = 7 * 8 + 9 * 5 + 6 * outputs
    for expected in ("6 × 8 + 8", f">{total:,}<", f">{function}<", ">hidden 1<"):
        assert expected in text


def test_no_warning_about_what_is_new():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        new("multiclass", class_weight="balanced", scoring="loss", early_stopping=True).fit(
            X, LABELS
        )

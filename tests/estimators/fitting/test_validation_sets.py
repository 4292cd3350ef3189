"""Validation sets of the user's own, and `scoring`."""

import numpy as np
import pandas as pd
import pytest
from cases.validated_fits import (
    KINDS,
    LABELS,
    TARGETS,
    TRAIN,
    VAL,
    WEIGHTS,
    X,
    data_loss,
    forward,
    new,
)
from oracles.parity import parameters
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import get_scorer, log_loss, make_scorer, mean_absolute_error

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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


def test_frames_give_no_warning_about_names(recwarn):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    options = {"early_stopping": True, "scoring": "neg_log_loss"}
    new("multiclass", **options).fit(frame, LABELS)
    new("multiclass", **options).fit(frame, LABELS, X_val=frame, y_val=pd.Series(LABELS))
    assert not [w for w in recwarn if "feature names" in str(w.message)]

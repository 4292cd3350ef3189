"""Scores, validation sets and scorers where some targets are unknown."""

import numpy as np
import pandas as pd
import pytest
from cases.missing_targets import (
    BITS,
    FULL,
    IDS,
    IGNORE,
    KNOWN,
    NAMES,
    NUMBERS,
    PAIRS,
    PART,
    PART_BITS,
    PART_NAMES,
    PART_NUMBERS,
    TARGETS,
    WEIGHTS,
    X,
    each_kind,
)
from sklearn.base import clone
from sklearn.metrics import r2_score

from fusednn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_scores_of_the_known():
    model = MLPRegressor(**{**IGNORE, "max_iter": 40}).fit(X, PART)
    answers = model.predict(X)
    for weights in (np.ones(len(X)), WEIGHTS):
        columns = [
            r2_score(FULL[rows, c], answers[rows, c], sample_weight=weights[rows])
            for c, rows in enumerate(KNOWN.T)
        ]
        given = () if (weights == 1).all() else (weights,)
        assert model.score(X, PART, *given) == pytest.approx(np.mean(columns), rel=1e-12)
    for full, part in ((BITS, PART_BITS), (NUMBERS, PART_NUMBERS), (NAMES[NUMBERS], PART_NAMES)):
        model = MLPClassifier(**{**IGNORE, "max_iter": 40}).fit(X, part)
        right = ((model.predict(X) == full) | ~KNOWN).all(axis=1)
        assert 0.2 < right.mean() < 1
        assert model.score(X, part) == right.mean()
        assert model.score(X, part, WEIGHTS) == pytest.approx(np.average(right, weights=WEIGHTS))


@each_kind
def test_scores_of_rows_that_have_a_weight(kind):
    """What is known in the other rows alone is no part of a score."""
    cls, _, part = TARGETS[kind]
    model, weights, part = cls(**IGNORE).fit(X, part), WEIGHTS.copy(), part.copy()
    weights[100:], part[:100, 0] = 0, None
    expected = model.score(X[:100], part[:100], weights[:100])
    assert model.score(X, part, weights) == expected
    one = cls(**IGNORE).fit(X, part[:, 0])
    if cls is MLPRegressor:
        assert np.isnan(one.score(X, part[:, 0], weights))
    else:
        with pytest.raises(ValueError, match="no known target"):
            one.score(X, part[:, 0], weights)


@each_kind
def test_validation(kind):
    """The default score, and the loss, on a set of the user's and on a part of X."""
    cls, _, part = TARGETS[kind]
    val = {"X_val": X, "y_val": part, "sample_weight_val": WEIGHTS}
    model = cls(alpha=0.0, **IGNORE).fit(X, part, **val)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X, part, WEIGHTS), rel=1e-6)
    loss = model.loss_and_gradient(X, part, WEIGHTS)[0]
    found = model.validation_loss_curve_[-1] * (3 if kind == "regression" else 1)
    assert found == pytest.approx(loss, rel=1e-9)
    by_loss = clone(model).set_params(scoring="loss", early_stopping=True).fit(X, part)
    assert np.isfinite(by_loss.validation_scores_).all()
    assert by_loss.validation_loss_curve_ == [-score for score in by_loss.validation_scores_]


def test_own_scorers_see_what_the_user_gave():
    seen = []

    def scorer(estimator, rows, y):
        seen.append(y)
        return 0.0

    for kind, (cls, _, part) in TARGETS.items():
        cls(scoring=scorer, **IGNORE).fit(X, part, X_val=X, y_val=part)
        found, unknown = seen[-1], pd.isna(part)
        np.testing.assert_array_equal(pd.isna(found), unknown, err_msg=kind)
        assert (found[~unknown] == part[~unknown]).all()
        name = "r2" if cls is MLPRegressor else "accuracy"
        with pytest.raises(ValueError, match=f"scoring='{name}' does not support unknown targets"):
            cls(scoring=name, **IGNORE).fit(X, part, X_val=X, y_val=part)


def test_own_scorers_see_plain_arrays_where_all_of_their_samples_are_known():
    def scorer(estimator, rows, y, sample_weight=None):
        assert type(y) is np.ndarray
        return 0.0

    part, weights = BITS.astype(float), np.ones(len(X))
    part[3, 0], weights[3] = np.nan, 0
    own = {"X_val": X, "y_val": part, "sample_weight_val": weights}
    MLPClassifier(scoring=scorer, **IGNORE).fit(X, part, **own)
    for seed in range(3):  # which do not all hold that sample out
        options = {**IGNORE, "random_state": seed, "early_stopping": True}
        MLPClassifier(scoring=scorer, **options).fit(X, part)


def test_own_scorers_see_integers_that_floats_do_not_hold():
    seen = []

    def scorer(estimator, rows, y):
        seen.append(y)
        return 0.0

    MLPClassifier(scoring=scorer, **IGNORE).fit(X[:60], IDS, X_val=X[:60], y_val=IDS)
    assert seen[-1].tolist() == [value for value in IDS if value is not None]
    MLPClassifier(scoring=scorer, **IGNORE).fit(X[:60], PAIRS, X_val=X[:60], y_val=PAIRS)
    assert seen[-1].tolist() == PAIRS.tolist()

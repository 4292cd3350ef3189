"""Predictors of choices of columns and of searches."""

import numpy as np
import pandas as pd
import pytest
from running.frozen_wholes import SHORT, WORDS, X, Y, agree, both_dtypes, check, network
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - importing it enables
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from fusednn import MLPClassifier, NetworkRegressor, freeze
from fusednn.layers import Dense, Embedding, LayerNorm

RANDOM = np.random.default_rng(1)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]


# -- choices of columns ------------------------------------------------------------------

MASK = [False, True, False, True, True, False]
CHOICES = {
    "indices": ([("a", StandardScaler(), [4, 0, 2])], "drop"),
    "the rest stays": ([("a", StandardScaler(), [4, 0, 2])], "passthrough"),
    "the rest is scaled": ([("a", StandardScaler(), [4, 0])], MinMaxScaler(clip=True)),
    "slices": ([("a", RobustScaler(), slice(3, None)), ("b", "passthrough", slice(1))], "drop"),
    "a mask": ([("a", MinMaxScaler(), MASK), ("b", "drop", [0])], "passthrough"),
    "from the end": ([("a", MaxAbsScaler(), [-1, -3])], "drop"),
    "overlapping": ([("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [1, 0, 5])], "drop"),
    "twice the same": ([("a", "passthrough", [2, 2, 3])], "drop"),
    "all": ([("a", StandardScaler(), slice(0, None))], "drop"),
    "none of one": ([("a", StandardScaler(), []), ("b", RobustScaler(), [1])], "passthrough"),
    "identity": ([("a", FunctionTransformer(), [5, 1]), ("b", RobustScaler(), [2])], "drop"),
    "pipelines": (
        [("a", make_pipeline(RobustScaler(), MinMaxScaler(clip=True)), [3, 0])],
        make_pipeline("passthrough"),
    ),
    "within another": (
        [
            (
                "a",
                ColumnTransformer([("z", StandardScaler(), [1])], remainder="passthrough"),
                MASK,
            ),
            ("b", ColumnTransformer([("z", "drop", [1])], remainder=RobustScaler()), [0, 1, 5]),
        ],
        "drop",
    ),
}


@both_dtypes
@pytest.mark.parametrize("name", CHOICES)
def test_choices_of_columns(name, dtype):
    x, (parts, rest) = X.astype(dtype), CHOICES[name]
    choice = ColumnTransformer(parts, remainder=rest, transformer_weights={"a": 0.7})
    for model in (
        make_pipeline(choice, network()),
        make_pipeline(MinMaxScaler((1, 2)), Pipeline([("c", choice), ("s", None)]), network()),
    ):
        check(model.fit(x, Y[:, 0]), x)


def test_what_is_no_choice_costs_nothing():
    """Scalers and an order go into the first layer; only what is left out is a choice."""
    for name, count, is_chosen in (
        ("all", 2, False),
        ("the rest stays", 2, False),
        ("none of one", 2, False),
        ("the rest is scaled", 3, False),
        ("indices", 2, True),
        ("twice the same", 2, True),
    ):
        parts, rest = CHOICES[name]
        model = make_pipeline(ColumnTransformer(parts, remainder=rest), network())
        found = freeze(model.fit(X, Y[:, 0])).model()
        assert (len(found.ops), found.columns is not None) == (count, is_chosen), name


def test_choices_in_a_row():
    """A choice of what another has chosen, the last within a search."""
    first = ColumnTransformer([("a", StandardScaler(), [4, 0, 2])], remainder="drop")
    then = ColumnTransformer([("b", RobustScaler(), [2]), ("c", "passthrough", [0])])
    search = GridSearchCV(make_pipeline(then, network()), {"mlpregressor__alpha": [1]}, cv=2)
    predictor = check(make_pipeline(first, search).fit(X, Y[:, 0]), X)
    assert predictor.model().columns == (6, (2, 4))


@both_dtypes
def test_far_columns_stay_outside_in_float32(dtype):
    x = (X + np.array([0, 0, 2e4, 0, 0, 0])).astype(dtype)
    choice = ColumnTransformer([("a", StandardScaler(), [2, 1])], remainder="passthrough")
    check(make_pipeline(choice, network()).fit(x, Y), x)
    layers = [LayerNorm(), Dense(4, "tanh")]
    check(make_pipeline(choice, NetworkRegressor(layers, **SHORT)).fit(x, Y), x)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_columns_that_are_dropped_may_hold_anything(value):
    choice = ColumnTransformer([("a", StandardScaler(), [4, 0, 2])])
    model = make_pipeline(choice, network()).fit(X, Y[:, 0])
    predictor, odd, few = freeze(model), X.copy(), X[:3].copy()
    odd[::2, [1, 5]] = value
    for validate in (True, False):
        np.testing.assert_array_equal(
            predictor.predict(odd, validate=validate), predictor.predict(X)
        )
    agree(predictor.predict(odd), model.predict(odd), X.dtype)
    few[1, 2] = value
    for wrong in (few, X[:, :4], X[0, :4]):
        with pytest.raises(ValueError, match="X") as ours:
            predictor.predict(wrong)
        with pytest.raises(ValueError, match="X") as theirs:
            model.predict(np.atleast_2d(wrong))
        assert str(ours.value).split(".")[0] == str(theirs.value).split(".")[0]


@both_dtypes
def test_sparse_rows_of_which_columns_are_dropped(dtype):
    x = np.where(RANDOM.random((90, 6)) < 0.4, X, 0).astype(dtype)
    choice = ColumnTransformer([("a", MaxAbsScaler(), [4, 0, 2]), ("b", "passthrough", [4])])
    model = make_pipeline(choice, network()).fit(x, Y)
    predictor = freeze(model)
    for made in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        rows = made(x)
        np.testing.assert_array_equal(predictor.predict(rows), predictor.predict(x))
        agree(predictor.predict(rows), model.predict(sparse.csr_array(x)), dtype)
        for count in (4, 5):  # as many as are read, too
            with pytest.raises(ValueError, match="expecting 6 features"):
                predictor.predict(made(x[:, :count]))


def test_frames_with_words():
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(b=WORDS)
    for columns in (["f", "a"], make_column_selector("[ad-f]"), lambda table: ["a", "c"]):
        choice = ColumnTransformer([("s", StandardScaler(), columns)])
        model = make_pipeline(choice, network()).fit(frame, Y[:, 0])
        predictor = freeze(model)
        agree(predictor.predict(frame), model.predict(frame), X.dtype)
        agree(predictor.predict(frame.to_numpy()[3]), model.predict(frame[3:4]), X.dtype)
        assert list(predictor.feature_names_in_) == list("abcdef")
        # by their names, and what is dropped may be missing, or there may be more
        for other in (frame[list("fedcba")], frame.drop(columns="b").assign(z="z")):
            agree(predictor.predict(other), model.predict(other), X.dtype)
            np.testing.assert_array_equal(predictor.predict(other), predictor.predict(frame))
        for read in (frame[["b"]], frame.rename(columns={"a": "A"})):
            with pytest.raises(ValueError, match=r"columns are missing: \{'a'|\{.*'a'"):
                predictor.predict(read)
    turned = ColumnTransformer([("s", StandardScaler(), ["f", "a"])], remainder="passthrough")
    model = make_pipeline(turned, network()).fit(frame.drop(columns="b"), Y[:, 0])
    agree(freeze(model).predict(frame[list("fedcba")]), model.predict(frame), X.dtype)
    model = make_pipeline(StandardScaler(), turned.set_output(transform="pandas"), network())
    model[0].set_output(transform="pandas")
    model.fit(frame.drop(columns="b"), Y[:, 0])
    agree(
        freeze(model).predict(frame[list("acdef")]), model.predict(frame[list("acdef")]), X.dtype
    )
    with pytest.raises(ValueError, match="same order"):
        freeze(model).predict(frame[list("fedca")])


@both_dtypes
def test_codes_pass_by_the_scalers(dtype):
    x = np.hstack([X, RANDOM.integers(0, 4, (90, 2))]).astype(dtype)
    for codes, parts in (([3, 4], [0, 1, 2]), ([1, 0], [5])):
        choice = ColumnTransformer(
            [("s", StandardScaler(), parts), ("c", "passthrough", [7, 6])][
                :: 1 if 3 in codes else -1
            ]
        )
        layers = [Embedding(codes), Dense(4, "tanh")]
        model = make_pipeline(choice, NetworkRegressor(layers, standardize=True, **SHORT))
        check(model.fit(x, Y), x)
    far = x + np.array([1e5] * 6 + [0] * 2, dtype)
    check(model.fit(far, Y), far)
    scaled = make_pipeline(MinMaxScaler((0, 6)), NetworkRegressor([Embedding([0, 1])], **SHORT))
    with pytest.raises(TypeError, match=r"cannot scale the codes of an Embedding.*Transformer\."):
        freeze(scaled.fit(x[:, [6, 7, 0]], Y))


# -- searches and other estimators that hold some ----------------------------------------


@pytest.mark.parametrize("kind", [GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV])
def test_searches(kind):
    model = make_pipeline(StandardScaler(), MLPClassifier((4,), **SHORT))
    options = {"n_iter": 2} if kind is RandomizedSearchCV else {}
    search = kind(model, {"mlpclassifier__alpha": [1e-4, 1e-2]}, cv=2, **options)
    with pytest.raises(NotFittedError):
        freeze(search)
    predictor = check(search.fit(X, WORDS), X)
    np.testing.assert_array_equal(predictor.classes_, search.classes_)


def test_searches_by_several_scores():
    grid = {"alpha": [1e-4, 1e-2]}
    scores = ["accuracy", "neg_log_loss"]
    search = GridSearchCV(MLPClassifier((4,), **SHORT), grid, scoring=scores, refit=False, cv=2)
    with pytest.raises(TypeError, match=r"GridSearchCV has no best_estimator_.*refit=True"):
        freeze(search.fit(X, WORDS))
    check(search.set_params(refit="neg_log_loss").fit(X, WORDS), X)


@pytest.mark.parametrize(
    "holder",
    [
        CalibratedClassifierCV(MLPClassifier((4,), **SHORT), cv=2),
        VotingClassifier([("a", MLPClassifier((4,), **SHORT))]),
        BaggingClassifier(MLPClassifier((4,), **SHORT), n_estimators=2),
    ],
    ids=lambda one: type(one).__name__,
)
def test_other_holders_are_refused(holder):
    with pytest.raises(
        TypeError, match=r"(?s)GridSearchCV.*got.*Freeze the networks in it, each by"
    ):
        freeze(holder.fit(X, WORDS))
    with pytest.raises(
        TypeError, match=r"(?s)got MultiOutputRegressor.*Freeze the networks in it"
    ):
        freeze(MultiOutputRegressor(network()).fit(X, Y))


def test_other_transformers_are_refused():
    choice = ColumnTransformer([("a", OneHotEncoder(), [0])], remainder="passthrough")
    x = np.hstack([np.arange(90)[:, np.newaxis] % 3, X])
    with pytest.raises(TypeError, match=r"got OneHotEncoder.*Transform X by it first"):
        freeze(make_pipeline(choice, network()).fit(x, Y))
    logarithms = FunctionTransformer(np.log1p, np.expm1)
    with pytest.raises(TypeError, match=r"got FunctionTransformer.*log1p.*Transform X by it"):
        freeze(make_pipeline(logarithms, network()).fit(abs(X), Y))
    with pytest.raises(NotFittedError):
        freeze(make_pipeline(ColumnTransformer([("a", "passthrough", [0])]), network()))

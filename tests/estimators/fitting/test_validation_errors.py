"""What is refused of a validation set and its scores, and by which name."""

import pickle

import numpy as np
import pytest
from sklearn.metrics import make_scorer, precision_score

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor
from fusednn.layers import Embedding

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
Y = X[:, 0]
TWO = np.c_[Y, Y]
NAMES = np.array(["a", "b", "c"])[np.arange(60) % 3]
COLUMNS = np.array([NAMES, np.arange(60) % 2], object).T
GAPS = np.where(np.arange(60)[:, np.newaxis] == 7, np.nan, X)
SOME = NAMES != "c"
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(cls=MLPRegressor, **params):
    sizes = {"hidden_layer_sizes": (3,)} if cls is MLPRegressor else {}
    return cls(**{"max_iter": 2, "random_state": 0, **sizes, **params})


def classifier(**params):
    return MLPClassifier((3,), **{"max_iter": 2, "random_state": 0, **params})


def assert_refused(model, words, *data, error=ValueError, **given):
    before = pickle.dumps(vars(model)) if model.scoring is None else sorted(vars(model))
    with pytest.raises(error, match=words) as caught:
        model.fit(*data, **given)
    after = pickle.dumps(vars(model)) if model.scoring is None else sorted(vars(model))
    assert after == before
    return caught.value


# -- scores that are undefined -----------------------------------------------------------


@pytest.mark.parametrize("cls", [MLPRegressor, NetworkRegressor])
@pytest.mark.parametrize("early", [False, True])
def test_r2_of_one_sample(cls, early, capsys):
    model = regressor(cls, early_stopping=early, verbose=True)
    words = "^scoring=None cannot be computed on the validation set"
    assert_refused(model, words, X, Y, X_val=X[:1], y_val=Y[:1])
    weights = np.array([1.0, 0.0])
    given = {"X_val": X[:2], "y_val": Y[:2], "sample_weight_val": weights}
    assert_refused(model, words, X, Y, **given)
    assert capsys.readouterr().out == ""
    model.set_params(scoring="loss", verbose=False).fit(X, Y, X_val=X[:1], y_val=Y[:1])
    assert np.isfinite(model.validation_scores_).all()


def test_r2_of_too_few_known():
    model = regressor(missing_targets="ignore")
    words = "^scoring=None cannot be computed on the validation set"
    assert_refused(model, words, X, TWO, X_val=X[:2], y_val=[[1, np.nan], [np.nan, 2.0]])
    model.fit(X, TWO, X_val=X[:2], y_val=[[1, np.nan], [2.0, np.nan]])
    assert np.isfinite(model.validation_scores_).all()
    one_each = np.where(np.eye(60), Y, np.nan)  # whatever part is held out
    assert_refused(model.set_params(early_stopping=True), words, X, one_each)


BINARY = ["precision", "jaccard", "roc_auc", make_scorer(precision_score, average="binary")]


@pytest.mark.parametrize("scoring", BINARY, ids=str)
@pytest.mark.parametrize("y", [NAMES, np.arange(60) % 3], ids=["words", "numbers"])
def test_a_scorer_that_never_takes_several_classes(scoring, y):
    """Classes that a validation set lacks are not to blame, nor do they hide it."""
    words = r"^scoring=.* cannot be computed on the validation set: .*multi.*Choose another"
    model = classifier(scoring=scoring)
    found = assert_refused(model, words, X, y, X_val=X[SOME], y_val=y[SOME])
    assert "all classes" not in str(found)
    assert_refused(model, words, X, y, X_val=X, y_val=y)


# -- what scorers do ---------------------------------------------------------------------


@pytest.mark.parametrize("found", ["text", "0.5", None, np.ones(2), [1, [2]], 1j], ids=repr)
def test_a_scorer_that_returns_no_number(found):
    model = regressor(scoring=lambda *data: found, early_stopping=True)
    assert_refused(model, "^scoring must return a number, got ", X, Y)


@pytest.mark.parametrize("found", [1, True, np.float32(1), np.array(1.0)], ids=repr)
def test_a_scorer_that_returns_one(found):
    model = regressor(scoring=lambda *data: found, early_stopping=True).fit(X, Y)
    assert model.validation_scores_ == [1.0, 1.0]


class Stop(Exception):
    pass


def test_a_scorer_that_fails():
    def scorer(error):
        calls = []

        def score(*data):
            calls.append(data)
            if len(calls) == 2:
                raise error
            return 0.0

        return score

    words = "^scoring=<function .* failed in pass 2: what it says$"
    for kind in (ValueError, TypeError, RuntimeError):
        error = kind("what it says")
        model = regressor(scoring=scorer(error), early_stopping=True)
        assert assert_refused(model, words, X, Y, error=kind).__cause__ is error
    error = Stop(1, 2)  # of the user's own: as it is
    model = regressor(scoring=scorer(error), early_stopping=True)
    assert assert_refused(model, None, X, Y, error=Stop) is error
    model = regressor(scoring="neg_mean_poisson_deviance", learning_rate_init=9.0)
    given = {"X_val": X, "y_val": abs(Y) + 0.1}
    words = "^scoring='neg_mean_poisson_deviance' failed in pass 1: "
    assert_refused(model, words, X, -abs(Y) - 9, **given)


# -- names -------------------------------------------------------------------------------

BAD = {
    "NaN in X_val": (X, Y, {"X_val": GAPS, "y_val": Y}),
    "NaN in y_val": (X, Y, {"X_val": X, "y_val": GAPS[:, 0]}),
    "columns": (X, Y, {"X_val": X[:, :2], "y_val": Y}),
    "rows": (X, Y, {"X_val": X, "y_val": Y[:5]}),
    "a vector": (X, Y, {"X_val": Y, "y_val": Y}),
    "several targets": (X, Y, {"X_val": X, "y_val": TWO}),
    "words": (X, Y, {"X_val": X, "y_val": NAMES}),
    "new label": (X, NAMES, {"X_val": X, "y_val": np.where(Y > 0, "z", NAMES)}),
    "other kind": (X, NAMES, {"X_val": X, "y_val": np.eye(3)[np.arange(60) % 3]}),
}


@pytest.mark.parametrize("name", BAD)
def test_the_validation_set_is_named(name):
    *data, given = BAD[name]
    model = regressor() if data[1] is Y else classifier()
    assert_refused(model, r"^In the validation set \(X_val, y_val\): ", *data, **given)


def test_sample_weight_val_is_named():
    given = {"X_val": X, "y_val": Y}
    for weights in (Y[:5], GAPS[:, 0], ["a"] * 60):
        words = "^In sample_weight_val: "
        assert_refused(regressor(), words, X, Y, sample_weight_val=weights, **given)
    words = "^The weights of the validation set sum to inf: give weights whose sum is finite"
    for dtype, value in (("float64", 1e308), ("float32", 1e38)):
        given["sample_weight_val"] = np.full(60, value)
        assert_refused(regressor(dtype=dtype), words, X, Y, **given)


def test_the_column_is_named():
    other = COLUMNS.copy()
    other[3, 1] = 9
    model = classifier().fit(X, COLUMNS)
    assert_refused(model, r"y_val\): Column 1 of y: ", X, COLUMNS, X_val=X, y_val=other)
    with pytest.raises(ValueError, match=r"^Column 1 of y: `y` has classes not in"):
        model.partial_fit(X, other)
    positive = abs(TWO)
    given = {"X_val": X, "y_val": np.c_[abs(Y), Y]}
    words = r"^In the validation set .* in column 1\.$"
    assert_refused(regressor(loss="poisson"), words, X, positive, **given)


def test_weights_too_small_to_divide_by():
    for model, value in (
        (regressor(), 1e-320),
        (regressor(solver="lbfgs"), 1e-320),
        (regressor(dtype="float32"), 1e-40),
    ):
        words = "^The weights of the samples to train on, .*too small for float"
        assert_refused(model, words, X, Y, np.full(60, value))


def test_classes_of_several_kinds():
    for y, classes, words in (
        (COLUMNS, [["a", "b", "c", None], [0, 1]], "^Column 0 of classes must have labels"),
        (NAMES, ["a", "b", "c", None], "^classes must be all words or all numbers"),
    ):
        model = classifier()
        with pytest.raises(ValueError, match=words):
            model.partial_fit(X, y, classes=classes)
        assert not hasattr(model, "classes_")
    model = classifier().partial_fit(X, COLUMNS, classes=[["a", "b", "c"], [0, 1]])
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        model.partial_fit(X, COLUMNS, classes=[["a", None], [0, 1]])


@pytest.mark.parametrize("categories", [10**15, 10**19])
def test_a_table_that_memory_cannot_hold(categories):
    rows, model = (
        np.c_[np.arange(60) % 3, X],
        NetworkClassifier([Embedding([0], categories=[categories])], max_iter=1),
    )
    for call in (model.fit, lambda X, y: model.partial_fit(X, y, classes=["a", "b", "c"])):
        with pytest.raises(MemoryError, match=r"^Embedding\(.* parameters, which take .* MB"):
            call(rows, NAMES)

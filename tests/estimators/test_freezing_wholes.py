"""Predictors of what holds a network: choices of columns, searches, transformed targets."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import neural_network
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
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
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from fusednn import MLPClassifier, MLPRegressor, NetworkRegressor, freeze, load
from fusednn.layers import Dense, Embedding, LayerNorm
from fusednn.losses import Gaussian, Quantile

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]


def grid(core, names):
    """Names as parameters; those beyond the core are for the long run."""
    return [name if name in core else pytest.param(name, marks=pytest.mark.long) for name in names]


both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(3, 2, (90, 6))
Y = np.exp(X[:, :2] / 3) @ [[1.0, 2.0], [0.5, 30.0]]
WORDS = np.array(["a", "b", "c"])[np.arange(90) % 3]
SHORT = {"max_iter": 3, "random_state": 0, "n_jobs": 1}


def network(loss="squared_error", **options):
    return MLPRegressor(loss, (5,), **SHORT, **options)


def agree(ours, theirs, dtype):
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def check(model, x):
    """The predictor agrees with the whole, and a row's bits do not depend on how it comes."""
    predictor = freeze(model)
    assert predictor.n_features_in_ == x.shape[1]
    answer = predictor.predict_proba if hasattr(model, "predict_proba") else predictor.predict
    theirs = model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)
    whole = answer(x)
    agree(whole, theirs, x.dtype)
    for rows in range(9):
        np.testing.assert_array_equal(answer(x[rows]), whole[rows : rows + 1])
    np.testing.assert_array_equal(answer(np.asfortranarray(x)[7:70]), whole[7:70])
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(predictor)).predict(x), predictor.predict(x)
    )
    return predictor


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


# -- transformed targets -----------------------------------------------------------------

LINEAR = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    MinMaxScaler((-1, 2), clip=True),
    MaxAbsScaler(),
    RobustScaler(with_centering=False),
    make_pipeline(RobustScaler(), "passthrough", MinMaxScaler()),
]
FUNCTIONS = [(np.log1p, np.expm1), (np.log, np.exp), (np.sqrt, np.square), (None, None)]
TARGETS = {"one": Y[:, 0], "two": Y, "a column": Y[:, :1]}
REGRESSORS = {
    "ours": network(),
    "layers": NetworkRegressor([Dense(5, "relu"), LayerNorm()], **SHORT),
    "pipeline": make_pipeline(StandardScaler(), network()),
    "scikit-learn's": neural_network.MLPRegressor("squared_error", (5,), max_iter=3),
}


@both_dtypes
@pytest.mark.parametrize("targets", grid(["two"], TARGETS))
@pytest.mark.parametrize("transformer", LINEAR, ids=str)
def test_linear_inverses_are_folded(transformer, targets, dtype):
    x = X.astype(dtype)
    model = TransformedTargetRegressor(network(), transformer=transformer)
    predictor = check(model.fit(x, TARGETS[targets]), x)
    assert len(predictor.model().ops) == 2
    np.testing.assert_array_equal(
        predictor(x).reshape(predictor.predict(x).shape), predictor.predict(x)
    )


@both_dtypes
@pytest.mark.parametrize("name", grid(["pipeline"], REGRESSORS))
@pytest.mark.parametrize("functions", FUNCTIONS, ids=str)
def test_functions_back(functions, name, dtype):
    x = X.astype(dtype)
    func, inverse = functions
    model = TransformedTargetRegressor(REGRESSORS[name], func=func, inverse_func=inverse)
    for y in TARGETS.values():
        predictor = check(model.fit(x, y), x)
        out = np.empty((len(x), y.size // len(y)), dtype)
        found = predictor.predict(x, out=out)
        np.testing.assert_array_equal(out.reshape(found.shape), predictor.predict(x))


@both_dtypes
def test_far_targets_stay_exact_in_float32(dtype):
    x, far = X.astype(dtype), Y + np.array([1e6, -1e4])
    model = TransformedTargetRegressor(network(), transformer=StandardScaler())
    predictor = freeze(model.fit(x, far))
    assert len(predictor.model().ops) == (3 if dtype == np.float32 else 2)
    theirs = model.predict(x)
    check(model, x)
    spread = theirs - theirs.mean(axis=0)  # in units in the last place of the far values
    error = (predictor.predict(x) - theirs.mean(axis=0)) - spread
    assert np.abs(error).max() <= 2 * np.spacing(np.abs(theirs).max())


@both_dtypes
def test_functions_behind_scalers_and_losses(dtype):
    x = X.astype(dtype)
    both = make_pipeline(FunctionTransformer(np.log1p, np.expm1), RobustScaler())
    for loss, transformer, y in (
        ("squared_error", both, Y),
        ("huber", both, Y[:, 0]),
        (Quantile((0.1, 0.5, 0.9)), both, Y[:, 0]),
        (Quantile((0.5,)), StandardScaler(), Y),
        ("poisson", FunctionTransformer(np.log1p, np.expm1), Y / 9),
        ("poisson", MaxAbsScaler(), Y),
        ("gamma", StandardScaler(with_mean=False), Y[:, :1]),
        ("gaussian", both, Y),
        ("gaussian", StandardScaler(), Y[:, :1]),
    ):
        model = TransformedTargetRegressor(
            network(loss, standardize=True), transformer=transformer
        )
        check(model.fit(x, y), x)
    nested = TransformedTargetRegressor(
        TransformedTargetRegressor(network(), func=np.log, inverse_func=np.exp),
        transformer=FunctionTransformer(),
    )
    check(GridSearchCV(nested, {"regressor__regressor__alpha": [1]}, cv=2).fit(x, Y[:, 0]), x)


def test_quantiles_of_several_targets_are_each_scaled_back():
    """scikit-learn's own predict refuses three axes: those of the network, by hand."""
    scaler = StandardScaler()
    model = TransformedTargetRegressor(network(Quantile((0.1, 0.5))), transformer=scaler)
    within = model.fit(X, Y).regressor_.predict(X)
    scaler = model.transformer_
    expected = within * scaler.scale_[:, np.newaxis] + scaler.mean_[:, np.newaxis]
    agree(freeze(model).predict(X), expected, X.dtype)


REFUSED = {
    "lambda": (FunctionTransformer(np.log, lambda y: np.exp(y)), r"by <function.*np\.expm1"),
    "other function": (FunctionTransformer(np.arcsinh, np.sinh), r"by <ufunc 'sinh'>.*predicts\."),
    "power": (PowerTransformer(), r"by PowerTransformer\(\).*StandardScaler.*predicts\."),
    "quantiles": (QuantileTransformer(n_quantiles=9), r"by QuantileTransformer"),
    "before the function": (
        make_pipeline(MinMaxScaler(), FunctionTransformer(np.log1p, np.expm1)),
        r"the inverse of MinMaxScaler\(\) behind expm1.*after the function",
    ),
    "two functions": (
        make_pipeline(*[FunctionTransformer(np.log1p, np.expm1)] * 2),
        r"by expm1 behind expm1",
    ),
    "arguments": (
        FunctionTransformer(np.log, np.exp, inv_kw_args={"dtype": "float64"}),
        r"by <ufunc 'exp'>",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_ways_back_are_refused(name):
    transformer, words = REFUSED[name]
    model = TransformedTargetRegressor(network(), transformer=transformer, check_inverse=False)
    with pytest.raises(TypeError, match=words):
        freeze(model.fit(X, Y))
    with pytest.raises(NotFittedError):
        freeze(TransformedTargetRegressor(network()))
    shifted = TransformedTargetRegressor(network("poisson"), transformer=MinMaxScaler())
    with pytest.raises(TypeError, match=r"MinMaxScaler\(\) behind .* exponentials"):
        freeze(shifted.fit(X, Y))


class Doubled(TransformedTargetRegressor):
    def predict(self, X, **params):
        return 2 * super().predict(X, **params)


class Least(GridSearchCV):
    def predict(self, X):
        return np.minimum(super().predict(X), 0)


def test_methods_of_ones_own_would_be_lost():
    with pytest.raises(TypeError, match="Doubled has a predict of its own"):
        freeze(Doubled(network()).fit(X, Y))
    with pytest.raises(TypeError, match="Least has a predict of its own"):
        freeze(Least(network(), {"alpha": [1]}, cv=2).fit(X, Y))


@pytest.mark.parametrize(("weights", "part"), [("bfloat16", 0.02), (None, 1e-10)])
def test_rounded_weights(weights, part):
    """The choice and the way back are those of the network that is not rounded."""
    choice = ColumnTransformer([("a", StandardScaler(), [4, 0, 2])])
    model = make_pipeline(choice, network())
    model = TransformedTargetRegressor(model, func=np.sqrt, inverse_func=np.square).fit(X, Y)
    predictor, theirs = freeze(model, weights=weights), model.predict(X)
    assert predictor.n_features_in_ == 6
    np.testing.assert_allclose(predictor.predict(X), theirs, rtol=0, atol=part * theirs.max())


# -- deviations --------------------------------------------------------------------------


@both_dtypes
@pytest.mark.parametrize("targets", TARGETS)
def test_deviations(targets, dtype, tmp_path):
    x, y = X.astype(dtype), TARGETS[targets]
    model = make_pipeline(StandardScaler(), network("gaussian")).fit(x, y)
    predictor, theirs = freeze(model), model.predict(x, return_std=True)
    predictor.save(tmp_path / "model")
    for found in (predictor, load(tmp_path / "model")):
        ours = found.predict(x, return_std=True)
        for one, other in zip(ours, theirs, strict=True):
            agree(one, other, dtype)
        np.testing.assert_array_equal(ours[0], found.predict(x))
        for row in range(5):
            for one, other in zip(found.predict(x[row], return_std=True), ours, strict=True):
                np.testing.assert_array_equal(one, other[row : row + 1])
    network_alone = model[-1]
    network_alone.save(tmp_path / "estimator")
    scaled = model[0].transform(x)
    for one, other in zip(
        load(tmp_path / "estimator").predict(scaled, return_std=True), theirs, strict=True
    ):
        agree(one, other, dtype)


@both_dtypes
@pytest.mark.parametrize("targets", TARGETS)
def test_deviations_of_scaled_targets(targets, dtype):
    """A linear way back scales them, and the least variance too; scikit-learn has no way."""
    x, y = X.astype(dtype), TARGETS[targets]
    for loss in ("gaussian", Gaussian(4.0)):
        model = TransformedTargetRegressor(network(loss), transformer=StandardScaler()).fit(x, y)
        mean, std = freeze(model).predict(x, return_std=True)
        _, within = model.regressor_.predict(x, return_std=True)
        agree(mean, model.predict(x), dtype)
        scale = model.transformer_.scale_.astype(dtype)
        agree(std, (within.reshape(len(x), -1) * scale).reshape(mean.shape), dtype)


def test_deviations_that_are_not_there(tmp_path):
    gaussian = network("gaussian").fit(X, Y[:, 0])
    predictor = freeze(gaussian)
    with pytest.raises(ValueError, match=r"out must be None with return_std=True"):
        predictor.predict(X, out=np.empty((90, 2)), return_std=True)
    for other in (network().fit(X, Y), MLPClassifier((4,), **SHORT).fit(X, WORDS)):
        with pytest.raises(ValueError, match=r"return_std=True needs .*loss='gaussian'"):
            freeze(other).predict(X, return_std=True)
    with pytest.raises(ValueError, match="MLPClassifier is a classifier"):
        freeze(other).predict(X, return_std=True)
    model = TransformedTargetRegressor(network("gaussian"), func=np.log, inverse_func=np.exp)
    with pytest.raises(ValueError, match=r"return_std=True cannot be had behind exp,.*within"):
        freeze(model.fit(X, Y)).predict(X, return_std=True)

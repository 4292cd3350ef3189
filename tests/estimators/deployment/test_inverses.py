"""Predictors of transformed targets, and of deviations: answers in the units of the targets."""

import numpy as np
import pytest
from running.frozen_wholes import SHORT, WORDS, X, Y, agree, both_dtypes, check, grid, network
from sklearn import neural_network
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - importing it enables
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from fusednn import MLPClassifier, NetworkRegressor, freeze, load
from fusednn.layers import Dense, LayerNorm
from fusednn.losses import Gaussian, Quantile

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]


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

"""Predictors of every estimator that can be frozen agree with it."""

import numpy as np
import pytest
from running.frozen_networks import (
    BLOCK,
    MANY,
    NAMES,
    OWN,
    X,
    both_dtypes,
    check_bits,
    check_classifier,
    close,
)
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import fusednn
from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor, freeze
from fusednn.layers import (
    Activation,
    BatchNorm,
    Dense,
    Embedding,
    LayerNorm,
    RMSNorm,
)
from fusednn.losses import Gaussian, Quantile

RANDOM = np.random.RandomState(1)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BINARY = (X[:, 0] > 3).astype(int)
LABELS = (X[:, :3] > 3).astype(int)
COLUMNS = np.stack([NAMES, np.where(X[:, 2] > 2, "yes", "no")], axis=1)
VALUES = X[:, :2] @ [[1.0, 2.0], [-1.0, 0.5]]
CLASSIFIERS = {
    "binary": (MLPClassifier((9, 5), **MANY), BINARY),
    "bools": (MLPClassifier((9, 5), **MANY), BINARY.astype(bool)),
    "one class": (MLPClassifier((9,), **MANY), np.full(len(X), 7)),
    "names": (MLPClassifier((9,), **MANY), NAMES),
    "labels": (MLPClassifier((9,), **MANY), LABELS),
    "columns": (MLPClassifier((9,), **MANY), COLUMNS),
    "normalised": (MLPClassifier((9, 9), normalization="batch", standardize=True, **OWN), NAMES),
    "no hidden layer": (MLPClassifier((), **MANY), NAMES),
    "wide": (MLPClassifier((300, 70), activation="gelu", **MANY), NAMES),
    "layers": (NetworkClassifier([BLOCK, LayerNorm(), Activation("silu")], **OWN), NAMES),
    "norms": (NetworkClassifier([BatchNorm(), Activation("elu"), RMSNorm()], **OWN), BINARY),
    "weight norm": (NetworkClassifier([Dense(7, "relu", weight_norm=True)], **OWN), NAMES),
    "scikit-learn's binary": (neural_network.MLPClassifier((9, 5), **MANY), BINARY),
    "scikit-learn's names": (neural_network.MLPClassifier((9,), "tanh", **MANY), NAMES),
    "scikit-learn's labels": (neural_network.MLPClassifier((9,), "logistic", **MANY), LABELS),
}
REGRESSORS = {
    "one": (MLPRegressor(hidden_layer_sizes=(9,), **MANY), VALUES[:, 0]),
    "two": (MLPRegressor(hidden_layer_sizes=(9,), dropout=0.2, **MANY), VALUES),
    "poisson": (MLPRegressor("poisson", (9,), **MANY), abs(VALUES)),
    "gaussian": (MLPRegressor(Gaussian(), (9,), **MANY), VALUES),
    "quantiles": (MLPRegressor(Quantile((0.1, 0.5, 0.9)), (9,), **MANY), VALUES),
    "quantiles of one": (MLPRegressor(Quantile((0.1, 0.5)), (9,), **MANY), VALUES[:, 0]),
    "a quantile": (MLPRegressor(Quantile((0.3,)), (9,), **MANY), VALUES),
    "layers": (NetworkRegressor([BLOCK, BLOCK], standardize=True, **OWN), VALUES),
    "scikit-learn's": (neural_network.MLPRegressor("squared_error", (9,), **MANY), VALUES),
    "scikit-learn's poisson": (
        neural_network.MLPRegressor("poisson", (9,), **MANY),
        abs(VALUES[:, 0]),
    ),
}


@pytest.mark.thinned
@both_dtypes
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name, dtype):
    model, y = CLASSIFIERS[name]
    x = X.astype(dtype)
    p, answer = check_classifier(model.fit(x, y), x)
    check_bits(p, answer, x)
    if isinstance(model, fusednn.MLPClassifier | fusednn.NetworkClassifier):
        close(p(x), model.predict_logits(x), dtype)


@pytest.mark.thinned
@both_dtypes
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name, dtype):
    model, y = REGRESSORS[name]
    x = X.astype(dtype)
    p = freeze(model.fit(x, y))
    close(p.predict(x), model.predict(x), dtype)
    with pytest.raises(AttributeError, match="is a regressor"):
        p.predict_proba(x)
    check_bits(p, p.predict, x)
    if name in ("one", "two"):
        np.testing.assert_array_equal(p(x).reshape(p.predict(x).shape), p.predict(x))


@both_dtypes
def test_embedding(dtype):
    codes = RANDOM.randint(0, 5, size=(211, 2))
    x = np.hstack([codes, X[:, :3]]).astype(dtype)
    model = NetworkClassifier([Embedding([0, 1]), Dense(8, "relu")], standardize=True, **OWN)
    p, answer = check_classifier(model.fit(x, NAMES), x)
    check_bits(p, answer, x)
    for code in (-1, 5, 1.5, np.nan, np.inf):
        x[3, 1] = code
        with pytest.raises(ValueError, match="X") as ours:
            p.predict(x)
        with pytest.raises(ValueError, match="X") as theirs:
            model.predict(x)
        assert str(ours.value) == str(theirs.value)
    p.predict(x, validate=False)
    x[3, 1] = 0
    still = StandardScaler(with_mean=False, with_std=False)
    check_classifier(make_pipeline(still, model).fit(x, NAMES), x)
    with pytest.raises(TypeError, match="codes of an Embedding"):
        freeze(make_pipeline(MinMaxScaler((0, 12)), model).fit(x, NAMES))


def test_real_data():
    x, y = load_iris(return_X_y=True)
    model = neural_network.MLPClassifier((50,), max_iter=300, random_state=0).fit(x, y)
    check_classifier(model, x)
    x, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), MLPRegressor(max_iter=30, random_state=0)).fit(x, y)
    close(freeze(model).predict(x), model.predict(x), np.float64)


# -- what it refuses ---------------------------------------------------------------------


def test_refused():
    with pytest.raises(NotFittedError):
        freeze(MLPClassifier())
    with pytest.raises(NotFittedError):
        freeze(neural_network.MLPRegressor())
    with pytest.raises(NotFittedError):
        freeze(make_pipeline(StandardScaler(), MLPClassifier()))
    with pytest.raises(TypeError, match=r"a fitted fusednn estimator is needed.*Logistic"):
        freeze(LogisticRegression())
    with pytest.raises(TypeError, match=r"a fitted fusednn estimator is needed.*Logistic"):
        freeze(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, NAMES))
    with pytest.raises(TypeError, match=r"Pipeline of StandardScaler.*PCA.*Transform X by it"):
        freeze(make_pipeline(PCA(2), MLPClassifier(**MANY)).fit(X, NAMES))
    with pytest.raises(TypeError, match="no estimator"):
        freeze(Pipeline([("nothing", "passthrough")]))


class Turned(MLPClassifier):
    def predict_proba(self, X):
        return super().predict_proba(X)[:, ::-1]


class TheirsDoubled(neural_network.MLPRegressor):
    def predict(self, X):
        return 2 * super().predict(X)


class Plain(MLPClassifier):
    """Nothing new."""


def test_methods_of_ones_own_would_be_lost():
    with pytest.raises(TypeError, match="Turned has a predict_proba of its own"):
        freeze(Turned(**MANY).fit(X, NAMES))
    with pytest.raises(TypeError, match="TheirsDoubled has a predict of its own"):
        freeze(make_pipeline(StandardScaler(), TheirsDoubled(**MANY)).fit(X, VALUES))
    check_classifier(Plain(**MANY).fit(X, NAMES), X)


def test_it_stays_as_it_was():
    """What happens to the estimator afterwards is not seen."""
    model = MLPClassifier((9,), **MANY).fit(X, NAMES)
    p, before = freeze(model), model.predict_proba(X)
    model.coefs_[0][:] = 0
    model.fit(X, BINARY)
    np.testing.assert_array_equal(p.predict_proba(X), before)

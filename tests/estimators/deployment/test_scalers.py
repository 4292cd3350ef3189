"""Scalers before a network: folded into its weights where that is exact, kept where not."""

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
)
from sklearn import neural_network
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from fusednn import MLPClassifier, NetworkClassifier, freeze
from fusednn.graph.layers.rescale import Rescale

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler((-1, 2)),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False, with_scaling=False),
]


@both_dtypes
@pytest.mark.parametrize("scaler", SCALERS, ids=str)
@pytest.mark.parametrize(
    "network",
    [MLPClassifier((9,), **MANY), neural_network.MLPClassifier((9,), **MANY)],
    ids=["ours", "scikit-learn's"],
)
def test_scalers_are_folded(network, scaler, dtype):
    x = X.astype(dtype)
    model = Pipeline([("scale", scaler), ("nothing", "passthrough"), ("net", network)])
    p, answer = check_classifier(model.fit(x, NAMES), x)
    assert len(p.model().ops) == 2
    check_bits(p, answer, x)


def exact(model):
    return [op for op in freeze(model).model().ops if isinstance(op, Rescale)]


@both_dtypes
@pytest.mark.parametrize("scaler", [MinMaxScaler(clip=True), MinMaxScaler((2, 3), clip=True)])
def test_clipping_scalers_stay(scaler, dtype):
    x = X.astype(dtype)
    model = make_pipeline(scaler, MLPClassifier((9,), **MANY)).fit(x[:50], NAMES[:50])
    assert len(exact(model)) == 1
    check_classifier(model, x * 3)


@pytest.mark.parametrize("distance", [100, 2e4])
def test_far_data_stay_outside_in_float32(distance):
    """Where the mean is many deviations, float32 has not the digits to fold it."""
    far = X + distance * np.arange(6)
    for dtype, count in ((np.float32, 1), (np.float64, 0)):
        x = far.astype(dtype)
        model = make_pipeline(StandardScaler(), MLPClassifier((9,), **MANY)).fit(x, NAMES)
        assert len(exact(model)) == count
        check_classifier(model, x)
    x = far.astype(np.float32)
    model = make_pipeline(MaxAbsScaler(), MinMaxScaler(), MLPClassifier((9,), **MANY))
    assert len(exact(model.fit(x, NAMES))) == 2
    check_classifier(model, x)


def test_scaling_before_what_is_not_dense():
    model = make_pipeline(StandardScaler(), NetworkClassifier([BLOCK], **OWN)).fit(X, NAMES)
    assert len(exact(model)) == 1
    check_classifier(model, X)


def test_scalers_of_ones_own_are_not_known():
    """They may transform in a way of their own."""

    class Logarithms(StandardScaler):
        def transform(self, X, copy=None):
            return super().transform(np.log1p(abs(X)), copy)

    model = make_pipeline(Logarithms(), MLPClassifier(**MANY)).fit(X, NAMES)
    with pytest.raises(TypeError, match="Logarithms"):
        freeze(model)

"""Windows over series: values, and fits and predictions that do not copy them."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fusednn import MLPRegressor, NetworkRegressor, freeze
from fusednn.layers import Conv1D, Dense, Flatten, GlobalAvgPool
from fusednn.series import windows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.RandomState(0)


@pytest.mark.parametrize("shape", [(20,), (20, 3)], ids=["one", "several features"])
def test_windows_are_views_of_their_steps(shape):
    series = RANDOM.normal(size=shape)
    X, y = windows(series, 6, 4)
    assert X.shape == (11, 6, *shape[1:])
    assert y.shape == (11, 4, *shape[1:])
    for start in range(11):
        assert_array_equal(X[start], series[start : start + 6])
        assert_array_equal(y[start], series[start + 6 : start + 10])
    for part in (X, y):
        assert np.shares_memory(part, series)
        assert not part.flags.writeable
    [one], [target] = windows(series, 16, 4)
    assert len(one) + len(target) == 20


WRONG = [
    ((np.ones((9, 2, 2)), 2, 1), ValueError, r"n_features\), got \(9, 2, 2\)"),
    ((np.ones(9), 6, 4), ValueError, "has 9 steps, but .* length 6 .* horizon 4 need 10"),
    ((np.ones(9), 0, 4), ValueError, "length must be at least 1, got 0"),
    ((np.ones(9), 2, 1.0), TypeError, "horizon must be an integer, got 1.0"),
    ((np.ones(9), True, 1), TypeError, "length must be an integer, got True"),
]


@pytest.mark.parametrize("case", WRONG, ids=[words[:12] for *_, words in WRONG])
def test_what_has_no_windows_is_refused(case):
    arguments, error, words = case
    with pytest.raises(error, match=words):
        windows(*arguments)


QUICK = {"max_iter": 2, "batch_size": 64, "random_state": 0}
MODELS = {
    "convolution": NetworkRegressor([Conv1D(4, 8, stride=8), GlobalAvgPool()], **QUICK),
    "standardized": NetworkRegressor(
        [Conv1D(4, 8, stride=8), GlobalAvgPool()], standardize=True, **QUICK
    ),
    "dense": NetworkRegressor([Flatten(), Dense(3)], **QUICK),
    "stopped early": NetworkRegressor([Flatten(), Dense(3)], early_stopping=True, **QUICK),
    "columns": MLPRegressor(hidden_layer_sizes=(3,), **QUICK),
    "columns, standardized": MLPRegressor(hidden_layer_sizes=(3,), standardize=True, **QUICK),
}
LENGTH, STEPS = 300, 4000


@pytest.mark.parametrize("name", MODELS)
def test_windows_are_read_in_place(name):
    """Fits and predictions of estimators take far less memory than a copy; the bits are equal."""
    model, features = MODELS[name], () if "columns" in name else (4,)
    series = RANDOM.normal(size=(STEPS, *features)).astype(np.float32)
    X, y = windows(series, LENGTH, 2)
    y = y.reshape(len(y), -1)
    copied = np.ascontiguousarray(X)
    expected = model.fit(copied, y).predict(copied)
    tracemalloc.start()
    found = model.fit(X, y).predict(X)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < copied.nbytes / 4
    if "standardized" in name:  # sums in parts
        assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    else:
        assert_array_equal(found, expected)


def test_predictors_copy_parts_alone():
    X, y = windows(RANDOM.normal(size=(9000, 4)).astype(np.float32), 1000, 1)
    model = MODELS["dense"].fit(X[:200], y[:200, 0])
    predictor = freeze(model)
    expected = model.predict(X)
    tracemalloc.start()
    found = predictor.predict(X)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < X.nbytes / 3
    assert_array_equal(found, expected)
    out = np.full_like(expected, 7)
    bad = X.copy()
    bad[-1, -1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        predictor(bad.astype(float), out=out)
    assert (out == 7).all()

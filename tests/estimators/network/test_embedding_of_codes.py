"""Embeddings of codes and ids, as users give them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from fusednn import NetworkRegressor
from fusednn.layers import (
    Dense,
    Embedding,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, DIGITS = load_digits(return_X_y=True)
X, DIGITS = X[:400] / 16, DIGITS[:400]


def test_embedding_of_codes():
    random = np.random.RandomState(0)
    codes = random.randint(0, [5, 12], size=(300, 2))
    data = np.column_stack([codes[:, 0], random.normal(size=300), codes[:, 1]])
    effect = random.normal(size=12)
    y = effect[codes[:, 1]] + (codes[:, 0] == 3) + 0.1 * data[:, 1]
    layers = [Embedding([0, 2], size=4), Dense(16, "relu")]
    model = NetworkRegressor(layers, max_iter=150, random_state=0, learning_rate_init=0.01)
    for scaled in (False, True):
        model.set_params(standardize=scaled).fit(data, y)
        assert model.score(data, y) > 0.95
        assert model.layers_[0].categories == (5, 12)
        assert [table.shape for table in model.get_weights()[0]] == [(5, 4), (12, 4)]
        for wrong in (12, -1, 0.5):
            bad = data.copy()
            bad[3, 2] = wrong
            with pytest.raises(ValueError, match=r"X\[:, 2\] holds codes.* from 0 to 11; found"):
                model.predict(bad)
            with pytest.raises(ValueError, match=r"X\[:, 2\] holds codes"):
                model.partial_fit(bad, y)
    with pytest.raises(ValueError, match="found 4"):
        clone(model).set_params(layers=[Embedding([0], categories=[4])]).fit(data, y)
    with pytest.raises(ValueError, match=r"X\[:, 1\] holds codes"):
        clone(model).set_params(layers=[Embedding([1])]).fit(data, y)
    with pytest.raises(ValueError, match="mixup cannot mix codes"):
        clone(model).set_params(mixup=0.2).fit(data, y)


IDS = np.array([17.0, 40_000_000.0, 3.0, 123_456.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", ["fit", "partial_fit", "initialize", "warm_start", "lbfgs"])
def test_ids_are_no_codes(way, dtype):
    """Four of them would have a table of gigabytes."""
    data, y = np.c_[X[:40, :2], np.resize(IDS, 40)], np.arange(40.0)
    model = NetworkRegressor([Embedding([2], size=50), Dense(3)], dtype=dtype, max_iter=1)
    model.set_params(warm_start=way == "warm_start", solver="lbfgs" if way == "lbfgs" else "adam")
    before = dict(vars(model))
    item = np.dtype(dtype).itemsize
    words = (
        r"X\[:, 2\] holds 4 distinct codes of an Embedding, the largest 40,000,000: its table"
        rf" would have 40,000,001 rows, and {2000 * item + 1:,} MB .*OrdinalEncoder"
        r".*categories=\.\.\."
    )
    with pytest.raises(ValueError, match=words):
        getattr(model, way if way in ("partial_fit", "initialize") else "fit")(data, y)
    assert vars(model) == before
    for wrong in (1e300, 1.7e308) if dtype == "float64" else (1e38,):
        with pytest.raises(ValueError, match="2 distinct codes"):
            model.fit(np.c_[data[:, :2], np.resize([0, wrong], 40)], y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_codes_with_gaps():
    """Small tables may have any, large ones some, and any that the user states."""
    y = np.arange(200.0)

    def categories(codes, stated=None):
        data = np.c_[X[:200, :2], np.resize(codes, 200)]
        model = NetworkRegressor([Embedding([2], stated, size=1)], max_iter=1, random_state=0)
        return model.fit(data, y).layers_[0].categories

    assert categories([0, 500]) == (501,)
    assert categories([9999]) == (10_000,)
    spread = 60 * np.arange(200) + 60
    assert categories(spread) == (12_001,)
    assert categories([7, 123_456], [123_457]) == (123_457,)
    with pytest.raises(ValueError, match=r"1 distinct codes.*10,001 rows"):
        categories([10_000])
    model = NetworkRegressor([Embedding([2], size=1)], max_iter=1, random_state=0)
    model.fit(np.c_[X[:200, :2], np.arange(200)], y)
    data = np.c_[X[:200, :2], np.resize(IDS, 200)]
    for call in (
        lambda: model.fit(np.c_[X[:200, :2], np.arange(200)], y, X_val=data, y_val=y),
        lambda: model.partial_fit(data, y),
        lambda: model.predict(data),
    ):
        with pytest.raises(ValueError, match=r"integers from 0 to 199; found 4?[e.0-9+]+"):
            call()

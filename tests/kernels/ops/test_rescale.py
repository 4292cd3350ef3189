"""Scaling by scikit-learn's scalers, to the bit."""

import numpy as np
import pytest
from fusednn.kernels.ops.pointwise import rescale as ops
from running.blocks import Rows, empty_like, row_of, run
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from fusednn.estimators.deployment.scalers import affine_of

SCALERS = [
    StandardScaler(),
    StandardScaler(with_mean=False),
    StandardScaler(with_std=False),
    MinMaxScaler((-1, 3)),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    RobustScaler(with_centering=False),
    RobustScaler(with_scaling=False),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 7, 33])
@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_bits(scaler, width, dtype):
    random = np.random.RandomState(width)
    far = 10.0 ** random.randint(0, 6, width)
    X = (far + random.normal(size=(80, width)) * random.uniform(0.01, 9, width)).astype(dtype)
    X[:40, 0] = 3  # a constant column
    scaler.fit(X[:40])
    x = Rows(X)
    out = empty_like(x)
    names = ["before", "factor", "divisor", "after", "low", "high"]
    parts = map(row_of, affine_of(scaler, X.dtype))
    operands = {"out": out.block, "x": x.block, **dict(zip(names, parts, strict=True))}
    run(dtype, len(X), [(ops.rescale_rows, operands, None)], 17)
    np.testing.assert_array_equal(out.values, scaler.transform(X))
    out.assert_padding_is_zero()

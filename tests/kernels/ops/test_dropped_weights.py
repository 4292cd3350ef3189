"""Dropout of attention's weights, which marks them by their sign."""

import numpy as np
import pytest
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.ops.attention.weights import drop, drop_slopes
from numba import njit
from numpy.testing import assert_array_equal


@njit
def dropped(out, p, factor):
    drop(data(out), data(p), factor, len(p))


@njit
def dropped_slopes(slopes, p, factor):
    drop_slopes(data(slopes), data(p), factor, len(p))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_of_weights_keeps_a_nan(dtype):
    """Divergence stays visible; marked weights and those of hidden keys are dropped."""
    p = np.array([np.nan, -0.25, 0.5, 0.0, -0.0], dtype)
    out, slopes = p.copy(), np.ones_like(p)
    dropped(out, p, dtype(2))
    dropped_slopes(slopes, p, dtype(2))
    assert_array_equal(out, [np.nan, 0, 1, 0, 0])
    assert_array_equal(slopes[:3], [2, 0, 2])

"""The average of the weights, by plain NumPy."""

import numpy as np
import pytest
from fusednn.kernels import records
from fusednn.kernels.ops.updates import average
from running.one_op import run_op


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.001, 1.0])
def test_average(dtype, share):
    """Several steps in two tasks; what lies outside of them stays."""
    random = np.random.RandomState(0)
    ours = random.normal(size=45).astype(dtype)
    expected = ours.astype(float)
    for _ in range(5):
        w = random.normal(size=45).astype(dtype)
        kept = w.copy()
        operands, settings = {"w": w, "average": ours}, {records.AVERAGE: share}
        run_op(average.average_weights, operands, [(1, 17), (17, 44)], dtype, settings=settings)
        expected[1:44] = (1 - share) * expected[1:44] + share * w[1:44]
        np.testing.assert_array_equal(w, kept)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=32 * np.finfo(dtype).eps)
    assert ours[0] == expected[0]
    assert ours[44] == expected[44]


def test_weights_that_stay_are_their_average():
    w = np.random.RandomState(1).normal(size=33)
    ours = w.copy()
    settings = {records.AVERAGE: 0.01}
    operands = {"w": w, "average": ours}
    run_op(average.average_weights, operands, [(0, 33)], np.float64, settings=settings)
    np.testing.assert_array_equal(ours, w)

"""The losses that scikit-learn has, with its own; and every output function."""

import functools

import numpy as np
import pytest
from fusednn.kernels._jit import kernel
from fusednn.kernels.arrays import loss_gradient
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.losses import LOSSES
from oracles import reference
from sklearn.neural_network import _base as theirs

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHAPES = [(1, 1), (1, 5), (2, 3), (9, 7), (33, 2), (3, 40)]
LINKED = [name for name, row in LOSSES.items() if row.link is not None]
EXTREMES = {"poisson": 80.0, "gamma": 80.0}
THEIRS = {
    "softmax": theirs.log_loss,
    "logistic": theirs.binary_log_loss,
    "squared_error": theirs.squared_loss,
    "poisson": theirs.poisson_loss,
}
OUTPUT_FUNCTIONS = {
    "softmax": "softmax",
    "logistic": "logistic",
    "squared_error": "identity",
    "poisson": "exp",
}


@functools.cache
def link_over_arrays(function):
    def run(z, work):
        C, R = z.shape
        return function(data(z), data(work), C, R)

    return kernel(run)


@pytest.mark.parametrize("name", THEIRS)
@both_dtypes
def test_against_scikit_learn(name, dtype):
    random = np.random.RandomState(5)
    z = random.normal(scale=3, size=(57, 4)).astype(dtype)
    z[0], z[1] = 50, -50
    z[:2, 0] = 0
    if name == "softmax":
        t = random.randint(4, size=(57, 1)).astype(dtype)
    else:
        t = random.choice([0.0, 1.0, 0.25, 0.75], size=z.shape).astype(dtype)
    epsilon = float(np.finfo(dtype).eps)
    value, dz = np.empty(len(z)), np.empty_like(z)
    work = np.empty(z.shape[1] + t.shape[1] + 5, dtype)
    bounds = -np.log1p(-epsilon), -np.log(epsilon)
    loss_gradient(dz, value, z, t, work, *bounds, LOSSES[name].code)
    outputs = z.copy()
    theirs.ACTIVATIONS[OUTPUT_FUNCTIONS[name]](outputs)
    one_hot = np.eye(4, dtype=dtype)[t[:, 0].astype(int)] if name == "softmax" else t
    for rows in (slice(2), slice(2, None)):
        want = THEIRS[name](one_hot[rows], outputs[rows])
        # Their 1 - p has lost what rounding p lost, unless it is bounded anyway.
        lost = (1 / (1 - outputs[2:])).max() if name == "logistic" else 0.0
        assert value[rows].mean() == pytest.approx(float(want), rel=epsilon * (40 + float(lost)))
    size = max(1.0, float(abs(outputs).max()))
    np.testing.assert_allclose(dz, outputs - one_hot, rtol=40 * epsilon, atol=10 * epsilon * size)


@pytest.mark.parametrize("name", LINKED)
@both_dtypes
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_function(name, dtype, shape):
    link = LOSSES[name].link
    top = EXTREMES.get(name, 1e4)
    rows = np.random.RandomState(8).normal(scale=3, size=shape).astype(dtype)
    rows[0] = top
    rows[-1, 0] = -top
    z, work = rows.T.copy(), np.empty(3 * len(rows), dtype)
    assert link_over_arrays(link)(z, work) == 0
    want = getattr(reference, link.__name__)(rows.astype(float))
    ulps = np.finfo(dtype).eps * (6 + abs(rows.astype(float)).max(axis=1, keepdims=True) / 2)
    smallest = np.finfo(dtype).smallest_subnormal
    assert np.all(abs(z.T - want) <= ulps * want + 2 * smallest)


def test_the_others_have_no_output_function():
    real = {name for name, row in LOSSES.items() if row.targets == "real"}
    assert set(LOSSES) - set(LINKED) == real

"""What the array kernels refuse: shapes that do not fit, codes that name nothing."""

import numpy as np
import pytest
from fusednn.kernels.losses import LOSSES

from fusednn import kernels

B, I, O = 5, 3, 4
SHAPES = {
    "dx": (B, I),
    "dw": (I, O),
    "db": (O,),
    "dout": (B, O),
    "out": (B, O),
    "x": (B, I),
    "w": (I, O),
    "w_transposed": (O, I),
}


def arrays(**other):
    return [np.ones(other.get(name, shape), np.float32) for name, shape in SHAPES.items()]


@pytest.mark.parametrize("name", SHAPES)
def test_backward(name):
    kernels.dense_backward(*arrays(), 0)
    wrong = tuple(size + 1 for size in SHAPES[name])
    with pytest.raises(ValueError, match=r"is|are"):
        kernels.dense_backward(*arrays(**{name: wrong}), 0)


@pytest.mark.parametrize("code", [-1, 99])
def test_codes(code):
    with pytest.raises(ValueError, match="activation is a code"):
        kernels.dense_backward(*arrays(), code)


def test_activation_backward():
    with pytest.raises(ValueError, match="one shape"):
        kernels.activation_backward(np.ones(3), np.ones(4), 0)


def loss_arguments(dz=(B, O), value=(B,), t=(B, O), work=2 * O + 5):
    z = np.zeros((B, O))
    return np.empty(dz), np.empty(value), z, np.zeros(t), np.empty(work), 0.0, 99.0


@pytest.mark.parametrize(
    ("loss", "wrong"),
    [
        ("logistic", {"dz": (B, O + 1)}),
        ("logistic", {"value": (B + 1,)}),
        ("logistic", {"t": (B - 1, O)}),
        ("logistic", {"t": (B, 1)}),
        ("softmax", {"t": (B, O)}),
        ("logistic", {"work": 2 * O + 4}),
    ],
)
def test_loss_gradient(loss, wrong):
    code = LOSSES[loss].code
    kernels.loss_gradient(*loss_arguments(t=(B, 1) if loss == "softmax" else (B, O)), code)
    with pytest.raises(ValueError, match=r"is|are"):
        kernels.loss_gradient(*loss_arguments(**wrong), code)


@pytest.mark.parametrize("short", [1, 2])
def test_sgd_step(short):
    parts = [np.ones(4 - (i == short)) for i in range(3)]
    with pytest.raises(ValueError, match="one shape"):
        kernels.sgd_step(*parts, 0.1, 0.9, 0.0, True)


@pytest.mark.parametrize("short", [1, 2, 3])
def test_adam_step(short):
    parts = [np.ones(4 - (i == short)) for i in range(4)]
    with pytest.raises(ValueError, match="one shape"):
        kernels.adam_step(*parts, 0.1, 0.9, 0.999, 1e-8, 0.0)

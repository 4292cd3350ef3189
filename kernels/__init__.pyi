"""The names that `__init__.py` imports on first use, for editors and type checkers.

Numba compiles each function for the types of a call. Here they are those that it was made for:
arrays of float32 or float64, and codes of the tables.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .activations import ACTIVATIONS
from .losses import LOSSES

_Array: TypeAlias = NDArray[np.floating[Any]]
_Real: TypeAlias = float | np.floating[Any]

# -- arrays.py
def activation_forward(out: _Array, activation: int) -> None: ...
def activation_backward(dout: _Array, out: _Array, activation: int) -> None: ...
def loss_gradient(
    dz: _Array,
    value: NDArray[np.float64],
    z: _Array,
    t: _Array,
    work: _Array,
    low: _Real,
    high: _Real,
    loss: int,
) -> None: ...
def sgd_step(
    w: _Array,
    v: _Array,
    g: _Array,
    rate: _Real,
    momentum: _Real,
    decay: _Real,
    nesterov: bool,
) -> None: ...
def adam_step(
    w: _Array,
    m: _Array,
    v: _Array,
    g: _Array,
    rate: _Real,
    beta_1: _Real,
    beta_2: _Real,
    epsilon: _Real,
    decay: _Real,
) -> None: ...

# -- dense.py
def dense_forward(out: _Array, x: _Array, w: _Array, b: _Array, activation: int) -> None: ...
def dense_forward_parallel(
    out: _Array, x: _Array, w: _Array, b: _Array, activation: int
) -> None: ...
def dense_backward(
    dx: _Array,
    dw: _Array,
    db: _Array,
    dout: _Array,
    out: _Array,
    x: _Array,
    w: _Array,
    w_transposed: _Array,
    activation: int,
) -> None: ...
def dense_backward_parallel(
    dx: _Array,
    dw: _Array,
    db: _Array,
    dout: _Array,
    out: _Array,
    x: _Array,
    w: _Array,
    w_transposed: _Array,
    activation: int,
) -> None: ...

# -- maths.py
def exp(x: _Real) -> float: ...
def expm1(x: _Real) -> float: ...
def log(x: _Real) -> float: ...
def log1p(x: _Real) -> float: ...
def normal_cdf(x: _Real) -> float: ...
def sigmoid(x: _Real) -> float: ...
def softplus(x: _Real) -> float: ...
def tanh(x: _Real) -> float: ...

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "activation_backward",
    "activation_forward",
    "adam_step",
    "dense_backward",
    "dense_backward_parallel",
    "dense_forward",
    "dense_forward_parallel",
    "exp",
    "expm1",
    "log",
    "log1p",
    "loss_gradient",
    "normal_cdf",
    "sgd_step",
    "sigmoid",
    "softplus",
    "tanh",
]

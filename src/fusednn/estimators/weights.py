"""Weights as users see them: drawn, or set by hand and checked."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np

from fusednn.plan.layers.batch_norm import BatchNorm
from fusednn.plan.layers.layer_norm import LayerNorm
from fusednn.plan.network import Network, dense_network

from .initializers import INITIALIZERS

NORMS = {
    "batch": BatchNorm,
    "layer": LayerNorm,
    "rms": partial(LayerNorm, centered=False),
}
"""What stands between the products and the activation of each hidden layer."""

SCIKIT_LEARN = "scikit-learn"


def initial_weights(init, sizes, activation, dtype, random_state):
    """Coefficients and intercepts as `init` names them: scikit-learn's, or of the table."""
    if init == SCIKIT_LEARN:
        return _scikit_learns(sizes, activation, dtype, random_state)
    drawn = [INITIALIZERS[init](random_state, *pair) for pair in pairwise(sizes)]
    coefs = [np.ascontiguousarray(w, dtype) for w in drawn]
    return coefs, [np.zeros(size, dtype) for size in sizes[1:]]


def _scikit_learns(sizes, activation, dtype, random_state):
    """Glorot's uniform coefficients and intercepts, drawn in scikit-learn's order."""
    coefs, intercepts = [], []
    factor = 2.0 if activation == "logistic" else 6.0
    for fan_in, fan_out in pairwise(sizes):
        bound = np.sqrt(factor / (fan_in + fan_out))
        w = random_state.uniform(-bound, bound, (fan_in, fan_out))
        b = random_state.uniform(-bound, bound, fan_out)
        coefs.append(w.astype(dtype, copy=False))
        intercepts.append(b.astype(dtype, copy=False))
    return coefs, intercepts


def network_of(coefs, intercepts, activation, loss, groups=(), **options) -> Network:
    """The network that coefficients and intercepts describe; users may have set them.

    `loss` is its name in the table of the kernels, and its constants; `options` are those of
    `dense_network`.

    Raises
    ------
    ValueError
        If their shapes do not fit together.
    """
    sizes = [len(coefs[0]), *(w.shape[1] for w in coefs)]
    shapes = [w.shape for w in coefs], [b.shape for b in intercepts]
    if shapes != (list(pairwise(sizes)), [(size,) for size in sizes[1:]]):
        raise ValueError(
            f"coefs_ and intercepts_ do not fit together: their shapes are {shapes[0]} and"
            f" {shapes[1]}."
        )
    if groups and sum(groups) != sizes[-1]:
        raise ValueError(f"coefs_ have {sizes[-1]} outputs, but classes_ are {sum(groups)}.")
    name, constants = loss
    return dense_network(sizes, activation, name, groups, constants, **options)

"""Weights as users see them: drawn, or set by hand and checked."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fusednn.plan.forward import Network


def initial_weights(sizes, activation, dtype, random_state):
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


def network_of(coefs, intercepts, activation, loss, groups=()) -> Network:
    """The network that coefficients and intercepts describe; users may have set them.

    `loss` is its name in the table of the kernels, and its constants.

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
    name, constants = loss
    return Network(sizes, activation, name, groups, constants)

"""Multi-layer perceptrons: draws first weights, and builds the layers from the coefficients."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, pairwise, repeat

import numpy as np

from fusednn import layers as specs

from .building import build
from .built_layers import BuiltLayers
from .initializers import INITIALIZERS

NORMS = {"batch": specs.BatchNorm, "layer": specs.LayerNorm, "rms": specs.RMSNorm}
"""The values of `normalization`: the layer between the product and the activation."""

SCIKIT_LEARN = "scikit-learn"


def initial_weights(init, sizes, activation, dtype, random_state):
    """Draws coefficients (I, O) and intercepts (O,) of each layer.

    Parameters
    ----------
    init : str
        "scikit-learn" or a key of `INITIALIZERS`.
    sizes : sequence of int
        Units of each layer, the input first.
    activation : str
        The activation of the hidden layers, which scikit-learn's initializer depends on.
    dtype : dtype
    random_state : RandomState

    Returns
    -------
    coefs, intercepts : list of ndarray
    """
    if init == SCIKIT_LEARN:
        return _scikit_learns(sizes, activation, dtype, random_state)
    drawn = [INITIALIZERS[init](random_state, *pair) for pair in pairwise(sizes)]
    coefs = [np.ascontiguousarray(w, dtype) for w in drawn]
    return coefs, [np.zeros(size, dtype) for size in sizes[1:]]


def _scikit_learns(sizes, activation, dtype, random_state):
    """Draws uniform coefficients and intercepts (Glorot and Bengio) in scikit-learn's order."""
    coefs, intercepts = [], []
    factor = 2.0 if activation == "logistic" else 6.0
    for fan_in, fan_out in pairwise(sizes):
        bound = np.sqrt(factor / (fan_in + fan_out))
        w = random_state.uniform(-bound, bound, (fan_in, fan_out))
        b = random_state.uniform(-bound, bound, fan_out)
        coefs.append(w.astype(dtype, copy=False))
        intercepts.append(b.astype(dtype, copy=False))
    return coefs, intercepts


def built_of(coefs, intercepts, activation, groups=(), **options) -> BuiltLayers:
    """Builds the ops with the sizes of coefficients and intercepts, which users may have set.

    `options` are the keyword arguments of `perceptron`.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or the outputs do not fit the classes in `groups`.
    """
    sizes = len(coefs[0]), *(w.shape[1] for w in coefs)
    shapes = [w.shape for w in coefs], [b.shape for b in intercepts]
    if shapes != (list(pairwise(sizes)), [(size,) for size in sizes[1:]]):
        raise ValueError(
            f"coefs_ and intercepts_ do not fit together: their shapes are {shapes[0]} and"
            f" {shapes[1]}."
        )
    if groups and sum(groups) != sizes[-1]:
        raise ValueError(f"coefs_ have {sizes[-1]} outputs, but classes_ are {sum(groups)}.")
    return perceptron(sizes, activation, **options)


@lru_cache(maxsize=32)  # estimators call this in every prediction
def perceptron(
    sizes: tuple[int, ...],
    activation: str,
    *,
    norm: str | None = None,
    dropout: tuple[float, ...] = (),
    max_norm: float | None = None,
    scaled: bool = False,
) -> BuiltLayers:
    """Builds a multi-layer perceptron as a list of layers.

    Parameters
    ----------
    sizes : tuple of int
        Units of each layer, the input first.
    activation : str
        The activation of the hidden layers.
    norm : str or None
        A key of `NORMS`.
    dropout : tuple of float
        The rate of each hidden layer; empty without dropout.
    max_norm : float or None
        The largest Euclidean norm of a unit's weights, in all layers.
    scaled : bool
        Whether the network begins with the scaling of `standardize`.
    """
    inputs, *hidden, outputs = sizes
    layers: list[specs.Layer] = []
    for units, rate in zip(hidden, chain(dropout, repeat(0.0)), strict=False):
        if norm is None:
            layers.append(specs.Dense(units, activation, max_norm=max_norm))
        else:
            dense = specs.Dense(units, max_norm=max_norm)
            layers += [dense, NORMS[norm](), specs.Activation(activation)]
        if rate:
            layers.append(specs.Dropout(rate))
    return build(layers, specs.Dense(outputs, max_norm=max_norm), (inputs,), scaled=scaled)

"""From descriptions of layers for columns of tables to ops, and their first values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import pi, sqrt

import numpy as np
from scipy import sparse

from fusednn import layers as specs
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.layers.piecewise_linear import TREE
from fusednn.tables.preparing.bins import bin_edges

from .first_samples import FirstSamples

TABULAR = specs.Periodic | specs.PiecewiseLinear
"""The descriptions of embeddings of numeric columns."""

Refuse = Callable[[str], ValueError]


def tabular(
    refuse: Refuse, spec: TABULAR, width: int, before: Sequence[Layer]
) -> Periodic | PiecewiseLinear:
    """The op of an embedding of numeric columns, for rows of this width; `before` are those before
    it in the list, or something else that is not an `Embedding` alone, inside a block.
    """
    columns = _columns(spec, width)
    if max(columns) >= width:
        raise refuse(f"it received {width} columns and expected at least {max(columns) + 1}")
    rate, decay = float(spec.rate_factor), float(spec.decay_factor)
    if isinstance(spec, specs.Periodic):
        sizes = int(spec.frequencies), int(spec.size)
        return Periodic(width, columns, *sizes, spec.kind == "plr", rate=rate, decay=decay)
    bins = (int(spec.bins),) * len(columns)
    if isinstance(spec.edges, str):
        if before and (len(before) > 1 or not isinstance(before[0], Embedding)):
            raise refuse(
                "it learns its edges from X, so it must be the first layer or the first behind an"
                " Embedding, without standardize; elsewhere give it edges"
            )
    elif len(spec.edges) != len(columns):
        raise refuse(f"it received {len(columns)} columns and has edges of {len(spec.edges)}")
    else:
        bins = tuple(len(own) - 1 for own in spec.edges)
    return PiecewiseLinear(width, columns, bins, int(spec.size or 0), rate=rate, decay=decay)


def _columns(spec: TABULAR, width: int) -> tuple[int, ...]:
    return tuple(range(width)) if spec.columns is None else tuple(map(int, spec.columns))


def place_of_edges(layers: Sequence) -> int | None:
    """The number of the layer that learns its edges from the columns of X, if there is one."""
    for number, spec in enumerate(layers[:2]):
        if isinstance(spec, specs.PiecewiseLinear):
            return number if isinstance(spec.edges, str) else None
        if not isinstance(spec, specs.Embedding):
            break
    return None


def learns_from_targets(layers: Sequence) -> bool:
    """Whether a layer learns its edges from the targets too."""
    number = place_of_edges(layers)
    return number is not None and layers[number].edges == TREE


def with_edges(
    layers: Sequence[specs.Layer], samples: FirstSamples, dtype
) -> tuple[specs.Layer, ...]:
    """The descriptions with edges from the samples where a layer that reads the columns of X
    leaves them out; edges differ in `dtype`.
    """
    number, X, before = place_of_edges(layers), samples.X, layers[0] if layers else None
    if number is None:
        return tuple(layers)
    spec, plain = layers[number], list(range(X.shape[1]))
    if isinstance(before, specs.Embedding):
        plain = [column for column in plain if column not in before.columns]
    assert isinstance(spec, specs.PiecewiseLinear)
    columns = _columns(spec, len(plain))
    if sparse.issparse(X) or max(columns) >= len(plain):
        return tuple(layers)  # a later check refuses them
    rows: slice | np.ndarray = samples.rows
    targets = weights = None
    if spec.edges == TREE:
        rows, targets, weights = samples.with_targets()
    learn = partial(
        bin_edges,
        bins=int(spec.bins),
        target=targets,
        classify=samples.are_classes,
        weights=weights,
    )
    found = [_edges(X[rows, plain[column]], learn, dtype) for column in columns]
    return (*layers[:number], replace(spec, edges=found), *layers[number + 1 :])


def _edges(values: np.ndarray, learn: Callable[[np.ndarray], np.ndarray], dtype) -> list[float]:
    """The edges of a column's bins, those that are learned or its ends; of a constant it and 1
    more.
    """
    values = values.astype(float)
    found = learn(values)
    if not found.size:
        found = np.array([values.min(), values.max()])
    edges = np.unique(found.astype(dtype)).tolist()
    return edges if len(edges) > 1 else [edges[0], edges[0] + max(1.0, abs(edges[0]))]


def with_edges_of(
    layers: Sequence[specs.Layer], known: Sequence[specs.Layer]
) -> tuple[specs.Layer, ...]:
    """The descriptions with the edges that the network has, where all else is alike."""
    found = list(layers)
    for number, (spec, other) in enumerate(zip(layers, known, strict=False)):
        if not isinstance(spec, specs.PiecewiseLinear) or type(other) is not type(spec):
            continue
        if isinstance(spec.edges, str) and replace(other, edges=spec.edges) == spec:
            found[number] = other
    return tuple(found)


def check_edges(spec: specs.PiecewiseLinear, dtype) -> None:
    """Raises ValueError if edges that a user gave are no bins in the network's type."""
    assert not isinstance(spec.edges, str)
    for number, own in enumerate(spec.edges):
        with np.errstate(over="ignore"):
            kept = np.array(own).astype(dtype)
        if not np.isfinite(kept).all() or not (kept[:-1] < kept[1:]).all():
            raise ValueError(
                f"edges[{number}] of PiecewiseLinear are not ascending finite numbers in"
                f" {np.dtype(dtype)}: leave out those that coincide, or scale the column."
            )


def first_values_of(
    spec: TABULAR, op: Periodic | PiecewiseLinear, random_state
) -> list[np.ndarray]:
    """The first values of its parameters."""
    shapes = {parameter.name: parameter.shape for parameter in op.parameters()}
    if isinstance(op, PiecewiseLinear):
        assert not isinstance(spec, specs.Periodic)
        assert not isinstance(spec.edges, str)
        found = [np.concatenate([np.array(own) for own in spec.edges])]
        if op.size:
            most = 1 / sqrt(op.size)
            names = "weights", "biases"
            found += [random_state.uniform(-most, most, shapes[name]) for name in names]
            found.append(np.zeros(shapes["tables"]))
        return found
    assert isinstance(spec, specs.Periodic)
    w = random_state.normal(size=shapes["frequencies"])
    while op.is_plr and (far := abs(w) > 3).any():
        w[far] = random_state.normal(size=far.sum())
    found = [spec.sigma * w]
    if not op.is_plr:
        found.append(random_state.uniform(-pi, pi, shapes["phases"]))
    most = 1 / sqrt(op.frequencies * (2 if op.is_plr else 1))
    return found + [
        random_state.uniform(-most, most, shapes[name]) for name in ("weights", "biases")
    ]

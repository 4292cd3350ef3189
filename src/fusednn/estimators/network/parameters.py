"""A built network's parameters: drawn, and as users read and write them, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
from scipy import sparse

from fusednn import layers as specs
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.untrained import Standardize
from fusednn.serving import checks

from .building import BuiltLayer, BuiltLayers
from .initializers import INITIALIZERS

LECUN = {"selu"}
GLOROT = {"identity", "tanh", "logistic"}
ROWS_PER_CODE = 100
"""The most rows for each distinct code, in an embedding's table whose size the data decide."""

FREE_ROWS = 10_000
"""Tables of so many rows are made for any codes: they take some 4 MB."""


def drawn(built: BuiltLayers, random_state, dtype) -> list[np.ndarray]:
    """The first parameters of a network, in the order of its ops."""
    arrays: list[np.ndarray] = []
    pieces = built.pieces
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        if piece.inner is not None:
            arrays += drawn(piece.inner, random_state, dtype)
            continue
        _check_memory(piece)
        values = _first_values(piece, following, random_state)
        arrays += [np.ascontiguousarray(value, dtype) for value in values]
    return arrays


def first_norms(built: BuiltLayers, dtype) -> list[list[np.ndarray]]:
    """The first parameters of the normalisations of a perceptron, layer by layer."""
    return [
        [np.asarray(value, dtype) for value in _first_values(piece, None, None)]
        for piece in built.pieces
        if isinstance(piece.spec, specs.BatchNorm | specs.LayerNorm | specs.RMSNorm)
    ]


def _check_memory(piece: BuiltLayer) -> None:
    """Refuses a layer whose parameters memory cannot hold, before one is drawn."""
    count = sum(prod(parameter.shape) for parameter in piece.op.parameters())
    try:  # as float64 the first ones, the layer's own, and what the solver keeps of them
        np.empty(3 * 8 * count, np.uint8)
    except (MemoryError, OverflowError, ValueError):
        raise MemoryError(
            f"{piece.spec!r} has {count:,} parameters, which take {8 * count // 10**6:,} MB, and"
            " three times as much to train: there is not so much memory."
        ) from None


def _first_values(
    piece: BuiltLayer, following: BuiltLayer | None, random_state
) -> list[np.ndarray]:
    parameters = piece.op.parameters()
    match piece.spec:
        case specs.Dense(init=init):
            w, b, *others = parameters
            weights = INITIALIZERS[init or _suited(piece, following)](random_state, *w.shape)
            norms = [np.linalg.norm(weights, axis=0) for _ in others]
            return [weights, np.zeros(b.shape), *norms]
        case specs.Embedding():
            return [random_state.normal(size=table.shape) for table in parameters]
    return [np.full(parameter.shape, parameter.start) for parameter in parameters]


def _suited(piece: BuiltLayer, following: BuiltLayer | None) -> str:
    """The initialisation that suits the activation behind a dense layer."""
    after = piece.op.after
    if after.activation == "identity" and following is not None:
        if isinstance(following.spec, specs.PReLU):
            return "he_normal"
        if not isinstance(following.op, Dense):  # a norm, with an activation behind it
            after = following.op.after
    if after.activation in LECUN:
        return "lecun_normal"
    return "glorot_uniform" if after.activation in GLOROT else "he_normal"


def by_layer(built: BuiltLayers, arrays: Sequence[np.ndarray]) -> list:
    """Lists of each layer's arrays, in the order of the descriptions; a residual's are nested."""
    pieces = _split(built, iter(arrays))
    return [[] if home is None else pieces[home] for home in built.homes]


def _split(built: BuiltLayers, arrays: Iterator[np.ndarray]) -> list:
    found: list = []
    for piece in built.pieces:
        if piece.inner is not None:
            inner = _split(piece.inner, arrays)
            found.append([[] if home is None else inner[home] for home in piece.inner.homes])
            continue
        own = [(parameter, next(arrays)) for parameter in piece.op.parameters()]
        found.append([array for parameter, array in own if parameter.shown])
    return found


def replaced(
    built: BuiltLayers, arrays: Sequence[np.ndarray], given: Sequence
) -> list[np.ndarray]:
    """The arrays of a network in which users' arrays, by layer, have taken their places.

    Raises
    ------
    ValueError
        If their numbers or shapes are others, which the message names by position, or they are
        not finite, or a variance is negative.
    """
    present = by_layer(built, arrays)
    new = {id(old): array for old, array in _pairs("weights", present, given)}
    found = [new.get(id(array), array) for array in arrays]
    parameters = [parameter for op in built.ops for parameter in op.parameters()]
    for parameter, array in zip(parameters, found, strict=True):
        if array.min(initial=np.inf) < parameter.least:
            raise ValueError("The running variance of a BatchNorm must not be negative.")
    return found


def _pairs(where: str, present, given) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if isinstance(present, np.ndarray):
        array = np.array(given, present.dtype)
        if array.shape != present.shape:
            raise ValueError(f"{where} must have the shape {present.shape}, got {array.shape}.")
        if not np.isfinite(array).all():
            raise ValueError(f"{where} contains NaN or infinity.")
        yield present, array
        return
    if not isinstance(given, list | tuple) or len(given) != len(present):
        found = len(given) if isinstance(given, list | tuple) else type(given).__name__
        raise ValueError(f"{where} must be a list of {len(present)}, got {found}.")
    for number, (old, new) in enumerate(zip(present, given, strict=True)):
        yield from _pairs(f"{where}[{number}]", old, new)


def has_embedding(layers) -> bool:
    """Whether the first of the descriptions looks codes up."""
    return bool(layers) and isinstance(layers[0], specs.Embedding)


def categories_of(X, columns):
    """One more than the largest code of each column; 1 of those that X does not have as codes."""
    if sparse.issparse(X):
        return (1,) * len(columns)
    found = [X[:, column].max() if column < X.shape[1] else 0 for column in columns]
    return tuple(max(0, int(code)) + 1 for code in found)


def check_tables(built: BuiltLayers, X) -> None:
    """Refuses codes, whose numbers nobody has said, that are ids: few distinct ones, far apart.

    Raises
    ------
    ValueError
        Naming the column, before its table is made.
    """
    op = built.pieces[0].op
    for column, rows, size in zip(op.columns, op.categories, op.sizes, strict=True):
        if rows <= FREE_ROWS:
            continue
        distinct = len(np.unique(X[:, column]))
        if rows > ROWS_PER_CODE * distinct:
            megabytes = -(-rows * size * X.dtype.itemsize // 10**6)
            raise ValueError(
                f"X[:, {column}] holds {distinct:,} distinct codes of an Embedding, the largest"
                f" {rows - 1:,}: its table would have {rows:,} rows, and"
                f" {megabytes:,} MB before what the solver keeps of it. Number the codes"
                " from 0 without gaps, by sklearn.preprocessing.OrdinalEncoder say, or say how"
                " many there may be: Embedding(columns, categories=...)."
            )


def check_input(X, first: Layer) -> None:
    """Refuses what a network's first op cannot read: sparse matrices, or values that are no codes.

    Raises
    ------
    ValueError
        What codes must be `serving.checks.check_codes` says.
    """
    if sparse.issparse(X) and not isinstance(first, Dense):
        what = "standardize=True" if isinstance(first, Standardize) else type(first).__name__
        raise ValueError(f"X is sparse, but the network begins with {what}: it needs dense X.")
    if isinstance(first, Embedding):
        checks.check_codes(X, first.columns, first.categories)

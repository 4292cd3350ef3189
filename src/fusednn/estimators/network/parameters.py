"""Draws the parameters of a built network, and converts them to users' lists by layer and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from scipy import sparse

from fusednn import layers as specs
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tied import Mirrored
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.untrained import Standardize
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.time_axis import Series, StepsError, ops_of_steps, series_of
from fusednn.layers.token_embedding import MOST_CODES
from fusednn.plan.lengths import has_padding, lengths_of
from fusednn.serving import checks
from fusednn.serving.sequences import checked_lengths

from .attentions import table
from .built_layers import BuiltLayer, BuiltLayers, parts_of, place_of
from .initializers import DRAWS
from .recurrences import first_values
from .tabular import TABULAR, check_edges, first_values_of

LECUN = {"selu"}
GLOROT = {"identity", "tanh", "logistic"}
ROWS_PER_CODE = 100
"""The most rows per distinct code of an embedding's table, if the data determine its size."""

FREE_ROWS = 10_000
"""Tables up to this many rows, about 4 MB, are made for any codes."""


def drawn(built: BuiltLayers, random_state, dtype) -> list[np.ndarray]:
    """Draws the first parameters of a network, in the order of its ops."""
    arrays: list[np.ndarray] = []
    pieces = built.pieces
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        if piece.inner is not None:
            for part in parts_of(piece):
                arrays += drawn(part, random_state, dtype)
            continue
        _check_memory(piece)
        if isinstance(piece.spec, specs.PiecewiseLinear):
            check_edges(piece.spec, dtype)
        values = _first_values(piece, following, random_state)
        arrays += [np.ascontiguousarray(value, dtype) for value in values]
    return arrays


def first_norms(built: BuiltLayers, dtype) -> list[list[np.ndarray]]:
    """Makes the first parameters of a perceptron's normalizations, a list for each layer."""
    return [
        [np.asarray(value, dtype) for value in _first_values(piece, None, None)]
        for piece in built.pieces
        if isinstance(piece.spec, specs.BatchNorm | specs.LayerNorm | specs.RMSNorm)
    ]


def _check_memory(piece: BuiltLayer) -> None:
    """Raises MemoryError before drawing parameters that the memory cannot hold."""
    count = sum(prod(parameter.shape) for parameter in piece.op.parameters())
    try:  # the drawn values in float64, the layer's parameters, and the solver's moments
        np.empty(3 * 8 * count, np.uint8)
    except (MemoryError, OverflowError, ValueError):
        raise MemoryError(
            f"{piece.spec!r} has {count:,} parameters, which take {8 * count // 10**6:,} MB, and"
            " three times as much to train: there is not enough memory."
        ) from None


def _first_values(
    piece: BuiltLayer, following: BuiltLayer | None, random_state
) -> list[np.ndarray]:
    parameters = piece.op.parameters()
    if isinstance(piece.op, Mirrored):  # its weights are an earlier layer's
        return [np.zeros(parameter.shape) for parameter in parameters]
    match piece.spec:
        case (
            specs.Dense(init=init)
            | specs.Conv1D(init=init)
            | specs.Conv2D(init=init)
            | specs.ConvTranspose1D(init=init)
            | specs.ConvTranspose2D(init=init)
        ):
            w, b, *others = parameters
            draw = DRAWS[init or _suited(piece, following)]
            weights = draw(random_state, prod(w.shape[:-1]), w.shape[-1]).reshape(w.shape)
            norms = [np.linalg.norm(weights, axis=0) for _ in others]
            return [weights, np.zeros(b.shape), *norms]
        case specs.Embedding():
            return [random_state.normal(size=parameter.shape) for parameter in parameters]
        case specs.TokenEmbedding():
            [parameter] = parameters
            vectors = random_state.normal(size=parameter.shape)
            if piece.op.padding is not None:
                vectors[piece.op.padding] = 0
            return [vectors]
        case specs.Layer() if isinstance(piece.spec, TABULAR):
            return first_values_of(piece.spec, piece.op, random_state)
        case specs.RNN() | specs.LSTM() | specs.GRU():
            return first_values(piece.op, piece.spec, random_state)
        case specs.PositionalEncoding():
            return [table(piece.op, random_state)]
    return [np.full(parameter.shape, parameter.start) for parameter in parameters]


def _suited(piece: BuiltLayer, following: BuiltLayer | None) -> str:
    """Chooses the initializer for the activation that follows a dense layer."""
    if isinstance(piece.op, Dense) and piece.op.tangent:
        return "lecun_normal"
    after = piece.op.after
    if after.activation == "identity" and following is not None:
        if isinstance(following.spec, specs.PReLU):
            return "he_normal"
        if isinstance(following.op, Parametric):
            return _initializer_of(following.op.function)
        products = Dense | Mirrored | Convolution | TransposedConvolution | Pooling | UpSampling
        if not isinstance(following.op, products):  # a normalization with an activation, say
            after = following.op.after
    return _initializer_of(after)


def _initializer_of(after: Epilogue) -> str:
    if after.activation in LECUN:
        return "lecun_normal"
    return "glorot_uniform" if after.activation in GLOROT else "he_normal"


def by_layer(built: BuiltLayers, arrays: Sequence[np.ndarray]) -> list:
    """Groups arrays by layer, in the order of the descriptions; residual blocks are nested, but
    what is inside one description is flat."""
    pieces = _split(built, iter(arrays))
    return [[] if home is None else pieces[home] for home in built.homes]


def _split(built: BuiltLayers, arrays: Iterator[np.ndarray]) -> list:
    found: list = []
    for piece in built.pieces:
        if piece.inner is not None:
            lists: list = []
            for part in parts_of(piece):
                inner = _split(part, arrays)
                lists += [[] if home is None else inner[home] for home in part.homes]
            found.append([*_leaves(lists)] if isinstance(piece.op, Chain) else lists)
            continue
        own = [(parameter, next(arrays)) for parameter in piece.op.parameters()]
        found.append([array for parameter, array in own if parameter.shown])
    return found


def _leaves(lists: list) -> Iterator[np.ndarray]:
    """The arrays of nested lists, in order."""
    for one in lists:
        if isinstance(one, list):
            yield from _leaves(one)
        else:
            yield one


def replaced(
    built: BuiltLayers, arrays: Sequence[np.ndarray], given: Sequence
) -> list[np.ndarray]:
    """Replaces a network's arrays by the user's arrays.

    Parameters
    ----------
    built : BuiltLayers
    arrays : sequence of ndarray
        The network's arrays, in the order of its ops.
    given : sequence
        The user's arrays, in the form of `by_layer`.

    Returns
    -------
    list of ndarray
        In the order of the ops, in the network's type.

    Raises
    ------
    ValueError
        If a number of arrays or a shape differs (the message names the position), a value is not
        finite, or a variance is negative.
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
    """Whether the first description is an `Embedding`."""
    return bool(layers) and isinstance(layers[0], specs.Embedding)


def has_tokens(layers) -> bool:
    """Whether the first description is a `TokenEmbedding`."""
    return bool(layers) and isinstance(layers[0], specs.TokenEmbedding)


def learned_from(X, spec: specs.Layer) -> specs.Layer:
    """A first description with the numbers of codes from X where it leaves them out."""
    match spec:
        case specs.Embedding(categories=None):
            return replace(spec, categories=categories_of(X, spec.columns))
        case specs.TokenEmbedding(count=None):
            largest = 0 if sparse.issparse(X) else max(0, int(X.max()))
            count = 1 + max(largest, spec.padding or 0)
            return replace(spec, count=min(count, MOST_CODES))
    return spec


def categories_of(X, columns):
    """The number of codes of each column: the largest code of X plus 1, at least 1.

    Returns 1 for columns that X does not have, and for sparse X; a later check raises the error.
    """
    if sparse.issparse(X):
        return (1,) * len(columns)
    found = [X[:, column].max() if column < X.shape[1] else 0 for column in columns]
    return tuple(max(0, int(code)) + 1 for code in found)


def check_tables(built: BuiltLayers, X) -> None:
    """Checks that codes whose number X determines are dense enough for a table.

    Raises
    ------
    ValueError
        Before the table is made, if its rows exceed `FREE_ROWS` and `ROWS_PER_CODE` per distinct
        code, as with ids. The message names the column, or the layer.
    """
    op = built.pieces[0].op
    if isinstance(op, TokenEmbedding):
        _check_table(
            *("X holds", X, op.categories, op.size),
            "a TokenEmbedding, layers[0]",
            "TokenEmbedding(size, count=...)",
        )
        return
    for column, rows, size in zip(op.columns, op.categories, op.sizes, strict=True):
        _check_table(
            *(f"X[:, {column}] holds", X[:, column], rows, size),
            "an Embedding",
            "by sklearn.preprocessing.OrdinalEncoder say",
            "Embedding(columns, categories=...)",
        )


def _check_table(where: str, codes, rows: int, size: int, layer: str, *ways: str) -> None:
    """Refuses codes that are too few for a table of so many rows; `ways` end the message."""
    if rows <= FREE_ROWS:
        return
    distinct = len(np.unique(codes))
    if rows > ROWS_PER_CODE * distinct:
        itemsize = codes.dtype.itemsize if codes.dtype.kind == "f" else 4
        megabytes = -(-rows * size * itemsize // 10**6)
        *by, given = ways
        raise ValueError(
            f"{where} {distinct:,} distinct codes of {layer}, the largest {rows - 1:,}: its table"
            f" would have {rows:,} rows, and {megabytes:,} MB before what the solver keeps of it."
            f" Number the codes from 0 without gaps, {''.join(f'{one}, ' for one in by)}or say how"
            f" many there may be: {given}."
        )


def check_input(X, built: BuiltLayers) -> None:
    """Checks that the first op of built layers can read X.

    Raises
    ------
    ValueError
        If X is sparse and the first op is not dense, an embedding's column has values that are
        not codes (`serving.checks.check_codes`), or a layer does not take the steps of a series.
    """
    first = built.pieces[0].op
    if sparse.issparse(X) and not isinstance(first, Dense):
        raise ValueError(
            f"X is sparse, but the network begins with {_beginning(built)}: it needs dense X."
        )
    if isinstance(first, Embedding):
        checks.check_codes(X, first.columns, first.categories)
    if isinstance(first, TokenEmbedding):
        checks.check_tokens(X, first.categories, first.padding)
    if (series := series_of(built.ops)) is not None:
        _check_steps(X, built, series)


def _check_steps(X: np.ndarray, built: BuiltLayers, series: Series) -> None:
    """Refuses series of steps that a layer does not take, padding left out."""
    steps, first = {X.shape[1] // series.features}, built.pieces[0].op
    if has_padding(X, first):
        if not series.are_tokens:
            checked_lengths(X, series.features, series.channels_first)
        steps |= set(lengths_of(X, first).tolist())
    for one in sorted(steps - {series.steps}):
        try:
            ops_of_steps(built.ops, one)
        except StepsError as error:
            raise place_of(built, error.number).refuse(
                f"it {error.why}, but X has series of length {one}"
            ) from None


def _beginning(built: BuiltLayers) -> str:
    """What users asked for that is the first in a network."""
    (op, spec, *_) = built.pieces[0]
    if isinstance(op, Standardize):
        return "standardize=True"
    if spec is not None:
        return type(spec).__name__
    named = next(piece.spec for piece in built.pieces if piece.spec is not None)
    return f"{type(named).__name__} on samples with axes {op.shape}"

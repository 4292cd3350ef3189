"""What the first layer of a network learns of X, and what X it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from fusednn import layers as specs
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.untrained import Standardize
from fusednn.graph.time_axis import Series, StepsError, ops_of_steps, series_of
from fusednn.layers.token_embedding import MOST_CODES
from fusednn.plan.lengths import has_padding, lengths_of
from fusednn.serving import checks
from fusednn.serving.sequences import checked_lengths

from .built_layers import BuiltLayers, place_of

ROWS_PER_CODE = 100
"""The most rows per distinct code of an embedding's table, if the data determine its size."""

FREE_ROWS = 10_000
"""Tables up to this many rows, about 4 MB, are made for any codes."""


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

"""The numbers of codes of embeddings whose descriptions leave them to the data."""

from __future__ import annotations

from dataclasses import replace

from fusednn import layers as specs


def with_codes_of(spec: specs.Layer, known: specs.Layer | None) -> specs.Layer:
    """An embedding with as many codes as a known one, if they are alike, or the least."""
    match spec, known:
        case specs.Embedding(columns, None), specs.Embedding() if known.columns == columns:
            return replace(spec, categories=known.categories)
        case specs.TokenEmbedding(count=None), specs.TokenEmbedding(count=count):
            return replace(spec, count=count)
    return with_least_codes(spec)


def with_least_codes(spec: specs.Layer) -> specs.Layer:
    """An embedding with the least numbers of codes where it leaves them to the data."""
    match spec:
        case specs.Embedding(columns, None):
            return replace(spec, categories=(1,) * len(columns))
        case specs.TokenEmbedding(count=None):
            return replace(spec, count=1 + (spec.padding or 0))
    return spec

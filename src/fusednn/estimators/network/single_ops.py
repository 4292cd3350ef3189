"""Ops of single descriptions: activations, dense layers, embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from fusednn import layers as specs
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.layers.dense import TANGENT
from fusednn.plan.binding.activations import epilogue

from .built_layers import Position
from .initializers import check_init
from .list_ends import SOFTMAX

ALIASES = {"sigmoid": "logistic", "swish": "silu"}


def epilogue_of(place: Position, spec, before: Epilogue | None) -> Epilogue | None:
    """Returns the epilogue of the op before with the layer added, or None if it does not fit.

    An epilogue holds one activation, then one dropout.
    """
    if before is None or before.dropout:
        return None
    match spec:
        case specs.Activation() if before == Epilogue():
            return activation_of(place, spec.name, spec.slope)
        case specs.Dropout(rate, per, schedule):
            found = before._replace(dropout=float(rate), alpha=False, schedule=schedule)
            return found._replace(by_channel=per == "channel")
        case specs.AlphaDropout(rate, schedule):
            return before._replace(dropout=float(rate), alpha=True, schedule=schedule)
    return None


def activation_of(place: Position, name: str, slope: float | None = None) -> Epilogue:
    """The epilogue of an activation by its name; `place` refuses unknown ones."""
    if name == SOFTMAX:
        raise place.refuse("softmax is for the output only, which applies it by itself")
    known = ALIASES.get(name, name)
    if known not in ACTIVATIONS:
        names = ", ".join(sorted([*ACTIVATIONS, *ALIASES]))
        raise place.refuse(f"there is no activation {name!r}; expected one of {names}")
    return epilogue(known, () if slope is None else (float(slope),))


def parametric_of(place: Position, spec: specs.ParametricActivation, width: int) -> Parametric:
    """The op of an activation in shares."""
    function = activation_of(place, spec.name, spec.slope)
    if function == Epilogue():
        raise place.refuse("the identity has no share in itself; leave the layer out")
    return Parametric(
        width,
        rate=float(spec.rate_factor),
        function=function,
        decay=float(spec.decay_factor),
        start=float(spec.share),
    )


def dense_of(place: Position, spec: specs.Dense, width: int) -> Dense:
    """The op of a dense layer that reads so many columns."""
    check_init(place.refuse, spec.init)
    return Dense(
        width,
        int(spec.units),
        activation_of(place, spec.activation),
        bias=bool(spec.bias),
        rate=float(spec.rate_factor),
        decay=float(spec.decay_factor),
        max_norm=float("inf") if spec.max_norm is None else float(spec.max_norm),
        weight_norm=bool(spec.weight_norm),
        tangent=spec.parametrization == TANGENT,
        bias_rate=float(spec.bias_rate_factor),
    )


def token_embedding_of(spec: specs.TokenEmbedding, steps: int) -> TokenEmbedding:
    """The op of an embedding of so many tokens."""
    assert spec.count is not None  # the estimator has set it from the data
    return TokenEmbedding(
        steps,
        int(spec.count),
        int(spec.size),
        None if spec.padding is None else int(spec.padding),
        rate=float(spec.rate_factor),
        decay=float(spec.decay_factor),
    )


def vector_sizes(spec: specs.Embedding, categories: Sequence[int]) -> list[int]:
    """The number of elements of a vector, for each column of codes."""
    return [spec.size or min(50, (count + 1) // 2) for count in categories]


def embedding_of(place: Position, spec: specs.Embedding, width: int) -> Embedding:
    """The op of an embedding of some of so many columns."""
    largest = max(spec.columns)
    if largest >= width:
        raise place.refuse(f"it received {width} columns and expected at least {largest + 1}")
    assert spec.categories is not None  # the estimator has set them from the data
    return Embedding(
        width,
        tuple(spec.columns),
        tuple(spec.categories),
        tuple(vector_sizes(spec, spec.categories)),
        rate=float(spec.rate_factor),
        decay=float(spec.decay_factor),
    )

"""Draws the first parameters of a built network."""

from __future__ import annotations

from math import prod

import numpy as np

from fusednn import layers as specs
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tied import Mirrored
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling

from .attentions import table
from .built_layers import BuiltLayer, BuiltLayers, parts_of
from .initializers import DRAWS
from .recurrences import first_values
from .tabular import TABULAR, check_edges, first_values_of

LECUN = {"selu"}
GLOROT = {"identity", "tanh", "logistic"}


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

"""First values of weights and biases by what the layers before them make of the samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.layer import Layer, with_after
from fusednn.graph.network import Network
from fusednn.plan.lengths import has_padding
from fusednn.serving.model import LOSS_OF_LINK
from fusednn.training.predict import predict

from .built_layers import BuiltLayer, BuiltLayers, parts_of
from .first_samples import FirstSamples
from .initializers import DATA

MOST_ROWS = 8192
"""The most rows of samples that first values follow from: deviations are then right to 1 %."""

LEAST_SAMPLES = 64
"""Samples of many rows, such as images, are at least so many."""

PICKED = 5
"""The samples whose mean, with random weights, a unit's bias takes away."""


class _Reached(NamedTuple):
    """An op and the numbers of its arrays."""

    op: Layer
    arrays: range


def refuse_data(built: BuiltLayers, kind: str) -> None:
    """Refuses layers with `init="data"` in a kind of network that is built without samples."""
    for piece, _ in _walked(built):
        if _is_asked(piece):
            raise ValueError(
                f"{piece.spec!r} draws its first values by samples, which {kind} has not got when"
                " it is built; choose another init."
            )


def set_by_data(
    built: BuiltLayers, arrays: Sequence[np.ndarray], samples: FirstSamples, random_state, n_jobs
) -> None:
    """Sets the first values of layers with `init="data"`, layer by layer, in place.

    Parameters
    ----------
    built : BuiltLayers
    arrays : sequence of ndarray
        Its parameters, in the order of the ops; weights of these layers are normal.
    samples : FirstSamples
    random_state : RandomState
    n_jobs : int or None
        Threads; they change no bit.

    Raises
    ------
    ValueError
        If X has padding where such a layer reads it.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024, appendix A.1. Its biases, "he+5", are those of Steinwart,
    "A sober look at neural network initializations", arXiv:1903.11482.
    """
    if not any(_is_asked(piece) for piece, _ in _walked(built)):
        return
    network = Network(built.ops, LOSS_OF_LINK["identity"])
    numbers = np.arange(samples.X.shape[0])[samples.rows]
    most = max(LEAST_SAMPLES, MOST_ROWS // network.positions)
    if len(numbers) > most:
        numbers = np.sort(random_state.choice(numbers, most, replace=False))
    X = samples.X[numbers]
    for piece, reached in _walked(built):
        if not _is_asked(piece):
            continue
        before, own = reached[:-1], reached[-1]
        ops = (*(one.op for one in before), with_after(own.op, Epilogue()))
        network = network._replace(ops=ops)
        if len(network.out_shape) > 1 and has_padding(X, ops[0]):
            raise ValueError(
                f"{piece.spec!r} cannot draw its first values by series of unequal lengths, whose"
                " padding it reads; choose another init."
            )
        taken = [arrays[number] for one in reached for number in one.arrays]
        found = predict(network, taken, X, n_jobs=n_jobs, answer="logits")
        weights, biases, *norms = (arrays[number] for number in own.arrays)
        factor, bias = scales_and_biases(found.reshape(-1, len(biases)), random_state)
        factor[np.isnan(factor)] = (weights.size // len(biases)) ** -0.5
        for array in (weights, *norms):
            array *= factor
        if own.op.parameters()[1].trained:
            biases[:] = bias * factor


def scales_and_biases(sums: np.ndarray, random_state) -> tuple[np.ndarray, np.ndarray]:
    """What gives each unit a deviation of 1, and a bias for its sums before that.

    Parameters
    ----------
    sums : ndarray of shape (n, units)
        Products with normal weights, without biases.

    Returns
    -------
    factors : ndarray of shape (units,)
        1 / deviation; NaN of units that are constant, or too large for the type.
    biases : ndarray of shape (units,)
        Minus a mean of five rows, drawn with replacement for each unit, with random weights: these
        are uniform over those that sum to 1. 0 where the factor is NaN.
    """
    units = sums.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        deviations = sums.std(axis=0, dtype=float)
        least = 8 * np.finfo(sums.dtype).eps * np.abs(sums).max(axis=0)
        varies = np.isfinite(deviations) & (deviations > least)
    picked = random_state.randint(len(sums), size=(PICKED, units))
    shares = random_state.exponential(size=(PICKED, units))
    shares /= shares.sum(axis=0)
    means = (sums[picked, np.arange(units)].astype(float) * shares).sum(axis=0)
    factors = np.divide(1.0, deviations, out=np.full(units, np.nan), where=varies)
    return factors, np.where(varies, -means, 0.0)


def _is_asked(piece: BuiltLayer) -> bool:
    return getattr(piece.spec, "init", None) == DATA


def _walked(
    built: BuiltLayers, before: tuple[_Reached, ...] = (), start: int = 0
) -> Iterator[tuple[BuiltLayer, tuple[_Reached, ...]]]:
    """The layers that have an op, those of blocks too, each with the ops from X to itself."""
    for piece in built.pieces:
        stop = start + len(piece.op.parameters())
        here = (*before, _Reached(piece.op, range(start, stop)))
        if piece.inner is None:
            yield piece, here
        for part in parts_of(piece):
            yield from _walked(part, before, start)
            start += sum(len(op.parameters()) for op in part.ops)
        before, start = here, stop

"""Fitted scalers as affine functions: folded into a layer of a network, or as ops of their own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.untrained import Standardize
from fusednn.graph.network import Network
from fusednn.plan.folding import folded

SCALERS = StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler
NEAR_MEAN = {np.dtype(np.float32): 30.0, np.dtype(np.float64): 1e9}
"""Scalers whose |mean| / deviation is at least this are not folded into weights.

Products of larger means round by more than 1e-5 of the largest output, which is the difference
that predictors may have.
"""


class Affine(NamedTuple):
    """(x + before) factor / divisor + after, clipped to [low, high], for each column; float64."""

    before: np.ndarray
    factor: np.ndarray
    divisor: np.ndarray
    after: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def mean_and_factor(self):
        """Converts to (x - mean) factor; returns None if it clips or a factor is 0."""
        clips = np.isfinite(self.low).any() or np.isfinite(self.high).any()
        if clips or not self.factor.all():
            return None
        factor = self.factor / self.divisor
        return -self.before - self.after / factor, factor

    def of(self, columns) -> Affine:
        """Selects columns."""
        return Affine(*(part[columns] for part in self))

    def is_nothing(self) -> bool:
        """Whether the function returns all columns unchanged."""
        return all(np.all(a == b) for a, b in zip(self, nothing(1), strict=True))


def nothing(width: int) -> Affine:
    """The function that returns `width` columns unchanged."""
    return Affine(*(np.full(width, value) for value in (0.0, 1.0, 1.0, 0.0, -np.inf, np.inf)))


def side_by_side(parts: list[Affine]) -> Affine:
    """Concatenates functions of different columns."""
    return Affine(*map(np.concatenate, zip(*parts, strict=True)))


def affine_of(scaler, dtype) -> Affine:
    """Converts a fitted scaler to the function that it applies to rows of this type."""
    width = scaler.n_features_in_
    parts: dict[str, Any] = {"before": 0.0, "factor": 1.0, "divisor": 1.0, "after": 0.0}
    low, high = -np.inf, np.inf
    match scaler:
        case StandardScaler():
            parts["before"] = 0.0 if not scaler.with_mean else -scaler.mean_
            parts["divisor"] = 1.0 if scaler.scale_ is None else scaler.scale_
            for key in ("before", "divisor"):  # scikit-learn casts these to the type of X
                parts[key] = np.asarray(parts[key], dtype)
        case MinMaxScaler():
            parts["factor"], parts["after"] = scaler.scale_, scaler.min_
            low, high = scaler.feature_range if scaler.clip else (low, high)
        case MaxAbsScaler():
            parts["divisor"] = scaler.scale_
            low, high = (-1.0, 1.0) if getattr(scaler, "clip", False) else (low, high)
        case RobustScaler():
            parts["before"] = 0.0 if scaler.center_ is None else -scaler.center_
            parts["divisor"] = 1.0 if scaler.scale_ is None else scaler.scale_
    parts |= {"low": low, "high": high}
    return Affine(**{key: np.full(width, value, float) for key, value in parts.items()})


def inverse_of(scaler, dtype) -> Affine:
    """Converts a fitted scaler's inverse, with scikit-learn's order of operations."""
    forth = affine_of(scaler, dtype)
    back = nothing(len(forth.factor))
    if isinstance(scaler, MinMaxScaler):
        return back._replace(before=-forth.after, divisor=forth.factor)
    return back._replace(factor=forth.divisor, after=-forth.before)


def behind(
    scalers: list[Affine], network: Network, arrays: list[np.ndarray], dtype, *, folds: bool
) -> tuple[Network, list[np.ndarray]]:
    """Puts scalers before a network; after an Embedding if it begins with one.

    Parameters
    ----------
    scalers : list of Affine
        In the order of application.
    network : Network
        A result of `folded`.
    arrays : list of ndarray
        The parameters of the network, in the order of the ops.
    dtype : dtype
        The network's.
    folds : bool
        Whether to fold scalers into the first layer. Scalers that clip, and scalers of columns
        with large means (`NEAR_MEAN`), always become ops.

    Returns
    -------
    network : Network
    arrays : list of ndarray

    Raises
    ------
    TypeError
        If a scaler changes tokens or the codes of an Embedding, or an activation follows the
        Embedding.
    """
    scalers = [scaler for scaler in scalers if not scaler.is_nothing()]
    if scalers and isinstance(network.ops[0], TokenEmbedding):
        raise TypeError("freeze cannot scale the tokens of a TokenEmbedding.")
    if isinstance(network.ops[0], Embedding):
        scalers = [_past(scaler, network.ops[0]) for scaler in scalers]
    for number, scaler in reversed(list(enumerate(scalers))):
        together = _folded(scaler, network, arrays, dtype) if folds else None
        if together is None:
            return _exact(scalers[: number + 1], network, arrays)
        network, arrays = together
    return network, arrays


def _folded(scaler: Affine, network: Network, arrays, dtype):
    """Folds a scaler into the first layer; returns None if the layer cannot hold it."""
    linear = scaler.mean_and_factor()
    if linear is None or not np.all(abs(linear[0] * linear[1]) < NEAR_MEAN[dtype]):
        return None
    wide, parts = _put(network, arrays, [Standardize(len(scaler.factor))], [*linear])
    few, parts = folded(wide, parts)
    return None if len(few.ops) > len(network.ops) else (few, parts)


def _exact(scalers: list[Affine], network: Network, arrays):
    """Adds an op for each scaler."""
    rescales = [Rescale(len(scaler.factor)) for scaler in scalers]
    return _put(network, arrays, rescales, [part for scaler in scalers for part in scaler])


def _put(network: Network, arrays, ops: list, parts: list) -> tuple[Network, list[np.ndarray]]:
    """Inserts ops before the first op, or after it if it is an Embedding, which reads X itself."""
    first = network.ops[0]
    at, count = (1, len(first.columns)) if isinstance(first, Embedding) else (0, 0)
    network = network._replace(ops=(*network.ops[:at], *ops, *network.ops[at:]))
    return network, [*arrays[:count], *parts, *arrays[count:]]


def _past(scaler: Affine, embedding: Embedding) -> Affine:
    """Converts a scaler of X to one of an Embedding's output; it leaves vectors unchanged."""
    if not scaler.of(list(embedding.columns)).is_nothing():
        raise TypeError(
            "freeze cannot scale the codes of an Embedding. Scale the other columns alone, by a"
            " ColumnTransformer."
        )
    if embedding.after.activation != "identity":
        raise TypeError(
            f"freeze cannot scale columns before an Embedding that {embedding.after.activation!r}"
            " follows."
        )
    vectors = nothing(sum(embedding.sizes))
    return side_by_side([scaler.of(embedding.plain), vectors])

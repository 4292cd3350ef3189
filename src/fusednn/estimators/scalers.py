"""Fitted scalers before a network: in its first layer, or exact ops of their own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from fusednn.plan.folding import folded
from fusednn.plan.layers.embedding import Embedding
from fusednn.plan.layers.rescale import Rescale
from fusednn.plan.layers.through import Scale
from fusednn.plan.network import Network
from fusednn.plan.parameters import ParameterLayout

SCALERS = StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler
NEAR_MEAN = {np.dtype(np.float32): 30.0, np.dtype(np.float64): 1e9}
"""The largest mean, in deviations, of what is folded: products with larger ones round by more than
the 1e-5 of the largest output that predictors may differ by."""


class Affine(NamedTuple):
    """(x + before) factor / divisor + after within [low, high], by column, in float64."""

    before: np.ndarray
    factor: np.ndarray
    divisor: np.ndarray
    after: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def mean_and_factor(self):
        """The same as (x - mean) factor; None if it clips, or a factor is 0."""
        clips = np.isfinite(self.low).any() or np.isfinite(self.high).any()
        if clips or not self.factor.all():
            return None
        factor = self.factor / self.divisor
        return -self.before - self.after / factor, factor


def affine_of(scaler, dtype) -> Affine:
    """What a fitted scaler does to rows of this type."""
    width = scaler.n_features_in_
    parts: dict[str, Any] = {"before": 0.0, "factor": 1.0, "divisor": 1.0, "after": 0.0}
    low, high = -np.inf, np.inf
    match scaler:
        case StandardScaler():
            parts["before"] = 0.0 if not scaler.with_mean else -scaler.mean_
            parts["divisor"] = 1.0 if scaler.scale_ is None else scaler.scale_
            for key in ("before", "divisor"):  # as scikit-learn has them in the type of X
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


def behind(
    scalers: list[Affine], network: Network, arrays: list[np.ndarray], dtype, *, folds: bool
) -> tuple[Network, list[np.ndarray]]:
    """A network behind scalers, and its parameters.

    Parameters
    ----------
    scalers : list of Affine
        The first is applied first.
    network : Network
        As `folded` leaves it.
    arrays : list of ndarray
        Its parameters, in the order of the ops.
    dtype : dtype
        The network's.
    folds : bool
        Whether they may go into the first layer; clipping ones never do, nor those of data that
        are far from zero.

    Raises
    ------
    TypeError
        If the network begins with an Embedding.
    """
    for number, scaler in reversed(list(enumerate(scalers))):
        together = _folded(scaler, network, arrays, dtype) if folds else None
        if together is None:
            return _exact(scalers[: number + 1], network, arrays)
        network, arrays = together
    return network, arrays


def _folded(scaler: Affine, network: Network, arrays, dtype):
    """Both in one; None if the first layer cannot take it."""
    linear = scaler.mean_and_factor()
    if linear is None or not np.all(abs(linear[0] * linear[1]) < NEAR_MEAN[dtype]):
        return None
    wide = network._replace(ops=(Scale(len(scaler.factor)), *network.ops))
    layout = ParameterLayout(wide.forms(dtype), dtype)
    few, *groups = folded(wide, *layout.split([*linear, *arrays]))
    if len(few.ops) > len(network.ops):
        return None
    return few, ParameterLayout(few.forms(dtype), dtype).in_order(*groups)


def _exact(scalers: list[Affine], network: Network, arrays):
    """Each an op of its own."""
    if isinstance(network.ops[0], Embedding):
        raise TypeError("freeze cannot scale the codes of an Embedding.")
    rescales = tuple(Rescale(len(scaler.factor)) for scaler in scalers)
    parts = [part for scaler in scalers for part in scaler]
    return network._replace(ops=(*rescales, *network.ops)), [*parts, *arrays]

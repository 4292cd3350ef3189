"""A network for inference alone: what is linear is folded into the dense layer beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.untrained import GaussianNoise, Identity, Standardize
from fusednn.graph.network import Network

from .updating.norms import normed_weights

FAR_MEAN = {np.dtype(np.float32): 1e3, np.dtype(np.float64): 1e9}
"""The largest mean, in deviations, that may go into the bias of the layer behind a scaling: two
large numbers would take each other away there."""


class FittedLayer(NamedTuple):
    """An op and its parameters."""

    op: Layer
    arrays: list[np.ndarray]


def folded(
    network: Network, arrays: Sequence[np.ndarray], behind: bool = True
) -> tuple[Network, list[np.ndarray]]:
    """The same function with fewer ops.

    Noise goes; weights of directions and norms become weights; batch normalisation goes into a
    dense layer just before or behind it, and scaling of the data into the one behind it.

    Parameters
    ----------
    network : Network
    arrays : sequence of ndarray
        Its parameters in their order; the result has the dtype of the last.
    behind : bool
        Whether what scales the input of a dense layer goes into that.

    Returns
    -------
    network, arrays
        As they were given; new arrays where they changed.
    """
    dtype = arrays[-1].dtype if arrays else np.dtype(float)
    steps = _fold(_steps(network.ops, arrays), dtype, behind)
    steps = steps or [FittedLayer(Identity(network.inputs), [])]
    network = network._replace(ops=tuple(step.op for step in steps))
    return network, [np.asarray(array, dtype) for step in steps for array in step.arrays]


def _steps(ops, arrays) -> list[FittedLayer]:
    arrays, steps = iter(arrays), []
    for op in ops:
        steps.append(FittedLayer(op, [next(arrays) for _ in op.parameters()]))
    return steps


def _fold(steps: list[FittedLayer], dtype, behind: bool) -> list[FittedLayer]:
    done: list[FittedLayer] = []
    for step in map(_alone, steps):
        if step is None:
            continue
        if isinstance(step.op, Residual):
            inner = _fold(_steps(step.op.inner, step.arrays), dtype, behind)
            inner = inner or [FittedLayer(Identity(step.op.fan_in), [])]
            step = FittedLayer(
                step.op._replace(inner=tuple(part.op for part in inner)),
                [array for part in inner for array in part.arrays],
            )
        while done and (both := _together(done[-1], step, dtype, behind)) is not None:
            done.pop()
            step = both
        done.append(step)
    return done


def _together(before: FittedLayer, step: FittedLayer, dtype, behind: bool) -> FittedLayer | None:
    """One step that does what two do; None if there is none."""
    if isinstance(step.op, BatchNorm) and _ends_plainly(before):
        return _into_before(before, step)
    if behind and isinstance(step.op, Dense) and _goes_on(before, dtype):
        return _into_behind(before, step)
    return None


def _alone(step: FittedLayer) -> FittedLayer | None:
    """A step by itself, as inference needs it; None if it does nothing there."""
    op, arrays = step
    if isinstance(op, GaussianNoise):
        op = Identity(op.width, op.after)
    if isinstance(op, Identity) and op.after.activation == "identity":
        return None
    if isinstance(op, Dense) and op.weight_norm:
        v, b, norms = arrays
        return FittedLayer(op._replace(weight_norm=False), [normed_weights(v, norms), b])
    return FittedLayer(op, arrays)


def _ends_plainly(step: FittedLayer) -> bool:
    return isinstance(step.op, Dense) and step.op.after.activation == "identity"


def _affine(step: FittedLayer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, factor and shift of a normalisation by column or a scaling, in float64."""
    arrays = [array.astype(float) for array in step.arrays]
    if isinstance(step.op, Standardize):
        mean, factor = arrays
        return mean, factor, np.zeros_like(mean)
    assert isinstance(step.op, BatchNorm)
    scale, shift, mean, variance = arrays
    return mean, scale / np.sqrt(variance + step.op.epsilon), shift


def _goes_on(step: FittedLayer, dtype) -> bool:
    """Whether a scaling may go into the dense layer behind it."""
    if not isinstance(step.op, BatchNorm | Standardize) or step.op.after.activation != "identity":
        return False
    mean, factor, _ = _affine(step)
    return bool(np.all(np.abs(mean * factor) < FAR_MEAN[np.dtype(dtype)]))


def _into_before(dense: FittedLayer, norm: FittedLayer) -> FittedLayer:
    mean, factor, shift = _affine(norm)
    w, b = (array.astype(float) for array in dense.arrays)
    assert isinstance(dense.op, Dense)
    assert isinstance(norm.op, BatchNorm)
    op = dense.op._replace(after=norm.op.after)
    return FittedLayer(op, [w * factor, (b - mean) * factor + shift])


def _into_behind(norm: FittedLayer, dense: FittedLayer) -> FittedLayer:
    mean, factor, shift = _affine(norm)
    w, b = (array.astype(float, order="C") for array in dense.arrays)
    assert isinstance(dense.op, Dense)
    # by einsum, which adds in one order: a product by BLAS has other bits on other CPUs
    offset = np.einsum("i,io->o", shift - mean * factor, w)
    return FittedLayer(dense.op, [w * factor[:, np.newaxis], b + offset])

"""Folding for inference: linear ops are merged into the adjacent dense layer."""

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
"""The largest mean, in standard deviations, of a scaling that may be merged into the bias of the
next layer: with a larger mean two large numbers would cancel there."""


class FittedLayer(NamedTuple):
    """An op and its parameters."""

    op: Layer
    arrays: list[np.ndarray]


def folded(
    network: Network, arrays: Sequence[np.ndarray], into_next: bool = True
) -> tuple[Network, list[np.ndarray]]:
    """The same function with fewer ops.

    Removes noise layers, multiplies out weight normalisation, merges BatchNorm into the adjacent
    dense layer, and merges the scaling of the data into the dense layer after it.

    Parameters
    ----------
    network : Network
    arrays : sequence of ndarray
        Its parameters in their order; the result has the dtype of the last.
    into_next : bool
        Whether to merge BatchNorm and scaling into a dense layer after them.

    Returns
    -------
    network, arrays
        The folded network and its parameters; those that did not change are not copied.
    """
    dtype = arrays[-1].dtype if arrays else np.dtype(float)
    steps = _fold(_steps(network.ops, arrays), dtype, into_next)
    steps = steps or [FittedLayer(Identity(network.inputs), [])]
    network = network._replace(ops=tuple(step.op for step in steps))
    return network, [np.asarray(array, dtype) for step in steps for array in step.arrays]


def _steps(ops, arrays) -> list[FittedLayer]:
    arrays, steps = iter(arrays), []
    for op in ops:
        steps.append(FittedLayer(op, [next(arrays) for _ in op.parameters()]))
    return steps


def _fold(steps: list[FittedLayer], dtype, into_next: bool) -> list[FittedLayer]:
    done: list[FittedLayer] = []
    for step in map(_simplified, steps):
        if step is None:
            continue
        if isinstance(step.op, Residual):
            inner = _fold(_steps(step.op.inner, step.arrays), dtype, into_next)
            inner = inner or [FittedLayer(Identity(step.op.fan_in), [])]
            step = FittedLayer(
                step.op._replace(inner=tuple(part.op for part in inner)),
                [array for part in inner for array in part.arrays],
            )
        while done and (both := _merged(done[-1], step, dtype, into_next)) is not None:
            done.pop()
            step = both
        done.append(step)
    return done


def _merged(before: FittedLayer, step: FittedLayer, dtype, into_next: bool) -> FittedLayer | None:
    """Two steps merged into one; None if they cannot be."""
    if isinstance(step.op, BatchNorm) and _is_linear(before):
        return _merged_into_before(before, step)
    if into_next and isinstance(step.op, Dense) and _fits_into_next(before, dtype):
        return _merged_into_next(before, step)
    return None


def _simplified(step: FittedLayer) -> FittedLayer | None:
    """A step as inference needs it; None if it does nothing there."""
    op, arrays = step
    if isinstance(op, GaussianNoise):
        op = Identity(op.width, op.after)
    if isinstance(op, Identity) and op.after.activation == "identity":
        return None
    if isinstance(op, Dense) and op.weight_norm:
        v, b, norms = arrays
        return FittedLayer(op._replace(weight_norm=False), [normed_weights(v, norms), b])
    return FittedLayer(op, arrays)


def _is_linear(step: FittedLayer) -> bool:
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


def _fits_into_next(step: FittedLayer, dtype) -> bool:
    """Whether it is BatchNorm or a scaling that may be merged into the next dense layer."""
    if not isinstance(step.op, BatchNorm | Standardize) or step.op.after.activation != "identity":
        return False
    mean, factor, _ = _affine(step)
    return bool(np.all(np.abs(mean * factor) < FAR_MEAN[np.dtype(dtype)]))


def _merged_into_before(dense: FittedLayer, norm: FittedLayer) -> FittedLayer:
    mean, factor, shift = _affine(norm)
    w, b = (array.astype(float) for array in dense.arrays)
    assert isinstance(dense.op, Dense)
    assert isinstance(norm.op, BatchNorm)
    op = dense.op._replace(after=norm.op.after)
    return FittedLayer(op, [w * factor, (b - mean) * factor + shift])


def _merged_into_next(norm: FittedLayer, dense: FittedLayer) -> FittedLayer:
    mean, factor, shift = _affine(norm)
    w, b = (array.astype(float, order="C") for array in dense.arrays)
    assert isinstance(dense.op, Dense)
    # by einsum, which adds in one order: a product by BLAS has other bits on other CPUs
    offset = np.einsum("i,io->o", shift - mean * factor, w)
    return FittedLayer(dense.op, [w * factor[:, np.newaxis], b + offset])

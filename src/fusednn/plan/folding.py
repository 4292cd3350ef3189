"""Folding for inference: linear ops are merged into the adjacent dense layer or convolution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.latent import Latent
from fusednn.graph.layers.layer import Layer, with_after
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.untrained import GaussianNoise, Identity, Standardize
from fusednn.graph.network import Network

from .untying import untied
from .updating.norms import normed_weights

PRODUCTS = Dense | Convolution | TransposedConvolution
"""Ops that multiply by weights whose last axis is that of their columns or channels."""

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

    Gives tied dense layers weights of their own, removes noise layers, multiplies out weight
    normalisation, merges BatchNorm and learned factors of columns into the adjacent dense layer or
    convolution, and merges the scaling of the data into the dense layer after it.
    Zero padding keeps BatchNorm out of a convolution after it: zeros would have to be its mean.
    A transposed convolution takes up BatchNorm behind it only, since fewer of its taps add to the
    elements at the edges.

    Parameters
    ----------
    network : Network
    arrays : sequence of ndarray
        Its parameters in their order; the result has the dtype of the last.
    into_next : bool
        Whether to merge BatchNorm, factors and scaling into a layer after them.

    Returns
    -------
    network, arrays
        The folded network and its parameters; those that did not change are not copied.
    """
    ops, arrays = untied(network.ops, arrays)
    dtype = arrays[-1].dtype if arrays else np.dtype(float)
    steps = _fold(_steps(ops, arrays), dtype, into_next)
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
    for step in map(_simplified, _unchained(steps)):
        if step is None:
            continue
        if isinstance(step.op, Residual):
            step = _folded_residual(step, dtype, into_next)
        while done and (both := _merged(done[-1], step, dtype, into_next)) is not None:
            done.pop()
            step = both
        done.append(step)
    return done


def _unchained(steps: Sequence[FittedLayer]) -> Iterator[FittedLayer]:
    """The ops inside chains in their place."""
    for step in steps:
        if isinstance(step.op, Chain):
            yield from _unchained(_steps(step.op.inner, step.arrays))
            yield FittedLayer(Identity(step.op.fan_out, step.op.after), [])
        else:
            yield step


def _folded_residual(step: FittedLayer, dtype, into_next: bool) -> FittedLayer:
    block, arrays = step.op, list(step.arrays)
    assert isinstance(block, Residual)
    count = sum(len(op.parameters()) for op in block.inner)
    inner = _fold(_steps(block.inner, arrays[:count]), dtype, into_next)
    inner = inner or [FittedLayer(Identity(block.fan_in), [])]
    shortcut = _fold(_steps(block.shortcut, arrays[count:]), dtype, into_next)
    block = block._replace(
        inner=tuple(part.op for part in inner), shortcut=tuple(part.op for part in shortcut)
    )
    return FittedLayer(block, [array for part in inner + shortcut for array in part.arrays])


def _merged(before: FittedLayer, step: FittedLayer, dtype, into_next: bool) -> FittedLayer | None:
    """Two steps merged into one; None if they cannot be."""
    if isinstance(step.op, BatchNorm | Scaling) and _is_linear(before):
        return _merged_into_before(before, step)
    if isinstance(step.op, Latent) and isinstance(before.op, Dense) and _is_linear(before):
        return _merged_means(before, step)
    if into_next and _takes_scaling(step.op) and _fits_into_next(before, dtype):
        return _merged_into_next(before, step)
    return None


def _simplified(step: FittedLayer) -> FittedLayer | None:
    """A step as inference needs it; None if it does nothing there."""
    op, arrays = step
    if op.after.dropout:
        op = with_after(op, op.after._replace(dropout=0.0, alpha=False, schedule=None))
    if isinstance(op, GaussianNoise):
        op = Identity(op.width, op.after)
    if isinstance(op, Identity) and op.after.activation == "identity":
        return None
    if isinstance(op, Dense) and op.weight_norm:
        v, b, norms = arrays
        return FittedLayer(op._replace(weight_norm=False), [normed_weights(v, norms), b])
    return FittedLayer(op, arrays)


def _is_linear(step: FittedLayer) -> bool:
    return isinstance(step.op, PRODUCTS) and step.op.after.activation == "identity"


def _takes_scaling(op: Layer) -> bool:
    """Whether a scaling of its input can be part of its weights and biases."""
    if isinstance(op, Convolution):
        return not any(map(any, op.windows.padding))
    return isinstance(op, Dense)


def _affine(step: FittedLayer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, factor and shift of an op that is affine by column, in float64."""
    arrays = [array.astype(float) for array in step.arrays]
    if isinstance(step.op, Standardize):
        mean, factor = arrays
        return mean, factor, np.zeros_like(mean)
    if isinstance(step.op, Scaling):
        [factor] = arrays
        return np.zeros_like(factor), factor, np.zeros_like(factor)
    assert isinstance(step.op, BatchNorm)
    scale, shift, mean, variance = arrays
    return mean, scale / np.sqrt(variance + step.op.epsilon), shift


def _fits_into_next(step: FittedLayer, dtype) -> bool:
    """Whether it is affine by column and may be merged into the next layer."""
    affine = isinstance(step.op, BatchNorm | Scaling | Standardize)
    if not affine or step.op.after.activation != "identity":
        return False
    mean, factor, _ = _affine(step)
    return bool(np.all(np.abs(mean * factor) < FAR_MEAN[np.dtype(dtype)]))


def _merged_into_before(product: FittedLayer, norm: FittedLayer) -> FittedLayer:
    mean, factor, shift = _affine(norm)
    w, b = (array.astype(float) for array in product.arrays)
    assert isinstance(product.op, PRODUCTS)
    op = with_after(product.op, norm.op.after)
    return FittedLayer(op, [w * factor, (b - mean) * factor + shift])


def _merged_means(product: FittedLayer, latent: FittedLayer) -> FittedLayer:
    """The part of a dense layer that gives the means of codes."""
    w, b = product.arrays
    assert isinstance(product.op, Dense)
    assert isinstance(latent.op, Latent)
    width = latent.op.width
    op = product.op._replace(fan_out=width, after=latent.op.after)
    return FittedLayer(op, [np.ascontiguousarray(w[:, :width]), b[:width].copy()])


def _merged_into_next(norm: FittedLayer, product: FittedLayer) -> FittedLayer:
    mean, factor, shift = _affine(norm)
    w, b = (array.astype(float, order="C") for array in product.arrays)
    rows, columns = w.shape[-2:]  # a dense layer has one tap and one group
    groups = len(mean) // rows
    offset = (shift - mean * factor).reshape(groups, rows)
    parts = w.reshape(-1, rows, groups, columns // groups).transpose(2, 0, 1, 3)
    # by einsum, which adds in one order: a product by BLAS has other bits on other CPUs
    offsets = [
        np.einsum("i,io->o", np.tile(one, len(part)), part.reshape(-1, part.shape[-1]))
        for one, part in zip(offset, parts, strict=True)
    ]
    # the factor of each weight: of channel i of the group that a filter belongs to
    factors = factor.reshape(groups, rows).T.repeat(columns // groups, axis=1)
    return FittedLayer(product.op, [w * factors, b + np.concatenate(offsets)])

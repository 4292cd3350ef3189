"""Outputs of a fitted network for new rows."""

from __future__ import annotations

import numpy as np

from fusednn.plan.data import DenseRows, source_of
from fusednn.plan.forms import forms_of
from fusednn.plan.forward import Network
from fusednn.plan.inference import BLOCK_ROWS, WHOLE, Part, lower_inference
from fusednn.plan.parameters import ParameterLayout

from .jobs import FLOPS_PER_THREAD, choose_jobs
from .kept import keep, take
from .team import run_all

FEW_ROWS = 64
"""Up to here the matrices are multiplied as they stand; packing them costs more."""

COPIED_BYTES = 1 << 17
"""Data and parameters up to here are copied to a kept plan; lowering takes as long as more."""


def predict(
    network: Network, coefs, intercepts, X, *, n_jobs: int | None = None, part: Part = WHOLE
) -> np.ndarray:
    """Outputs of a network.

    Parameters
    ----------
    network : Network
    coefs, intercepts : lists of (I, O) and (O,) arrays
        Of one dtype; they are only read.
    X : array or sparse matrix of shape (n_samples, I)
    n_jobs : int or None
        As `choose_jobs` takes it.
    part : Part

    Returns
    -------
    ndarray of shape (n_samples, O)
        In the dtype of `coefs`; a row's bits do not depend on the other rows.

    Raises
    ------
    ValueError
        If X has another number of columns than the network has inputs.
    """
    dtype = coefs[0].dtype
    source = source_of(X, dtype)
    rows, columns = source.shape
    if columns != network.sizes[0]:
        raise ValueError(f"X has {columns} features, but coefs_[0] has {network.sizes[0]} rows.")
    if isinstance(source, DenseRows) and rows <= FEW_ROWS:
        return _predict_few(network, coefs, intercepts, source, part)
    layout = ParameterLayout(network.sizes, dtype)
    flat = layout.pack(coefs, intercepts)
    layers = range(len(layout))
    weights = [layout.weights(flat, layer) for layer in layers]
    biases = [layout.bias(flat, layer) for layer in layers]
    flops = 2.0 * rows * sum(w.size for w in coefs)
    workers = choose_jobs(n_jobs, flops, FLOPS_PER_THREAD)
    workers = min(workers, -(-rows // BLOCK_ROWS))
    program, outputs = lower_inference(
        network, weights, biases, source, dtype, workers=workers, part=part
    )
    run_all(program)
    return outputs


def _predict_few(network: Network, coefs, intercepts, source: DenseRows, part) -> np.ndarray:
    """The same by the matrices as they stand; those of a small network are copied to its plan."""
    dtype, layers = coefs[0].dtype, len(coefs)
    forms = forms_of(network.sizes, dtype)
    coefs = [form.plain(w) for form, w in zip(forms, coefs, strict=True)]
    arrays = [*coefs, *intercepts, source.X]
    small = sum(array.nbytes for array in arrays) <= COPIED_BYTES
    sizes, rows = tuple(network.sizes), len(source.X)
    kind = "predict", sizes, *network[1:], part, dtype, rows
    lowered = take(kind) if small else None
    if lowered is None:
        own = [array.copy(order="C") if small else np.ascontiguousarray(array) for array in arrays]
        program, outputs = lower_inference(
            network,
            own[:layers],
            own[layers:-1],
            DenseRows(own[-1], dtype),
            dtype,
            plain=True,
            part=part,
        )
    else:
        own, program, outputs = lowered
        for mine, array in zip(own, arrays, strict=True):
            mine[:] = array
    run_all(program)
    if not small:
        return outputs
    result = outputs.copy()
    keep(kind, (own, program, outputs))
    return result

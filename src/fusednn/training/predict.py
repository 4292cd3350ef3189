"""Outputs of a fitted network for new rows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fusednn.graph.network import Network
from fusednn.plan.data import DenseRows, source_of
from fusednn.plan.folding import folded
from fusednn.plan.forms import Panels
from fusednn.plan.inference import BLOCK_ROWS, lower_inference
from fusednn.plan.layout import forms_of
from fusednn.plan.parameters import ParameterLayout

from .jobs import FLOPS_PER_THREAD, choose_jobs
from .kept import keep, take
from .team import run_all

FEW_ROWS = 64
"""Up to here the matrices are multiplied as they stand; packing them costs more."""

COPIED_BYTES = 1 << 17
"""Data and parameters up to here are copied to a kept plan; lowering takes as long as more."""


def predict(
    network: Network, arrays, X, *, n_jobs: int | None = None, answer: str = "outputs"
) -> np.ndarray:
    """Outputs of a network.

    Parameters
    ----------
    network : Network
    arrays : list of ndarray
        Its parameters in their order, of one dtype; they are only read.
    X : array or sparse matrix of shape (n_samples, inputs)
    n_jobs : int or None
        As `choose_jobs` takes it.
    answer : str
        Key of `plan.answers.ANSWERS`.

    Returns
    -------
    ndarray of shape (n_samples, columns of the answer)
        Numbers in the dtype of the parameters; a row's bits do not depend on the other rows.

    Raises
    ------
    ValueError
        If X has another number of columns than the network has inputs.
    """
    dtype = (arrays or [X])[0].dtype  # the first layers may have no parameters
    source = source_of(X, dtype)
    rows, columns = source.shape
    if columns != network.inputs:
        raise ValueError(f"X has {columns} features, but the network has {network.inputs} inputs.")
    if not network.is_plain():
        network, arrays = folded(network, arrays)
    layout = _layout_of(network, dtype)
    if isinstance(source, DenseRows) and rows <= FEW_ROWS and network.is_plain():
        return _predict_few(network, layout, arrays, source, answer)
    flat = layout.pack(arrays)
    flops = 2.0 * rows * sum(array.size for array in arrays if array.ndim == 2)
    workers = choose_jobs(n_jobs, flops, FLOPS_PER_THREAD)
    workers = min(workers, -(-rows // BLOCK_ROWS))
    program, outputs = lower_inference(
        network, layout.views(flat), source, dtype, workers=workers, answer=answer
    )
    for refresh in program.refresh:
        refresh()
    run_all(program)
    return outputs


@lru_cache(maxsize=32)
def _layout_of(network: Network, dtype) -> ParameterLayout:
    """Where the parameters are; finding it takes as long as predicting a row."""
    return ParameterLayout(forms_of(network, dtype), dtype)


def _predict_few(network: Network, layout, arrays, source: DenseRows, answer):
    """The same by the matrices as they stand; those of a small network are copied to its plan."""
    dtype, count = layout.dtype, len(layout.forms)
    arrays = [*arrays, source.X]
    for number, form in enumerate(layout.forms):
        if isinstance(form, Panels):
            arrays[number] = form.plain(arrays[number])
    small = sum(array.nbytes for array in arrays) <= COPIED_BYTES
    kind = "predict", *network, answer, dtype, len(source.X)
    lowered = take(kind) if small else None
    if lowered is None:
        own = [array.copy(order="C") if small else np.ascontiguousarray(array) for array in arrays]
        program, outputs = lower_inference(
            network, own[:count], DenseRows(own[-1], dtype), dtype, plain=True, answer=answer
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

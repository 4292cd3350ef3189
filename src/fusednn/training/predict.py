"""Outputs of a fitted network for new rows."""

from __future__ import annotations

import numpy as np

from fusednn.plan.data import source_of
from fusednn.plan.forward import Network
from fusednn.plan.inference import BLOCK_ROWS, lower_inference
from fusednn.plan.parameters import ParameterLayout

from .team import choose_jobs, run_all

FEW_ROWS = 8
"""Up to here the matrices are multiplied as they stand; packing them would cost more."""


def predict(
    network: Network, coefs, intercepts, X, *, n_jobs: int | None = None, logits: bool = False
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
    logits : bool
        Leave out the output function.

    Returns
    -------
    ndarray of shape (n_samples, O)
        In the dtype of `coefs`; a row's bits do not depend on the other rows.
    """
    dtype = coefs[0].dtype
    source = source_of(X, dtype)
    rows = source.shape[0]
    few = rows <= FEW_ROWS and not hasattr(source, "indices")
    if few:
        weights = [np.ascontiguousarray(w, dtype) for w in coefs]
        biases = [np.ascontiguousarray(b, dtype) for b in intercepts]
        workers = 1
    else:
        layout = ParameterLayout(network.sizes, dtype)
        flat = layout.pack(coefs, intercepts)
        layers = range(len(layout))
        weights = [layout.weights(flat, layer) for layer in layers]
        biases = [layout.bias(flat, layer) for layer in layers]
        products = sum(w.size for w in coefs)
        workers = choose_jobs(n_jobs, 2.0 * rows * products / 16)
        workers = min(workers, -(-rows // BLOCK_ROWS))
    program, outputs = lower_inference(
        network, weights, biases, source, dtype, workers=workers, plain=few, logits=logits
    )
    run_all(program)
    return outputs

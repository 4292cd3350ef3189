"""The inference plan: row blocks through all layers in each worker's own rows of the buffers."""

from __future__ import annotations

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.ops import output

from .forward import Network, lower_forward
from .program import Program, Task

BLOCK_ROWS = 64
"""Rows of a block: enough to use each weight often while its layers' outputs stay in L2."""

STEP_ROWS = 65536
"""Rows of a step; a step is what one barrier ends."""


def lower_inference(
    network: Network,
    weights,
    biases,
    source,
    dtype,
    *,
    order: np.ndarray | None = None,
    workers: int = 1,
    plain: bool = False,
) -> tuple[Program, np.ndarray]:
    """A program that writes the network's outputs, and the (samples, outputs) array it fills.

    Parameters
    ----------
    network : Network
        Sizes, activation and loss (whose link makes the outputs).
    weights, biases : list of ndarray
        As `lower_forward` takes them.
    source : DenseRows or CsrRows
        The data.
    order : ndarray of int64, optional
        Samples to take, instead of all of them in their own order.
    workers : int
        Threads that will run it.
    plain : bool
        The weights are matrices as they stand, not panels.
    """
    samples = source.shape[0] if order is None else len(order)
    outputs = network.sizes[-1]
    block = min(BLOCK_ROWS, max(1, samples))
    scratch = output.CHUNK_ROWS * (outputs + 3)
    program = Program(dtype, workers, scratch)
    _, chain, blocks = lower_forward(
        program, network, weights, biases, source, order, block * workers, plain
    )
    link = LOSSES[network.loss].link
    emitted = np.empty((samples, outputs), dtype)
    emit = program.record(
        output.emit_outputs,
        {
            output.LOGITS: blocks[-1].values,
            output.LOGITS_STRIDE: blocks[-1].stride,
            output.OUTPUTS: outputs,
            output.FUNCTION: link and (link, "link"),
            output.EMITTED: emitted,
        },
    )
    rows = min(samples, STEP_ROWS)
    chain = [*chain, emit]
    tasks = [Task(chain, lo, lo + block, records.ROWS_OF_WORKER) for lo in range(0, rows, block)]
    program.set_stages([(tasks, None)])
    starts = np.arange(0, samples, STEP_ROWS)
    steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
    steps[:, records.START] = starts
    steps[:, records.ROWS] = np.minimum(STEP_ROWS, samples - starts)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)
    return program, emitted

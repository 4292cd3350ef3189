"""The inference plan: row blocks through all layers in each worker's own rows of the buffers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.ops import output

from .buffers import leading_dimension
from .forward import Network, lower_forward
from .program import Program, Task


class Part(NamedTuple):
    """What of a network to run.

    Parameters
    ----------
    layers : int, optional
        The first layers, whose outputs are wanted; None is all.
    link : bool
        Whether the output activation is applied to the last; else it gives logits.
    """

    layers: int | None = None
    link: bool = True


WHOLE = Part()
LOGITS = Part(link=False)

BLOCK_ROWS = 64
"""Fewest rows of a block: enough to use each weight often."""

BLOCK_BYTES = 1 << 18
"""Of the layers' outputs for a block, about, to stay in the second-level cache.

Blocks of 64 rows of 20-64-64-2 take 200 us to lower for 20,000 rows, which compute for 500 us.
"""

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
    part: Part = WHOLE,
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
    part : Part
    """
    samples = source.shape[0] if order is None else len(order)
    layers = len(network.sizes) - 1 if part.layers is None else part.layers
    outputs = network.sizes[layers]
    row_bytes = sum(leading_dimension(size, dtype) for size in network.sizes) * dtype.itemsize
    fair = samples // (4 * workers)  # a slow core hands work over
    block = max(BLOCK_ROWS, min(BLOCK_BYTES // row_bytes, fair) // BLOCK_ROWS * BLOCK_ROWS)
    block = min(block, max(1, samples))
    scratch = output.CHUNK_ROWS * (outputs + 3)
    program = Program(dtype, workers, scratch)
    _, chain, blocks = lower_forward(
        program, network, weights, biases, source, order, block * workers, plain, layers
    )
    last = layers == len(network.sizes) - 1
    link = network.loss_row().link if last and part.link else None
    emitted = np.empty((samples, outputs), dtype)
    groups = network.output_groups() if link else [(0, outputs)]
    chain += [
        program.record(
            output.emit_outputs,
            {
                output.LOGITS: blocks[-1].values[first:],
                output.LOGITS_STRIDE: blocks[-1].stride,
                output.OUTPUTS: width,
                output.FUNCTION: link and (link, "link"),
                output.EMITTED: emitted.reshape(-1)[first:],
                output.EMITTED_STRIDE: outputs,
            },
        )
        for first, width in groups
    ]
    rows = min(samples, STEP_ROWS)
    tasks = [Task(chain, lo, lo + block, records.ROWS_OF_WORKER) for lo in range(0, rows, block)]
    program.set_stages([(tasks, None)])
    starts = np.arange(0, samples, STEP_ROWS)
    steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
    steps[:, records.START] = starts
    steps[:, records.ROWS] = np.minimum(STEP_ROWS, samples - starts)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)
    return program, emitted

"""The inference plan: row blocks through all layers in each worker's own rows of the buffers."""

from __future__ import annotations

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.ops import output

from .answers import ANSWERS, add_answer
from .buffers import leading_dimension
from .data import Input
from .network import Network
from .program import Program, Task
from .rows import Block, Rows

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
    parameters,
    source,
    dtype,
    *,
    order: np.ndarray | None = None,
    workers: int = 1,
    plain: bool = False,
    answer: str = "outputs",
) -> tuple[Program, np.ndarray]:
    """A program that writes the network's outputs, and the (samples, outputs) array it fills.

    Parameters
    ----------
    network : Network
        Its loss's link makes the outputs.
    parameters : list of ndarray
        In the order of the network, flat and in their forms, or plain.
    source : DenseRows or CsrRows
        The data.
    order : ndarray of int64, optional
        Samples to take, instead of all of them in their own order.
    workers : int
        Threads that will run it.
    plain : bool
        The weights are matrices as they stand, not panels.
    answer : str
        Key of `ANSWERS`.
    """
    samples = source.shape[0] if order is None else len(order)
    block = _block_rows(network, samples, dtype, workers)
    program = Program(dtype, workers, scratch_elements(network))
    rows = Rows(program, block * workers, parameters, plain=plain)
    x: Input | Block = Input(source, order)
    for op in network.ops:
        x = op.lower(rows, x)
    assert isinstance(x, Block)
    columns, kind = ANSWERS[answer].columns(network), ANSWERS[answer].dtype or dtype
    emitted = np.empty((samples, columns), kind)
    add_answer(rows, network, x, answer, emitted)
    _set_steps(program, rows, samples, block)
    return program, emitted


def lower_outputs(
    network: Network, parameters, source, dtype, *, workers: int = 1
) -> tuple[Program, list[np.ndarray]]:
    """A program that writes what each op puts out, the last one logits, and the arrays it fills.

    Parameters
    ----------
    network, parameters, source, dtype, workers
        As `lower_inference` takes them.
    """
    samples = source.shape[0]
    block = _block_rows(network, samples, dtype, workers)
    program = Program(dtype, workers, output.CHUNK_ROWS * (max(network.widths()) + 3))
    rows = Rows(program, block * workers, parameters)
    arrays: list[np.ndarray] = []
    x: Input | Block = Input(source, None)
    for op in network.ops:
        x = op.lower(rows, x)
        assert isinstance(x, Block)
        arrays.append(np.empty((samples, x.width), dtype))
        operands = {
            output.LOGITS: x.values,
            output.LOGITS_STRIDE: x.stride,
            output.OUTPUTS: x.width,
            output.FUNCTION: None,
            output.EMITTED: arrays[-1].reshape(-1),
            output.EMITTED_STRIDE: x.width,
        }
        rows.add(output.emit_outputs, operands)
    _set_steps(program, rows, samples, block)
    return program, arrays


def scratch_elements(network: Network) -> int:
    """Of a worker's scratch: a chunk of rows at the end, or a row of any op."""
    return max(output.CHUNK_ROWS * (network.outputs + 3), *network.widths())


def row_bytes(network: Network, dtype: np.dtype) -> int:
    """Bytes of the layers' outputs for a row, about."""
    return sum(leading_dimension(width, dtype) for width in network.widths()) * dtype.itemsize


def _block_rows(network: Network, samples: int, dtype, workers: int) -> int:
    fair = samples // (4 * workers)  # a slow core hands work over
    block = max(
        BLOCK_ROWS, min(BLOCK_BYTES // row_bytes(network, dtype), fair) // BLOCK_ROWS * BLOCK_ROWS
    )
    return min(block, max(1, samples))


def _set_steps(program: Program, rows: Rows, samples: int, block: int) -> None:
    """Ends the records, and sets tasks and steps for all samples."""
    rows.cut()
    program.refresh = rows.refresh
    [(chain, _)] = rows.segments
    most = min(samples, STEP_ROWS)
    tasks = [Task(chain, lo, lo + block, records.ROWS_OF_WORKER) for lo in range(0, most, block)]
    program.set_stages([(tasks, None)])
    starts = np.arange(0, samples, STEP_ROWS)
    steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
    steps[:, records.START] = starts
    steps[:, records.ROWS] = np.minimum(STEP_ROWS, samples - starts)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)

"""The inference plan: row blocks through all layers in each worker's own rows of the buffers."""

from __future__ import annotations

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records
from fusednn.kernels.ops import output

from .answers import ANSWERS, add_answer
from .bindings import BINDINGS
from .buffers import Block, leading_dimension
from .layout import forms_of
from .lowering import Lowering
from .prepared import refreshers
from .program import Program, Task

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
    lowering = lowered(network, program, block * workers, source, parameters, order, plain)
    columns, kind = ANSWERS[answer].columns(network), ANSWERS[answer].dtype or dtype
    emitted = np.empty((samples, columns), kind)
    add_answer(lowering, network, lowering.blocks[lowering.graph.logits], answer, emitted)
    _set_steps(program, lowering, samples, block)
    return program, emitted


def lowered(
    network: Network, program: Program, rows: int, source, parameters, order=None, plain=False,
    outputs: bool = False,
) -> Lowering:  # fmt: skip
    """The calls of a network that only answers, bound; the segment is not ended.

    `outputs` says that what each op puts out is needed to the end.
    """
    graph = network.graph()
    lowering = Lowering(
        program,
        graph,
        rows,
        source,
        {"own": order},
        forms_of(network, program.dtype),
        parameters,
        plain=plain,
        kept=graph.outputs if outputs else (),
    )
    program.refresh = refreshers(lowering, parameters)
    lowering.run(BINDINGS)
    return lowering


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
    lowering = lowered(network, program, block * workers, source, parameters, outputs=True)
    arrays: list[np.ndarray] = []
    for array in lowering.graph.outputs:
        x = lowering.blocks[array]
        arrays.append(np.empty((samples, x.width), dtype))
        emitted = Block(arrays[-1].reshape(-1), x.width, x.width)
        lowering.add(output.emit_outputs, {"logits": x, "function": None, "emitted": emitted})
    _set_steps(program, lowering, samples, block)
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


def _set_steps(program: Program, lowering: Lowering, samples: int, block: int) -> None:
    """Ends the records, and sets tasks and steps for all samples."""
    lowering.cut()
    [(chain, _)] = lowering.segments
    most = min(samples, STEP_ROWS)
    tasks = [Task(chain, lo, lo + block, records.ROWS_OF_WORKER) for lo in range(0, most, block)]
    program.set_stages([(tasks, None)])
    starts = np.arange(0, samples, STEP_ROWS)
    steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
    steps[:, records.START] = starts
    steps[:, records.ROWS] = np.minimum(STEP_ROWS, samples - starts)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)

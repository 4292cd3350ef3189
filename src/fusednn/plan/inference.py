"""The inference plans: row blocks through all layers in each worker's own rows of the buffers."""

from __future__ import annotations

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records
from fusednn.kernels.ops import output

from .binding.bindings import BINDINGS
from .binding.lowering import Lowering
from .binding.outputs import ANSWERS, add_answer
from .binding.program import Program, Task
from .layout.choosing import forms_of
from .memory import sizes
from .memory.buffers import leading_dimension
from .updating.normed_weights import refreshers


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
    outputs: bool = False, transposed=None, picked: int = -1,
) -> Lowering:  # fmt: skip
    """The calls of a network that only answers, bound; the segment is not ended.

    `outputs` says that what each op puts out is needed to the end. With `transposed` the gradient
    of the data follows, of the output that is `picked`.
    """
    graph = network.graph(wants_dx=transposed is not None)
    lowering = Lowering(
        program,
        graph,
        rows,
        source,
        {"own": order},
        forms_of(network, program.dtype, wants_dx=transposed is not None),
        parameters,
        plain=plain,
        transposed=transposed or (),
        picked=picked,
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
    program = Program(dtype, workers, scratch_elements(network))
    lowering = lowered(network, program, block * workers, source, parameters, outputs=True)
    arrays = [lowering.emit(array, samples) for array in lowering.graph.outputs]
    _set_steps(program, lowering, samples, block)
    return program, arrays


def lower_input_gradient(
    network: Network, parameters, transposed, source, dtype, *, picked: int, workers: int = 1
) -> tuple[Program, np.ndarray]:
    """A program that writes the gradient of an output by the data, and the array it fills.

    Parameters
    ----------
    network, source, dtype, workers
        As `lower_inference` takes them.
    parameters : list of ndarray
        In their forms for a network that wants the gradient of the data.
    transposed : list of ndarray or None
        Copies of w^T.
    picked : int
        The output, before its link; -1 is each row's largest.
    """
    samples = source.shape[0]
    block = _block_rows(network, samples, dtype, workers)
    program = Program(dtype, workers, scratch_elements(network))
    lowering = lowered(
        network, program, block * workers, source, parameters, transposed=transposed, picked=picked
    )
    dx = lowering.graph.dx
    assert dx is not None
    emitted = lowering.emit(dx, samples)
    _set_steps(program, lowering, samples, block)
    return program, emitted


def scratch_elements(network: Network) -> int:
    """How many a worker's scratch has: a chunk of rows at the end, or a row of any op."""
    return max(output.CHUNK_ROWS * (network.outputs + 3), network.widest)


def least_rows(network: Network) -> int:
    """Fewest rows of the data that a block has, and a thread is worth."""
    return max(1, sizes.ANSWER_ROWS // network.positions)


def row_bytes(network: Network, dtype: np.dtype) -> int:
    """Bytes of the layers' outputs for a row of the data, about."""
    elements = sum(rows * leading_dimension(width, dtype) for rows, width in network.arrays())
    return elements * dtype.itemsize


def _block_rows(network: Network, samples: int, dtype, workers: int) -> int:
    fair = samples // (4 * workers)  # a slow core hands work over
    least = least_rows(network)
    block = max(least, min(sizes.ANSWER_BYTES // row_bytes(network, dtype), fair) // least * least)
    return min(block, max(1, samples))


def _set_steps(program: Program, lowering: Lowering, samples: int, block: int) -> None:
    """Ends the records, and sets tasks and steps for all samples."""
    lowering.cut()
    [(chain, _)] = lowering.segments
    most = min(samples, sizes.STEP_ROWS)
    tasks = [Task(chain, lo, lo + block, records.ROWS_OF_WORKER) for lo in range(0, most, block)]
    program.set_stages([(tasks, None)])
    starts = np.arange(0, samples, sizes.STEP_ROWS)
    steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
    steps[:, records.START] = starts
    steps[:, records.SAMPLES] = np.minimum(sizes.STEP_ROWS, samples - starts)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)

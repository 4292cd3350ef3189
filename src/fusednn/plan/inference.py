"""The inference plans: each worker runs row blocks through all layers in buffers of its own."""

from __future__ import annotations

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records

from .binding.bindings import BINDINGS
from .binding.lowering import Lowering
from .binding.outputs import ANSWERS, add_answer
from .binding.program import Program
from .binding.recurrent import RECURRENCES
from .layout.choosing import forms_of
from .memory import sizes
from .memory.buffers import leading_dimension
from .scratch import inference_elements
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
    ragged: bool = False,
) -> tuple[Program, np.ndarray]:
    """A program that writes the network's outputs, and the (samples, outputs) array it fills.

    Parameters
    ----------
    network : Network
        The link of its loss gives the outputs.
    parameters : list of ndarray
        In the order of the network: flat and in their forms, or row-major with `plain`.
    source : DenseRows or CsrRows
        The data.
    order : ndarray of int64, optional
        Samples to take; by default all, in the order of the data.
    workers : int
        Threads that will run it.
    plain : bool
        The weights are row-major matrices, not panels.
    answer : str
        Key of `ANSWERS`.
    ragged : bool
        Whether samples are series, some of them with padding.
    """
    samples = source.shape[0] if order is None else len(order)
    block = _block_rows(network, samples, dtype, workers)
    program = Program(dtype, workers, inference_elements(network, dtype))
    lowering = lowered(
        *(network, program, block * workers, source, parameters, order, plain),
        steps=True,
        ragged=ragged,
    )
    columns, kind = ANSWERS[answer].width(network), ANSWERS[answer].dtype or dtype
    emitted = np.zeros((samples, columns), kind)  # as the padding of series remains
    add_answer(lowering, network, lowering.blocks[lowering.graph.logits], answer, emitted)
    _set_steps(program, lowering, samples, block)
    return program, emitted


def lowered(
    network: Network, program: Program, rows: int, source, parameters, order=None, plain=False,
    outputs: bool = False, transposed=None, picked: int = -1, steps: bool = False,
    reuses: bool = True, ragged: bool = False, forms=None, carried=None,
) -> Lowering:  # fmt: skip
    """Binds the calls of a network for inference; the caller ends the segment.

    With `steps` samples of several rows run in loops. With `outputs` every op's output is kept
    until the end. With `transposed` it also computes the gradient by the data of the output that
    is `picked`. Without `reuses` no two arrays share memory, unless one is written over the other.
    With `ragged` samples are series, some of them with padding.
    `forms` are those of the parameters, where they are not the network's own; `carried` is what
    another lowering of one row carries.
    """
    graph = network.graph(
        wants_dx=transposed is not None,
        in_bytes=source.in_bytes,
        ragged=ragged,
        is_shared=program.workers > 1 and not steps,
    )
    lowering = Lowering(
        program,
        graph,
        rows,
        source,
        {"own": order},
        forms or forms_of(network, program.dtype, wants_dx=transposed is not None),
        parameters,
        plain=plain,
        transposed=transposed or (),
        picked=picked,
        kept=graph.outputs if outputs else (),
        steps=steps,
        reuses=reuses,
        carried=carried,
    )
    program.refresh = refreshers(lowering, parameters)
    lowering.run(BINDINGS)
    return lowering


def lower_outputs(
    network: Network, parameters, source, dtype, *, workers: int = 1, ragged: bool = False
) -> tuple[Program, list[np.ndarray]]:
    """A program that writes the output of each op (of the last the logits), and its arrays.

    Parameters
    ----------
    network, parameters, source, dtype, workers, ragged
        As `lower_inference` takes them.
    """
    samples = source.shape[0]
    block = _block_rows(network, samples, dtype, workers)
    program = Program(dtype, workers, inference_elements(network, dtype))
    lowering = lowered(
        *(network, program, block * workers, source, parameters),
        outputs=True,
        steps=True,
        ragged=ragged,
    )
    arrays = [lowering.emit(array, samples) for array in lowering.graph.outputs]
    _set_steps(program, lowering, samples, block)
    return program, arrays


def lower_input_gradient(
    network: Network, parameters, transposed, source, dtype, *, picked: int, workers: int = 1,
    ragged: bool = False,
) -> tuple[Program, np.ndarray]:  # fmt: skip
    """A program that writes the gradient of an output by the data, and the array it fills.

    Parameters
    ----------
    network, source, dtype, workers, ragged
        As `lower_inference` takes them.
    parameters : list of ndarray
        In the forms that `forms_of` gives with `wants_dx`.
    transposed : list of ndarray or None
        Copies of w^T.
    picked : int
        The output, before its link; -1 is each row's largest.
    """
    samples = source.shape[0]
    block = _block_rows(network, samples, dtype, workers)
    program = Program(dtype, workers, inference_elements(network, dtype))
    lowering = lowered(
        *(network, program, block * workers, source, parameters),
        transposed=transposed,
        picked=picked,
        steps=True,
        ragged=ragged,
    )
    dx = lowering.graph.dx
    assert dx is not None
    emitted = lowering.emit(dx, samples)
    _set_steps(program, lowering, samples, block)
    return program, emitted


def least_rows(network: Network) -> int:
    """The fewest samples of a block, and the fewest that are worth a thread."""
    return max(1, sizes.ANSWER_ROWS // network.positions)


def samples_together(network: Network) -> int:
    """The most samples of several rows that are answered together."""
    recurs = any(call.op in RECURRENCES for call in network.graph().calls)
    largest = max(a * b for _, a, b in network.products()) if recurs else 0
    return sizes.SERIES_SAMPLES if 0 < largest <= sizes.SERIES_WEIGHTS else sizes.TASK_SAMPLES


def row_bytes(network: Network, dtype: np.dtype) -> int:
    """About how many bytes the outputs of all layers take for one sample."""
    elements = sum(rows * leading_dimension(width, dtype) for rows, width in network.arrays())
    return elements * dtype.itemsize


def _block_rows(network: Network, samples: int, dtype, workers: int) -> int:
    fair = samples // (4 * workers)  # several blocks per worker: others take those of a slow core
    if network.positions > 1:  # samples run in loops
        return max(1, min(samples_together(network), samples if workers == 1 else fair))
    least = least_rows(network)
    block = max(least, min(sizes.ANSWER_BYTES // row_bytes(network, dtype), fair) // least * least)
    return min(block, max(1, samples))


def _set_steps(program: Program, lowering: Lowering, samples: int, block: int) -> None:
    """Ends the segment, and sets tasks and steps for all samples."""
    lowering.cut()
    [segment] = lowering.segments
    most = min(samples, sizes.STEP_ROWS)
    blocks = [(lo, lo + block) for lo in range(0, most, block)]
    tasks = lowering.tasks(segment, blocks, records.ROWS_OF_WORKER)
    program.set_stages([(tasks, None)])
    starts = np.arange(0, samples, sizes.STEP_ROWS)
    steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
    steps[:, records.START] = starts
    steps[:, records.SAMPLES] = np.minimum(sizes.STEP_ROWS, samples - starts)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)

"""The inference plans: each worker runs row blocks through all layers in buffers of its own."""

from __future__ import annotations

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records

from .binding.bindings import BINDINGS
from .binding.lowering import Lowering
from .binding.outputs import ANSWERS, add_answer
from .binding.program import Program
from .layout.choosing import forms_of
from .machines import ONE_THREAD, Machine
from .scratch import inference_elements
from .updating.normed_weights import refreshers


def lower_inference(
    network: Network,
    parameters,
    source,
    dtype,
    *,
    order: np.ndarray | None = None,
    machine: Machine = ONE_THREAD,
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
    machine : Machine
        What will run it.
    plain : bool
        The weights are row-major matrices, not panels.
    answer : str
        Key of `ANSWERS`.
    ragged : bool
        Whether samples are series, some of them with padding.
    """
    samples = source.shape[0] if order is None else len(order)
    block, together = machine.answer_rows(network, samples, np.dtype(dtype))
    program = machine.program(dtype, inference_elements(network, dtype))
    lowering = lowered(
        *(network, program, block * machine.workers, source, parameters, order, plain),
        steps=machine.loops,
        ragged=ragged,
    )
    columns, kind = ANSWERS[answer].width(network), ANSWERS[answer].dtype or dtype
    emitted = np.zeros((samples, columns), kind)  # as the padding of series remains
    add_answer(lowering, network, lowering.blocks[lowering.graph.logits], answer, emitted)
    _set_steps(program, lowering, samples, block, together)
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
    network: Network,
    parameters,
    source,
    dtype,
    *,
    machine: Machine = ONE_THREAD,
    ragged: bool = False,
) -> tuple[Program, list[np.ndarray]]:
    """A program that writes the output of each op (of the last the logits), and its arrays.

    Parameters
    ----------
    network, parameters, source, dtype, machine, ragged
        As `lower_inference` takes them.
    """
    samples = source.shape[0]
    block, together = machine.answer_rows(network, samples, np.dtype(dtype))
    program = machine.program(dtype, inference_elements(network, dtype))
    lowering = lowered(
        *(network, program, block * machine.workers, source, parameters),
        outputs=True,
        steps=machine.loops,
        ragged=ragged,
    )
    arrays = [lowering.emit(array, samples) for array in lowering.graph.outputs]
    _set_steps(program, lowering, samples, block, together)
    return program, arrays


def lower_input_gradient(
    network: Network, parameters, transposed, source, dtype, *, picked: int,
    machine: Machine = ONE_THREAD, ragged: bool = False,
) -> tuple[Program, np.ndarray]:  # fmt: skip
    """A program that writes the gradient of an output by the data, and the array it fills.

    Parameters
    ----------
    network, source, dtype, machine, ragged
        As `lower_inference` takes them.
    parameters : list of ndarray
        In the forms that `forms_of` gives with `wants_dx`.
    transposed : list of ndarray or None
        Copies of w^T.
    picked : int
        The output, before its link; -1 is each row's largest.
    """
    samples = source.shape[0]
    block, together = machine.answer_rows(network, samples, np.dtype(dtype))
    program = machine.program(dtype, inference_elements(network, dtype))
    lowering = lowered(
        *(network, program, block * machine.workers, source, parameters),
        transposed=transposed,
        picked=picked,
        steps=machine.loops,
        ragged=ragged,
    )
    dx = lowering.graph.dx
    assert dx is not None
    emitted = lowering.emit(dx, samples)
    _set_steps(program, lowering, samples, block, together)
    return program, emitted


def _set_steps(
    program: Program, lowering: Lowering, samples: int, block: int, together: int
) -> None:
    """Ends the segment, and sets tasks and steps for all samples, some `together` in each step."""
    lowering.cut()
    [segment] = lowering.segments
    most = min(samples, together)
    blocks = [(lo, lo + block) for lo in range(0, most, block)]
    tasks = lowering.tasks(segment, blocks, records.ROWS_OF_WORKER)
    program.set_stages([(tasks, None)])
    starts = np.arange(0, samples, together)
    steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
    steps[:, records.START] = starts
    steps[:, records.SAMPLES] = np.minimum(together, samples - starts)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)

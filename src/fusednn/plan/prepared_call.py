"""A network prepared for calls: its records, and the slots that receive a call's addresses."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_int64
from functools import cached_property

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import answer as calls
from fusednn.kernels import records
from fusednn.kernels.library import address

from .answer_sizes import row_bytes, samples_together
from .binding.data import CsrRows, DenseRows
from .binding.looped import Looped
from .binding.lowering import Lowering
from .binding.outputs import ANSWERS, add_answer
from .binding.program import Program
from .cutting import stages_of
from .inference import lowered
from .layout.forms import Form
from .memory import sizes
from .memory.buffers import address_of
from .scratch import inference_elements


class Resident:
    """A network prepared for calls, one at a time.

    Parameters
    ----------
    network : Network
        As `folded` returns it.
    parameters : list of ndarray
        Flat and in their forms; read in place, so several may share them.
    dtype : dtype
        float32 or float64.
    answers : sequence of str
        Keys of `ANSWERS`.
    is_sparse : bool
        Whether it answers the rows of the last `take`; X of a call then has one column, which is
        not read.
    workers : int
        Threads that share the work on each sample.
    samples : int
        Rows of each call, if there are several workers.
    ragged : bool
        Whether samples are series, some of them with padding.
    forms : sequence of Form, optional
        The parameters' forms, of a network of one step, which answers one row at a time.
    carried : list of ndarray, optional
        What another call keeps, if this one goes on with it.

    Attributes
    ----------
    calls : list of (callable, ndarray)
        The compiled `kernels.answer.answer_with_gil` and its words, for each of `answers`; with
        several workers `prepare_cut`, of one step `answer_step`.
    inputs : int
        Columns of the rows that it reads.
    columns : list of int
        Columns of each of the answers.
    kinds : list of dtype
        Their types.
    carried : list of ndarray
        What it keeps from call to call; zeros at first.
    """

    def __init__(
        self,
        network: Network,
        parameters,
        dtype,
        answers: Sequence[str],
        is_sparse: bool = False,
        workers: int = 1,
        samples: int = 1,
        ragged: bool = False,
        forms: Sequence[Form] | None = None,
        carried: list[np.ndarray] | None = None,
    ):
        dtype = np.dtype(dtype)
        is_step = forms is not None
        block = samples if workers > 1 or is_step else block_rows(network, dtype)
        self._program = program = Program(dtype, workers, inference_elements(network, dtype))
        source = _placeholder(network.inputs, dtype, is_sparse)
        self.inputs = 1 if is_sparse else network.inputs
        is_alone = workers == 1
        # fewer stages where no task writes what another still reads
        reuses = is_alone or samples * row_bytes(network, dtype) > sizes.OWN_BYTES
        lowering = lowered(
            *(network, program, block, source, parameters),
            reuses=reuses,
            steps=is_alone and not is_step,
            ragged=ragged,
            forms=forms,
            carried=carried,
        )
        self.carried = lowering.carried
        for refresh in program.refresh:
            refresh()
        lowering.cut()
        self._loops = lowering.segments[0].loops
        if workers > 1:
            program.set_stages(stages_of(program, lowering.segments[0].chain, samples))
            steps = np.zeros((1, records.STEP_WIDTH), np.int64)
            steps[0, records.SAMPLES], steps[0, records.LAST_STAGE] = samples, len(program.stages)
            program.set_steps(steps)
            self._loops = []
        found = [program.places_of(part) for part in source.parts]
        self._slots = [[c_int64.from_address(place) for place, _ in part] for part in found]
        places = np.array([] if is_sparse else found[0], np.int64).reshape(-1, 2)
        self._alive = [places]
        kinds = [ANSWERS[name] for name in answers]
        self.columns = [one.width(network) for one in kinds]
        self.kinds = [np.dtype(one.dtype or dtype) for one in kinds]
        self.calls = []
        for name, kind in zip(answers, self.kinds, strict=True):
            entry = calls.prepare_cut if workers > 1 else calls.answer_with_gil
            entry = calls.answer_step if is_step else entry
            call = calls.ready(entry, dtype, kind)
            self.calls.append((call, self._words(lowering, network, name, block, places)))

    @cached_property
    def help(self) -> int:
        """The address of the function by which another thread helps."""
        is_cut = self._program.workers > 1
        helps = calls.help_with_samples if is_cut else calls.help_with_rows
        return address(helps, "share", self._program.dtype)

    def take(self, source: CsrRows) -> None:
        """Sets the rows that later calls answer."""
        for slots, part in zip(self._slots, source.parts, strict=True):
            for slot in slots:
                slot.value = address_of(part)

    def _words(self, lowering: Lowering, network: Network, name: str, block: int, places):
        answer = ANSWERS[name]
        emitted = np.zeros((1, answer.width(network)), answer.dtype or lowering.dtype)
        add_answer(lowering, network, lowering.blocks[lowering.graph.logits], name, emitted)
        lowering.cut()
        looped = Looped([*self._loops, *lowering.segments[-1].loops], lowering.blocks.locals)
        [routine] = looped.routines(1, self._program.keep)
        outs = np.array(self._program.places_of(emitted), np.int64)
        words = np.zeros(calls.WIDTH, np.int64)
        words[calls.ROUTINE] = routine
        words[calls.FRAME] = address_of(self._program.frames)
        words[calls.SCRATCH] = address_of(self._program.scratch)
        words[calls.BLOCK_ROWS], words[calls.FAN_IN] = block, self.inputs
        words[calls.DATA], words[calls.N_DATA] = address_of(places), len(places)
        words[calls.OUT], words[calls.N_OUT] = address_of(outs), len(outs)
        words[calls.PROGRAM] = address_of(self._program.words)
        self._alive += [outs]
        return words


def _placeholder(width: int, dtype, is_sparse: bool) -> DenseRows | CsrRows:
    """A row whose address every call replaces by that of its own rows."""
    if not is_sparse:
        return DenseRows(np.zeros((1, width), dtype), dtype)
    return CsrRows(np.zeros(1, dtype), np.zeros(1), np.zeros(2), (1, width))


def block_rows(network: Network, dtype) -> int:
    """Samples that are answered together; each calling thread has buffers for so many."""
    if network.positions > 1:  # samples run in loops
        return samples_together(network)
    return max(
        1, min(sizes.ANSWER_ROWS, sizes.ANSWER_BYTES // row_bytes(network, np.dtype(dtype)))
    )

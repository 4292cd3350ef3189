"""A network prepared for calls: its records, and where each call's arrays go in them."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_int64

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import answer as calls

from .binding.data import CsrRows, DenseRows
from .binding.lowering import Lowering
from .binding.outputs import ANSWERS, add_answer
from .binding.program import Program
from .inference import lowered, row_bytes, scratch_elements
from .memory import sizes
from .memory.buffers import address_of


class Resident:
    """What one thread at a time needs to have a network answer.

    Parameters
    ----------
    network : Network
        As `folded` leaves it.
    parameters : list of ndarray
        Flat and in their forms; read in place by all who answer with them.
    dtype : dtype
        float32 or float64.
    answers : sequence of str
        Keys of `ANSWERS`.
    is_sparse : bool
        Whether it answers the rows that `take` was given last; X of a call is then of one column,
        which nobody reads.

    Attributes
    ----------
    ways : list of (callable, ndarray)
        For each of `answers` a form of `kernels.answer.answer_now`, and its words.
    """

    def __init__(
        self, network: Network, parameters, dtype, answers: Sequence[str], is_sparse: bool = False
    ):
        dtype = np.dtype(dtype)
        block = block_rows(network, dtype)
        self._program = program = Program(dtype, 1, scratch_elements(network))
        source = _any_row(network.inputs, dtype, is_sparse)
        self._columns = 1 if is_sparse else network.inputs
        lowering = lowered(network, program, block, source, parameters)
        for refresh in program.refresh:
            refresh()
        lowering.cut()
        found = [program.places_of(part) for part in source.parts]
        self._slots = [[c_int64.from_address(place) for place, _ in part] for part in found]
        places = np.array([] if is_sparse else [place for place, _ in found[0]], np.int64)
        self._alive = [places]
        self.ways = []
        for name in answers:
            call = calls.ready(calls.answer_now, dtype, np.dtype(ANSWERS[name].dtype or dtype))
            self.ways.append((call, self._words(lowering, network, name, block, places)))

    def take(self, source: CsrRows) -> None:
        """Answers these rows from now on."""
        for slots, part in zip(self._slots, source.parts, strict=True):
            for slot in slots:
                slot.value = address_of(part)

    def _words(self, lowering: Lowering, network: Network, name: str, block: int, places):
        answer = ANSWERS[name]
        emitted = np.zeros((1, answer.columns(network)), answer.dtype or lowering.dtype)
        add_answer(lowering, network, lowering.blocks[lowering.graph.logits], name, emitted)
        lowering.cut()
        chain = [*lowering.segments[0].chain, *lowering.segments[-1].chain]
        addresses = np.array([address_of(record) for record in chain], np.int64)
        outs = np.array(self._program.places_of(emitted), np.int64)
        words = np.zeros(calls.WIDTH, np.int64)
        words[calls.CHAIN], words[calls.N_RECORDS] = address_of(addresses), len(chain)
        words[calls.FRAME] = address_of(self._program.frames)
        words[calls.SCRATCH] = address_of(self._program.scratch)
        words[calls.BLOCK_ROWS], words[calls.FAN_IN] = block, self._columns
        words[calls.DATA], words[calls.N_DATA] = address_of(places), len(places)
        words[calls.OUT], words[calls.N_OUT] = address_of(outs), len(outs)
        words[calls.PROGRAM] = address_of(self._program.words)
        self._alive += [addresses, outs]
        return words


def _any_row(width: int, dtype, is_sparse: bool) -> DenseRows | CsrRows:
    """A row in whose place those of calls are put."""
    if not is_sparse:
        return DenseRows(np.zeros((1, width), dtype), dtype)
    return CsrRows(np.zeros(1, dtype), np.zeros(1), np.zeros(2), (1, width))


def block_rows(network: Network, dtype) -> int:
    """Rows that are answered together; each thread that calls has buffers for them."""
    return max(
        1, min(sizes.ANSWER_ROWS, sizes.ANSWER_BYTES // row_bytes(network, np.dtype(dtype)))
    )

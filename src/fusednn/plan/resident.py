"""A network prepared for calls: its records, and where each call's arrays go in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.kernels import answer as calls

from .answers import ANSWERS, add_answer
from .buffers import address_of
from .data import DenseRows, Input
from .inference import BLOCK_BYTES, BLOCK_ROWS, row_bytes, scratch_elements
from .network import Network
from .program import Program
from .rows import Block, Rows


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

    Attributes
    ----------
    ways : list of (callable, ndarray)
        For each of `answers` a form of `kernels.answer.answer_now`, and its words.
    """

    def __init__(self, network: Network, parameters, dtype, answers: Sequence[str]):
        dtype = np.dtype(dtype)
        block = block_rows(network, dtype)
        self._program = program = Program(dtype, 1, scratch_elements(network))
        rows, X = Rows(program, block, parameters), np.zeros((1, network.inputs), dtype)
        x: Input | Block = Input(DenseRows(X, dtype), None)
        for op in network.ops:
            x = op.lower(rows, x)
        assert isinstance(x, Block)
        for refresh in rows.refresh:
            refresh()
        rows.cut()
        places = np.array([place for place, _ in program.places_of(X)], np.int64)
        self._alive = [places]
        self.ways = []
        for name in answers:
            call = calls.ready(calls.answer_now, dtype, np.dtype(ANSWERS[name].dtype or dtype))
            self.ways.append((call, self._words(rows, network, x, name, block, places)))

    def _words(self, rows: Rows, network: Network, x: Block, name: str, block: int, places):
        answer = ANSWERS[name]
        emitted = np.zeros((1, answer.columns(network)), answer.dtype or rows.dtype)
        add_answer(rows, network, x, name, emitted)
        rows.cut()
        chain = [*rows.segments[0].chain, *rows.segments[-1].chain]
        addresses = np.array([address_of(record) for record in chain], np.int64)
        outs = np.array(self._program.places_of(emitted), np.int64)
        words = np.zeros(calls.WIDTH, np.int64)
        words[calls.CHAIN], words[calls.N_RECORDS] = address_of(addresses), len(chain)
        words[calls.FRAME] = address_of(self._program.frames)
        words[calls.SCRATCH] = address_of(self._program.scratch)
        words[calls.BLOCK_ROWS], words[calls.FAN_IN] = block, network.inputs
        words[calls.DATA], words[calls.N_DATA] = address_of(places), len(places)
        words[calls.OUT], words[calls.N_OUT] = address_of(outs), len(outs)
        self._alive += [addresses, outs]
        return words


def block_rows(network: Network, dtype) -> int:
    """Rows that are answered together; each thread that calls has buffers for them."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_bytes(network, np.dtype(dtype))))

"""The members of an ensemble, whose outputs are computed block by block and added up."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from fusednn.serving.computing import operations
from fusednn.serving.model import VALUES, Model
from fusednn.serving.predictor import Predictor
from fusednn.tables.preparing.preparation import Matched, Preparation
from fusednn.training.threads.jobs import FLOPS_PER_THREAD, choose_jobs

from .ensemble import Member, dtype_of, width_of

if TYPE_CHECKING:
    from fusednn.serving.types import Device, RoundedWeights

BLOCK_BYTES = 1 << 21
"""The inputs of a block of rows, which stay in the cache while all members read them."""
LEAST_ROWS, MOST_ROWS = 256, 1 << 14
"""The rows of a block: fewer cost more Python than they compute, more gain nothing."""
OPERATIONS_PER_COLUMN = 1000
"""The preparation of a number takes as long as about so many operations of a network."""


class Averaging:
    """Computes weighted sums of the members' outputs.

    Sums are added member by member in float64, so a row's bits do not depend on the others.

    Parameters
    ----------
    preparation : Preparation
    members : sequence of Member
    outputs : int
        The numbers of a row that each member puts out.
    n_jobs, weights, device
        See `TabularPredictor`.

    Attributes
    ----------
    weights : list of float
        Those of the members.
    dtype : dtype
        That of the networks.
    """

    def __init__(
        self,
        preparation: Preparation,
        members: Sequence[Member],
        outputs: int,
        n_jobs: int | None,
        weights: RoundedWeights | None,
        device: Device = "cpu",
    ):
        self.weights = [member.weight for member in members]
        self._outputs, self._n_jobs = outputs, n_jobs
        flops = sum(operations(member.model.network) for member in members)
        self._predictors = [Predictor(member.model, 1, weights, device) for member in members]
        self._are_values = members[0].model.head.kind == VALUES
        self._width, self._values = width_of(preparation), len(preparation.names)
        self._flops = flops + OPERATIONS_PER_COLUMN * len(preparation.features)
        self.dtype = dtype_of(members) if weights is None else np.dtype("float32")
        fitting = BLOCK_BYTES // (self._width * self.dtype.itemsize)
        self._most = min(max(fitting, LEAST_ROWS), MOST_ROWS)

    def models(self) -> list[Model]:
        """The members' models, with new arrays."""
        return [predictor.model() for predictor in self._predictors]

    def of_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """The sums for the columns that members read, in the networks' type."""
        sums = np.zeros((len(inputs), self._outputs))
        self._add(inputs, sums)
        return sums

    def of_table(self, matched: Matched) -> np.ndarray:
        """
        The sums for all rows of a table, by several threads if that is faster.

        Raises
        ------
        TableError
            See `Matched.write`.
        """
        rows = matched.table.rows
        sums = np.zeros((rows, self._outputs))
        workers = choose_jobs(self._n_jobs, rows * self._flops, FLOPS_PER_THREAD)
        size = min(self._most, max(LEAST_ROWS, -(-rows // workers)))
        firsts = range(0, rows, size)
        workers = min(workers, max(1, len(firsts)))  # a file may have no rows

        def block(first: int) -> None:
            part = sums[first : first + size]
            inputs = np.empty((len(part), self._width), self.dtype)
            matched.write(inputs[:, : self._values], inputs[:, self._values :], first)
            self._add(inputs, part)

        if workers == 1:
            for first in firsts:
                block(first)
            return sums
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(block, firsts))  # raises the first block's error
        return sums

    def _add(self, inputs: np.ndarray, sums: np.ndarray) -> None:
        """Adds the members' outputs to sums of zeros."""
        out = np.empty(sums.shape, self.dtype)
        weighted = np.empty_like(sums)
        for predictor, weight in zip(self._predictors, self.weights, strict=True):
            if self._are_values:
                predictor(inputs, out, False)
            else:
                predictor.predict_proba(inputs, out, False)
            np.multiply(out, weight, out=weighted, dtype=float)
            sums += weighted

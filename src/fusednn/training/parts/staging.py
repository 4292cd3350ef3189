"""Data that a device has no room for: samples of some steps at a time, in the order of the pass.

The plan is lowered for arrays of so many samples, which steps read from the first to the last. The
host gathers those of the next steps while the device runs the present ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records
from fusednn.plan.binding.data import DenseRows, Source
from fusednn.plan.binding.loss import Target
from fusednn.plan.binding.next_tokens import NextTokens
from fusednn.plan.machines import Machine
from fusednn.plan.training import Rule, TrainingPlan

ASKED_BYTES = 1 << 28
"""Data of fewer bytes are sent whole: no device is asked for its memory."""

STAGED_BYTES = 1 << 26
"""About the bytes of the samples that are sent at once: some milliseconds, and many steps."""

USED = 0.9
"""The share of a device's free memory that is counted on."""


def take_rows(out: np.ndarray, X: np.ndarray, samples: np.ndarray) -> None:
    """Overwrites out by samples of X, whatever its strides."""
    if X.flags.c_contiguous:
        np.take(X, samples, axis=0, out=out, mode="clip")  # other modes fill a buffer first
    else:  # of which `take` would make a copy
        out[:] = X[samples]


class Staged:
    """The samples of some steps, gathered by the host.

    Parameters
    ----------
    source : DenseRows
    target : Target
    rows : int
        Samples that are there at once.
    mixed : bool
        Whether each sample is mixed with a partner, which is gathered too.

    Attributes
    ----------
    source, target
        What a plan is lowered for: partners lie behind the samples.
    """

    def __init__(self, source: DenseRows, target: Target, rows: int, mixed: bool):
        self._rows, self._mixed = rows, mixed
        self._given = [array for array in (source.X, *target[:2]) if array is not None]
        self._places = [self._empty() for _ in range(2)]
        X, values, *weights = self._places[0]
        shares = None if target.shares is None else np.zeros((len(X), *target.shares.shape[1:]))
        self.source = DenseRows(X, X.dtype)
        self.target = Target(values, weights[0] if weights else None, shares)

    def _empty(self) -> list[np.ndarray]:
        count = self._rows * (1 + self._mixed)
        return [np.zeros((count, *array.shape[1:]), array.dtype) for array in self._given]

    def lowered(self, network: Network, rule: Rule, batch: int, machine: Machine) -> TrainingPlan:
        """The plan that reads what is there; arguments as it takes them."""
        data = self.source, self.target
        plan = TrainingPlan(network, *data, rule, batch, np.arange(self._rows), machine)
        plan.partners[:] = self._rows + np.arange(len(plan.partners))
        return plan

    @property
    def places(self) -> list[np.ndarray]:
        """All memory that is gathered to."""
        return [array for place in self._places for array in place]

    def arrange(self, steps: np.ndarray, order: np.ndarray, partners: np.ndarray) -> np.ndarray:
        """The steps that read what is there, of steps that take samples from the order of a pass.

        Parameters
        ----------
        steps : ndarray of shape (n_steps, STEP_WIDTH)
        order, partners : ndarray of int64
            Samples, written in place before passes; partners may be empty.
        """
        self._order, self._partners = order, partners
        found, counts = steps.copy(), steps[:, records.SAMPLES]
        edges, there = [0], 0
        for number, count in enumerate(counts.tolist()):
            if there + count > self._rows:
                edges.append(number)
                there = 0
            found[number, records.START] = there
            there += count
        self._edges = np.array([*edges, len(steps)])
        self._before = np.concatenate([[0], counts.cumsum()])
        return found

    def begin(self, steps: int) -> None:
        """Takes note that the first steps will be run, and that orders and partners are new."""
        self._last, self._sent = steps, -1
        self._gathered: tuple[int, list[tuple[np.ndarray, np.ndarray]]] = -1, []

    def part_of(self, step: int) -> tuple[int, int]:
        """The number of the part that a step is of, and the first step behind the part."""
        number = int(self._edges.searchsorted(step, side="right")) - 1
        return number, int(self._edges[number + 1])

    def gather(self, step: int) -> None:
        """Gathers the samples of the part that a step is of, if it will run.

        Two parts that follow one another have memory of their own.
        """
        if step >= self._last:
            return
        number, _ = self.part_of(step)
        if number in (self._sent, self._gathered[0]):
            return
        first, last = self._before[self._edges[number : number + 2]]
        written = []
        for samples, behind in ((self._order, 0), (self._partners, self._rows)):
            taken = samples[first:last]
            here = slice(behind, behind + len(taken))
            memory = zip(self._given, self._places[0], self._places[number % 2], strict=True)
            for array, held, place in memory if len(taken) else ():
                take_rows(place[here], array, taken)
                written.append((held[here], place[here]))
        self._gathered = number, written

    def to_send(self, step: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """The arrays of the plan that a step needs with other values, and these."""
        number, _ = self.part_of(step)
        if number == self._sent:
            return []
        self.gather(step)
        self._sent = number
        return self._gathered[1]


def staged_for(
    spare: Callable[[], int] | None, plan: TrainingPlan, source: Source,
    target: Target | NextTokens, rule: Rule,
) -> Staged | None:  # fmt: skip
    """What sends data to a device that has no room for them; None if it has, or they cannot be.

    Parameters
    ----------
    spare : callable or None
        The bytes that are free on the device; None for the CPU.
    plan : TrainingPlan
        Lowered for all data.
    source, target, rule
        What it is lowered for.
    """
    if spare is None or not isinstance(source, DenseRows) or not isinstance(target, Target):
        return None
    if rule.window or rule.inputs:  # these read and write samples in other orders
        return None
    parts = [source.X, target.values, *(part for part in target[1:2] if part is not None)]
    data = sum(part.nbytes for part in parts) + plan.order.nbytes + plan.partners.nbytes
    if data < ASKED_BYTES:
        return None
    room = USED * spare() - _bytes_of(plan)
    if data <= room:
        return None
    mixed = rule.mixup > 0
    each = sum(part.nbytes // len(part) for part in parts) * (1 + mixed) + 16
    rows = int(min(STAGED_BYTES, room) // each)
    return Staged(source, target, min(max(plan.rows, rows), len(plan.order)), mixed)


def _bytes_of(plan: TrainingPlan) -> int:
    """About the bytes that a plan needs beside its data, with what a pass is taken back to."""
    kept = 3 * (plan.parameters.nbytes + plan.averages.nbytes)
    return plan.memory.bytes + kept

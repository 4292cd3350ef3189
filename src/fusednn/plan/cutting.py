"""Cuts the work on a few samples into stages of tasks, for several workers.

Records follow one another in a task while each reads only the task's own rows of what the others
write; a record that reads all rows begins a stage. Weights that have one row for each sample are
cut by panels, so that each is read once. What is too little for two workers stays whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS

from .binding.program import Program, Task
from .memory.sizes import PART_OPERATIONS, PARTS_PER_WORKER
from .parts import CUTS, PANELS, ROWS, Cut


def stages_of(
    program: Program, chain: Sequence[np.ndarray], samples: int
) -> list[tuple[list[Task], None]]:
    """The stages of a chain of records over so many samples, for `Program.set_stages`."""
    stages: list[list[Task]] = []
    whole: list[np.ndarray] = []  # the records of the last stage, if it is not cut
    for group, cuts in _groups(program, chain):
        kind, units = cuts[0].units if cuts else (ROWS, 1)
        operations = sum(cut.operations for cut in cuts)
        wanted = _parts(program.workers, 1 if kind == PANELS else samples)
        parts = min(wanted, int(operations // PART_OPERATIONS))
        if parts > program.workers:
            parts -= parts % program.workers
        if parts <= 1:
            if not whole:
                stages.append([_task(whole, sample, sample + 1) for sample in range(samples)])
            whole += group
            continue
        whole = []
        bounds = [*pairwise(_bounds(units, parts))]
        if kind == PANELS:
            found = [_task(_part(program, group, cuts, 0, *one), 0, samples) for one in bounds]
        else:
            found = [
                _task(_part(program, group, cuts, sample, *one), sample, sample + 1)
                for sample in range(samples)
                for one in bounds
            ]
        stages.append(found)
    return [(stage, None) for stage in stages]


def _task(chain: list[np.ndarray], first: int, last: int) -> Task:
    return Task(chain, first, last, records.ROWS_OF_BATCH)


def _parts(workers: int, samples: int) -> int:
    """Parts of each sample, so that all workers have as many."""
    parts = -(-PARTS_PER_WORKER * workers // samples)
    while parts * samples % workers:
        parts += 1
    return parts


def _groups(
    program: Program, chain: Sequence[np.ndarray]
) -> Iterator[tuple[list[np.ndarray], list[Cut]]]:
    """Adjacent records that may follow one another in a task, and their cuts, or one without."""
    group: list[np.ndarray] = []
    cuts: list[Cut] = []
    gathered: list[np.ndarray] = []
    written: list[np.ndarray] = []
    for record in chain:
        op, operands = program.call_of(record)
        cut = CUTS[op](operands, program.dtype) if op in CUTS else None
        reads = [operands[name].values for name in cut.gathered] if cut else []
        writes = [operands[name].values for name in cut.written] if cut else []
        joins = (
            cut is not None
            and bool(cuts)
            and cut.units == cuts[0].units
            and not _meet(reads, written)
            and not _meet(writes, gathered)
        )
        if group and not joins:
            yield group, cuts
            group, cuts, gathered, written = [], [], [], []
        group.append(record)
        cuts += [cut] if cut else []
        gathered += reads
        written += writes
    if group:
        yield group, cuts


def _meet(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    return any(np.may_share_memory(one, other) for one in some for other in others)


def _bounds(units: int, parts: int) -> list[int]:
    """Bounds of parts of about the same size, if possible of whole register tiles."""
    grain = MICRO_ROWS if units >= parts * MICRO_ROWS else 1
    return sorted({0, *(units * i // parts // grain * grain for i in range(1, parts)), units})


def _part(
    program: Program,
    group: Sequence[np.ndarray],
    cuts: Sequence[Cut],
    sample: int,
    lo: int,
    hi: int,
) -> list[np.ndarray]:
    """The records of a task."""
    found = []
    for record, cut in zip(group, cuts, strict=True):
        op, operands = program.call_of(record)
        found.append(program.record(op, {**operands, **cut.part(sample, lo, hi)}))
    return found

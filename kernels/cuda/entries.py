"""What a launch runs: an op for each of its tasks, shared as the op's twin says.

    entry(record, frame, scratch, tasks, n_tasks)

A task is three words, its bounds and its kind, as in `kernels/records.py`. As on the CPU, bounds
over samples are multiplied by the positions of the record, and cut to the batch.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import advance, slot

from .language import block, blocks, single, thread, threads
from .spreading import is_inside

TASK_WIDTH = 3


def end_of(frame, task):
    """Where a task ends, in the unit of its bounds."""
    if task[2] == records.WHOLE:
        return task[1]
    return min(task[1], frame[records.SAMPLES])


def rows_of(record, task):
    """The rows of a unit of a task's bounds."""
    if task[2] == records.WHOLE and record[records.LENGTHS] == 0:
        return 1
    return record[records.POSITIONS]


def pieces_of(record, task, end, at_once):
    """How often an op is called for a task: `at_once`, or for each series that has a length."""
    if task[2] != records.WHOLE and task[0] >= end:
        return 0
    return 1 if at_once or record[records.LENGTHS] == 0 else end - task[0]


def task_of(run, over_padding):
    """A device function that runs one task by all threads that call it."""

    def run_task(record, frame, scratch, task):
        # what the loop needs is read anew each time, so that the op has the registers
        piece = np.int32(0)
        while piece < pieces_of(record, task, end_of(frame, task), over_padding):
            rows = rows_of(record, task)
            lo, hi = task[0] * rows, end_of(frame, task) * rows
            if not over_padding and record[records.LENGTHS] != 0:
                lo = (task[0] + piece) * rows
                hi = lo + slot(record, records.LENGTHS, lo)[task[0] + piece]
            single()
            run(record, frame, scratch, lo, hi)
            piece = np.int32(piece + 1)

    return run_task


def always(size):
    """A device function that gives the same scratch for each record."""

    def size_of(record):
        return size

    return size_of


def by_grid(run, scratch_of, once, over_padding):
    """An entry whose tasks are run one after the other, each by all blocks.

    `scratch_of` gives the elements of scratch for each block, by the record.
    """
    run_task = task_of(run, over_padding)

    def entry(record, frame, scratch, tasks, n_tasks):
        number = np.int32(0)
        while number < (min(n_tasks, 1) if once else n_tasks):
            own = advance(scratch, block() * scratch_of(record))
            run_task(record, frame, own, advance(tasks, number * TASK_WIDTH))
            number = np.int32(number + 1)

    return entry


def by_block(run, scratch_of):
    """An entry whose tasks are run by a block each."""
    run_task = task_of(run, False)

    def entry(record, frame, scratch, tasks, n_tasks):
        number = block()
        while number < n_tasks:
            own = advance(scratch, block() * scratch_of(record))
            run_task(record, frame, own, advance(tasks, number * TASK_WIDTH))
            number += blocks()

    return entry


def by_rows(run):
    """An entry whose rows are run by a thread each."""

    def entry(record, frame, scratch, tasks, n_tasks):
        first, step = block() * threads() + thread(), blocks() * threads()
        for number in range(n_tasks):
            task = advance(tasks, number * TASK_WIDTH)
            rows = rows_of(record, task)
            for row in range(task[0] * rows + first, end_of(frame, task) * rows, step):
                if is_inside(record, row):
                    single()
                    run(record, frame, scratch, row, row + 1)

    return entry

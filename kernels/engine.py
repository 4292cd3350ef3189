"""The interpreter of a plan: every worker runs `run_steps` and meets the others at barriers."""

import numpy as np

from . import records
from ._jit import entry, kernel
from .intrinsics.pointers import advance, data, slot
from .intrinsics.sync import call, fetch_add, load_acquire, pause, store_release

SPINS = 2000
"""Pauses before a waiting worker yields: some 30 us, longer than most stages' imbalance."""

YIELDS = 2000
"""Yields before it naps: about a millisecond."""

DONE = 0
ABORTED = 1


@kernel
def wait_for(program, sync, generation):
    """Waits until the barrier of `generation` opens; true if the team was aborted instead."""
    tries = 0
    while load_acquire(advance(sync, records.GENERATION)) == generation:
        if load_acquire(advance(sync, records.ABORT)) != 0:
            return True
        tries += 1
        if tries < SPINS:
            pause()
        elif tries < SPINS + YIELDS:
            call(program, records.YIELD, ())
        else:
            call(program, records.NAP, (np.int32(program[records.NAP_ARGUMENT]),))
    return False


@kernel
def meet(program, sync, generation, stage, frame, scratch):
    """The barrier; the last to arrive runs the stage's closing record while the others wait."""
    if fetch_add(advance(sync, records.ARRIVED), 1) != program[records.WORKERS] - 1:
        return wait_for(program, sync, generation)
    if stage[records.AFTER] != 0:
        record = slot(stage, records.AFTER, generation)
        call(record, 0, (record, frame, scratch, 0, 0))
    store_release(advance(sync, records.CLAIMED), 0)
    store_release(advance(sync, records.ARRIVED), 0)
    store_release(advance(sync, records.GENERATION), generation + 1)
    return False


@kernel
def run_task(task, frame, scratch, worker):
    """Runs a task's chain of records; returns the ops' statuses or-ed together."""
    lo, hi, kind = task[records.LO], task[records.HI], task[records.KIND]
    frame[records.SHIFT] = 0
    if kind != records.WHOLE:
        block = hi - lo
        hi = min(hi, frame[records.ROWS])
        if lo >= hi:
            return 0
        if kind == records.ROWS_OF_WORKER:
            own = worker * block
            frame[records.SHIFT] = lo - own
            lo, hi = own, own + hi - lo
    chain = slot(task, records.CHAIN, worker)
    status = 0
    for i in range(task[records.N_RECORDS]):
        record = slot(chain, i, worker)
        status |= call(record, 0, (record, frame, scratch, lo, hi))
    return status


@entry
def run_steps(program_array, worker, first, last):
    """Runs steps [first, last) of a plan as one of its workers.

    `program_array` is laid out as `records` says. Every worker must be called with the same
    steps; returns ABORTED where one of them, or the launcher, raised the abort word.
    """
    program = data(program_array)
    sync = slot(program, records.SYNC, worker)
    frame = advance(slot(program, records.FRAMES, worker), worker * records.FRAME_WIDTH)
    scratch = advance(
        slot(program, records.SCRATCH, np.float32(0)), worker * program[records.SCRATCH_WORDS]
    )
    generation = 0
    for number in range(first, last):
        step = advance(slot(program, records.STEPS, worker), number * records.STEP_WIDTH)
        frame[records.STEP] = number
        frame[records.START] = step[records.START]
        frame[records.ROWS] = step[records.ROWS]
        for index in range(step[records.FIRST_STAGE], step[records.LAST_STAGE]):
            stage = advance(slot(program, records.STAGES, worker), index * records.STAGE_WIDTH)
            tasks = slot(stage, records.TASKS, worker)
            while True:
                t = fetch_add(advance(sync, records.CLAIMED), 1)
                if t >= stage[records.N_TASKS]:
                    break
                if run_task(advance(tasks, t * records.TASK_WIDTH), frame, scratch, worker) != 0:
                    store_release(advance(sync, records.ABORT), 1)
            if meet(program, sync, generation, stage, frame, scratch):
                return ABORTED
            generation += 1
    return DONE

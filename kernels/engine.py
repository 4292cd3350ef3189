"""The interpreter of a plan: every worker runs `run_steps` until the last stage is over.

One word holds the generation (how many stages are over) and the next task to claim, so a claim
says by itself which stage it is for. A stage is over when all its tasks are done, not when all
workers have arrived: one that lost its core holds up nothing but the task it was in, and joins
whatever stage the others have reached when it comes back.
"""

import numpy as np

from . import records
from ._jit import entry, kernel
from .intrinsics.pointers import advance, data, slot
from .intrinsics.sync import call, fetch_add, load_acquire, pause, store_release

SPINS = 2000
"""Pauses before a waiting worker yields: some 30 us, longer than most stages' imbalance."""

YIELDS = 2000
"""Yields before it naps: about a millisecond."""

GENERATION_SHIFT = 32
CLAIM_MASK = (1 << GENERATION_SHIFT) - 1

DONE = 0
ABORTED = 1


@kernel
def wait_for(program, sync, generation):
    """Waits until the stage of `generation` is over, or the team is aborted."""
    claims, abort = advance(sync, records.CLAIMS), advance(sync, records.ABORT)
    tries = 0
    while load_acquire(claims) >> GENERATION_SHIFT == generation and load_acquire(abort) == 0:
        tries += 1
        if tries < SPINS:
            pause()
        elif tries < SPINS + YIELDS:
            call(program, records.YIELD, ())
        else:
            call(program, records.NAP, (np.int32(program[records.NAP_ARGUMENT]),))


@kernel
def open_next(sync, generation, stage, frame, scratch):
    """Runs the stage's closing record, then lets everyone claim tasks of the next stage."""
    if stage[records.AFTER] != 0:
        record = slot(stage, records.AFTER, generation)
        call(record, 0, (record, frame, scratch, 0, 0))
    store_release(advance(sync, records.FINISHED), 0)
    store_release(advance(sync, records.CLAIMS), (generation + 1) << GENERATION_SHIFT)


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


@kernel
def enter_step(frame, steps, number):
    """Writes a step into the worker's frame; returns the step."""
    step = advance(steps, number * records.STEP_WIDTH)
    frame[records.STEP] = number
    frame[records.START] = step[records.START]
    frame[records.ROWS] = step[records.ROWS]
    return step


@entry
def run_steps(program_array, worker, first, last):
    """Runs steps [first, last) of a plan as one of its workers.

    `program_array` is laid out as `records` says. Returns ABORTED where the abort word was
    raised; a stage that was begun is finished even then.
    """
    program = data(program_array)
    sync, steps = slot(program, records.SYNC, worker), slot(program, records.STEPS, worker)
    frame = advance(slot(program, records.FRAMES, worker), worker * records.FRAME_WIDTH)
    scratch = advance(
        slot(program, records.SCRATCH, np.float32(0)), worker * program[records.SCRATCH_WORDS]
    )
    claims = advance(sync, records.CLAIMS)
    generation, number = 0, first
    step = enter_step(frame, steps, first)
    index = step[records.FIRST_STAGE]
    while number < last and load_acquire(advance(sync, records.ABORT)) == 0:
        word, done = fetch_add(claims, 1), 0
        while generation < word >> GENERATION_SHIFT:  # to the stage that the claim is for
            generation += 1
            index += 1
            if index == step[records.LAST_STAGE]:
                number += 1
                if number == last:
                    return DONE
                step = enter_step(frame, steps, number)
                index = step[records.FIRST_STAGE]
        stage = advance(slot(program, records.STAGES, worker), index * records.STAGE_WIDTH)
        tasks, n_tasks = slot(stage, records.TASKS, worker), stage[records.N_TASKS]
        claimed = word & CLAIM_MASK
        while claimed < n_tasks:
            if run_task(advance(tasks, claimed * records.TASK_WIDTH), frame, scratch, worker):
                store_release(advance(sync, records.ABORT), 1)
            done += 1
            claimed = fetch_add(claims, 1) & CLAIM_MASK
        if done > 0 and fetch_add(advance(sync, records.FINISHED), done) + done == n_tasks:
            open_next(sync, generation, stage, frame, scratch)
        else:
            wait_for(program, sync, generation)
    return ABORTED if number < last else DONE

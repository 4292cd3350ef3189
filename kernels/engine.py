"""The interpreter of a plan: every worker runs `run_steps` until the last stage is over.

Each worker has a share of a stage's tasks, the same at every step, so that the weights, moments
and rows it works on stay in its own caches; then it takes what others have not begun. The word
of a share holds the generation (how many stages are over) and the next task to claim, so a claim
is for the stage that a worker is in, or fails. A stage is over when all its tasks are done, not
when all workers have arrived: one that lost its core holds up nothing but the task it was in,
and joins whatever stage the others have reached when it comes back.
"""

import numpy as np

from . import records
from ._jit import entry, kernel
from .intrinsics.pointers import advance, data, slot
from .intrinsics.subnormals import flush_subnormals, set_mode
from .intrinsics.sync import call, fetch_add, load_acquire, pause, store_release, swap_if

SPINS = 2000
"""Pauses before a waiting worker yields: some 30 us, longer than most stages' imbalance."""

YIELDS = 2000
"""Yields before it naps: about a millisecond."""

GENERATION_SHIFT = 32
CLAIM_MASK = (1 << GENERATION_SHIFT) - 1

DONE = 0
ABORTED = 1


@kernel
def claims_of(program, worker):
    """The word of a worker's share."""
    sync = slot(program, records.SYNC, worker)
    return advance(sync, records.CLAIMS + worker * records.CLAIMS_WIDTH)


@kernel
def claim(claims, generation, n):
    """The number of a task of `n` that is now the caller's, or -1 if none is left."""
    while True:
        word = load_acquire(claims)
        if word >> GENERATION_SHIFT != generation or word & CLAIM_MASK >= n:
            return -1
        if swap_if(claims, word, word + 1):
            return word & CLAIM_MASK


@kernel
def rest(program, tries):
    """Waits a little: a pause, a yield, or a nap where many tries were made before."""
    if tries < SPINS:
        pause()
    elif tries < SPINS + YIELDS:
        call(program, records.YIELD, ())
    else:
        call(program, records.NAP, (np.int32(program[records.NAP_ARGUMENT]),))


@kernel
def wait_for(program, worker, generation):
    """Waits until the stage of `generation` is over, or the team is aborted."""
    claims = claims_of(program, worker)
    abort = advance(slot(program, records.SYNC, worker), records.ABORT)
    tries = 0
    while load_acquire(claims) >> GENERATION_SHIFT == generation and load_acquire(abort) == 0:
        tries += 1
        rest(program, tries)


@kernel
def open_next(program, generation, stage, frame, scratch):
    """Runs the stage's closing record, then lets everyone claim tasks of the next stage.

    Only here does the abort word stop work: of a stage that was opened, whoever opened it does
    all that the others leave, so no parameter is ever a part of a step ahead of another.
    """
    if stage[records.AFTER] != 0:
        record = slot(stage, records.AFTER, generation)
        call(record, records.OP, (record, frame, scratch, 0, 0))
    sync = slot(program, records.SYNC, generation)
    if load_acquire(advance(sync, records.ABORT)) != 0:
        return
    store_release(advance(sync, records.FINISHED), 0)
    for worker in range(program[records.WORKERS]):
        store_release(claims_of(program, worker), (generation + 1) << GENERATION_SHIFT)


@kernel
def run_lengths(record, frame, scratch, samples, end):
    """Runs a record for the first rows of each of samples [samples, end); the ops' statuses."""
    lengths, rows, status = slot(record, records.LENGTHS, end), record[records.POSITIONS], 0
    for sample in range(samples, end):
        lo = sample * rows
        hi = lo + lengths[sample]
        status |= call(record, records.OP, (record, frame, scratch, lo, hi))
    return status


@kernel
def run_chain(chain, count, frame, scratch, lo, hi, is_whole):
    """Runs records one after the other; returns the ops' statuses or-ed together."""
    status = 0
    for i in range(count):
        record = slot(chain, i, count)
        if record[records.LENGTHS] != 0:
            status |= run_lengths(record, frame, scratch, lo, hi)
            continue
        rows = 1 if is_whole else record[records.POSITIONS]
        status |= call(record, records.OP, (record, frame, scratch, lo * rows, hi * rows))
    return status


@kernel
def run_loops(routine, frame, scratch, lo, hi):
    """Runs a task's loops over samples [lo, hi), each step by step; returns the statuses."""
    status = 0
    for number in range(routine[0]):
        loop = advance(routine, 1 + number * records.LOOP_WIDTH)
        step = loop[records.LOOP_STEP] if loop[records.LOOP_STEP] > 0 else hi - lo
        chain, count = slot(loop, records.LOOP_RECORDS, lo), loop[records.LOOP_N_RECORDS]
        for first in range(lo, hi, step):
            for i in range(loop[records.LOOP_N_MOVED]):
                moved = advance(slot(loop, records.LOOP_MOVED, lo), i * records.MOVED_WIDTH)
                slot(moved, 0, lo)[0] = moved[1] - first * moved[2]
            last = min(first + step, hi)
            status |= run_chain(chain, count, frame, scratch, first, last, False)
    return status


@kernel
def run_task(task, frame, scratch, worker):
    """Runs a task's chain of records; returns the ops' statuses or-ed together."""
    lo, hi, kind = task[records.LO], task[records.HI], task[records.KIND]
    frame[records.SHIFT] = 0
    if kind != records.WHOLE:
        block = hi - lo
        hi = min(hi, frame[records.SAMPLES])
        if lo >= hi:
            return 0
        if kind == records.ROWS_OF_WORKER:
            own = worker * block
            frame[records.SHIFT] = lo - own
            lo, hi = own, own + hi - lo
    chain, count = slot(task, records.CHAIN, worker), task[records.N_RECORDS]
    if count == records.LOOPED:
        return run_loops(slot(chain, worker, worker), frame, scratch, lo, hi)
    return run_chain(chain, count, frame, scratch, lo, hi, kind == records.WHOLE)


@kernel
def enter_step(frame, steps, number):
    """Writes a step into the worker's frame; returns the step."""
    step = advance(steps, number * records.STEP_WIDTH)
    frame[records.STEP] = number
    frame[records.START] = step[records.START]
    frame[records.SAMPLES] = step[records.SAMPLES]
    return step


@kernel
def run_share(program, stage, owner, generation, frame, scratch, worker):
    """Runs the tasks of the owner's share that nobody has begun; returns their number."""
    shares = slot(stage, records.SHARES, worker)
    first = shares[owner]
    tasks = advance(slot(stage, records.TASKS, worker), first * records.TASK_WIDTH)
    claims, n = claims_of(program, owner), shares[owner + 1] - first
    done = 0
    task = claim(claims, generation, n)
    while task >= 0:
        if run_task(advance(tasks, task * records.TASK_WIDTH), frame, scratch, worker):
            abort = advance(slot(program, records.SYNC, worker), records.ABORT)
            store_release(abort, 1)
        done += 1
        task = claim(claims, generation, n)
    return done


@kernel
def run_stage(program, stage, generation, frame, scratch, worker):
    """Runs what is left of a stage, the own share first, and opens the next or waits for it."""
    finished = advance(slot(program, records.SYNC, worker), records.FINISHED)
    workers = program[records.WORKERS]
    for turn in range(workers):
        owner = (worker + turn) % workers
        done = run_share(program, stage, owner, generation, frame, scratch, worker)
        if done > 0 and fetch_add(finished, done) + done == stage[records.N_TASKS]:
            open_next(program, generation, stage, frame, scratch)
            return
    wait_for(program, worker, generation)


@kernel
def run_program(program, worker, first, last):
    """`run_steps` for callers that are compiled."""
    mode = flush_subnormals()
    steps = slot(program, records.STEPS, worker)
    stages = slot(program, records.STAGES, worker)
    frame = advance(slot(program, records.FRAMES, worker), worker * records.FRAME_WIDTH)
    scratch = advance(
        slot(program, records.SCRATCH, np.float32(0)), worker * program[records.SCRATCH_WORDS]
    )
    generation, number, aborted = 0, first, False
    step = enter_step(frame, steps, first)
    index = step[records.FIRST_STAGE]
    while number < last and not aborted:
        stage = advance(stages, index * records.STAGE_WIDTH)
        run_stage(program, stage, generation, frame, scratch, worker)
        opened = load_acquire(claims_of(program, worker)) >> GENERATION_SHIFT
        aborted = opened == generation
        while generation < opened and number < last:  # one stage on, or more for a latecomer
            generation += 1
            index += 1
            if index == step[records.LAST_STAGE]:
                number += 1
                if number < last:
                    step = enter_step(frame, steps, number)
                    index = step[records.FIRST_STAGE]
    set_mode(mode)
    return ABORTED if number < last else DONE


@entry
def run_steps(program_array, worker, first, last):
    """Runs steps [first, last) of a plan as one of its workers.

    `program_array` is laid out as `records` says. Returns ABORTED where the abort word was
    raised; a stage that was opened is finished by the team even then.
    """
    return run_program(data(program_array), worker, first, last)

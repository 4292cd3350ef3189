"""Programs that a GPU runs by itself: one launch runs a range of steps, each with all its records.

    entry(program, scratch, first, last)

`together` is for several blocks, which wait for each other between records that depend on each
other. `alone` is for one block. Its shared memory has, beside that of its ops, scratch, the words
of the program, and all that they point to, but for data and what is written for the host.

The words of a program, all int64: a header, and what it points to. In the shared memory of a block
the same words hold distances from its beginning, until the block has added where that is.
"""

from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import advance, slot

from .language import (
    address,
    barrier,
    block,
    dynamic,
    grid_barrier,
    shared,
    thread,
    threads,
)

# header
STAGES = 0  # address of the number of each stage's first launch, and one more
LAUNCHES = 1  # address of the launches
STEPS = 2  # address of the steps
FRAME = 3  # address of a frame, of which each block has a copy
ARRIVALS = 4  # address of the word by which blocks wait for each other; it begins as 0
SCRATCH_SIZE = 5  # elements of scratch for each block
N_WORDS = 6  # of the program
MOVED = 7  # address of the places of words that hold distances
N_MOVED = 8
COPIED = 9  # address of what is copied to shared memory, and back at the end
N_COPIED = 10
SCRATCH_AT = 11  # elements of a block's shared memory that are before its scratch
PROGRAM_AT = 12  # words of it that are before those of the program
PROGRAM_WIDTH = 14

# launch
RECORD = 0  # address of the record
TASKS = 1  # address of its tasks
N_TASKS = 2
WAITS = 3  # whether a record that depends on this one follows: all blocks wait for each other
LAUNCH_WIDTH = 4

# copied
SOURCE = 0  # address of an array
TARGET = 1  # the place of its copy, in words
COUNT = 2  # words
COPIED_WIDTH = 3


def copy_words(target, source, n):
    """target (n) = source (n); overwrites."""
    for i in range(thread(), n, threads()):
        target[i] = source[i]


def enter_step(program, frame, number):
    """Writes a step into the block's frame."""
    if thread() == 0:
        step = advance(slot(program, STEPS, number), number * records.STEP_WIDTH)
        frame[records.STEP] = number
        frame[records.START] = step[records.START]
        frame[records.SAMPLES] = step[records.SAMPLES]


def launch_of(program, step, bound):
    """The number of the launch that a step begins with, or ends before."""
    step = advance(slot(program, STEPS, step), step * records.STEP_WIDTH)
    return slot(program, STAGES, step[bound])[step[bound]]


def running(run, wait):
    """A device function that runs steps [first, last).

    Parameters
    ----------
    run : callable
        Runs a record for its tasks: (record, frame, scratch, tasks, n_tasks).
    wait : callable
        Lets all blocks wait for each other; takes the program.
    """

    def run_steps(program, scratch, first, last):
        # what the loops need is read anew each time, so that the op has the registers
        frame = shared(24, first)  # records.FRAME_WIDTH
        copy_words(frame, slot(program, FRAME, first), records.FRAME_WIDTH)
        barrier()
        number = first
        while number < last:
            enter_step(program, frame, number)
            barrier()
            at = launch_of(program, number, records.FIRST_STAGE)
            while at < launch_of(program, number, records.LAST_STAGE):
                launch = advance(slot(program, LAUNCHES, at), at * LAUNCH_WIDTH)
                own = advance(scratch, block() * program[SCRATCH_SIZE])
                tasks = slot(launch, TASKS, at)
                run(slot(launch, RECORD, at), frame, own, tasks, launch[N_TASKS])
                if slot(program, LAUNCHES, at)[at * LAUNCH_WIDTH + WAITS] != 0:
                    wait(program)
                else:
                    barrier()  # the next record uses the same shared memory
                at += 1
            number += 1

    return run_steps


def together(run):
    """An entry for all blocks of a cooperative launch."""

    def wait(program):
        grid_barrier(slot(program, ARRIVALS, 0))

    run_steps = running(run, wait)

    def entry(program, scratch, first, last):
        run_steps(program, scratch, first, last)

    return entry


def alone(run):
    """An entry for one block, with all that a step writes in its shared memory."""

    def wait(program):
        barrier()

    run_steps = running(run, wait)

    def entry(program, scratch, first, last):
        memory = advance(dynamic(first), program[PROGRAM_AT])
        own = advance(dynamic(scratch[0]), program[SCRATCH_AT])
        copy_words(memory, program, program[N_WORDS])
        copied = slot(program, COPIED, first)
        for i in range(program[N_COPIED]):
            one = advance(copied, i * COPIED_WIDTH)
            copy_words(advance(memory, one[TARGET]), slot(one, SOURCE, first), one[COUNT])
        barrier()
        moved, base = slot(program, MOVED, first), address(memory)
        for i in range(thread(), program[N_MOVED], threads()):
            memory[moved[i]] = memory[moved[i]] + base
        barrier()
        run_steps(memory, own, first, last)
        for i in range(program[N_COPIED]):
            one = advance(slot(program, COPIED, first), i * COPIED_WIDTH)
            copy_words(slot(one, SOURCE, first), advance(memory, one[TARGET]), one[COUNT])

    return entry

"""The interpreter of plans: every row once, closing records once, faults that end the team."""

import threading
from itertools import pairwise

import numpy as np
import pytest
from fusednn.kernels import engine, records
from fusednn.kernels._jit import JIT, kernel
from fusednn.kernels.intrinsics.pointers import advance, data, slot, view_at
from fusednn.kernels.intrinsics.sync import fetch_add
from fusednn.kernels.operands import INT64, op, operands

from fusednn.plan.binding.program import Program, Task
from fusednn.training.threads.team import Team, run_all

BLOCK = 4
STEPS = [(0, 10), (10, 10), (20, 7), (27, 1)]
ROWS = 28
KINDS = [records.ROWS_OF_BATCH, records.ROWS_OF_WORKER]


COUNTS, SYNC, NOTHING = operands(counts=INT64), operands(sync=INT64), operands()


@op(COUNTS)
def count_rows(record, frame, scratch, lo, hi):
    """Adds 1 to the count of every sample it is given."""
    counts, shift = slot(record, COUNTS.counts, lo), frame[records.START] + frame[records.SHIFT]
    for row in range(lo, hi):
        fetch_add(advance(counts, shift + row), 1)
    return 0


@op(COUNTS)
def note_range(record, frame, scratch, lo, hi):
    """Writes the range of a whole task to the place its first number names."""
    notes = slot(record, COUNTS.counts, lo)
    notes[lo] = hi
    return 0


@op(COUNTS)
def close_stage(record, frame, scratch, lo, hi):
    """Adds 1 at the step, which only one worker does at a time."""
    counts = slot(record, COUNTS.counts, lo)
    counts[frame[records.STEP]] += 1
    return 0


@op(NOTHING)
def fail(record, frame, scratch, lo, hi):
    return 1


def steps_of(stages):
    steps = np.zeros((len(STEPS), records.STEP_WIDTH), np.int64)
    steps[:, [records.START, records.SAMPLES]] = STEPS
    steps[:, records.LAST_STAGE] = stages
    return steps


def counting(workers):
    """A program, tasks that count a batch's rows, and the counts."""
    counts = np.zeros(ROWS, np.int64)
    program = Program(np.float32, workers, 1)
    chain = [program.record(count_rows, {"counts": counts})]
    starts = range(0, 12, BLOCK)
    return program, [Task(chain, lo, lo + BLOCK, records.ROWS_OF_BATCH) for lo in starts], counts


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_row_once(workers, kind):
    counts, notes, closed = (np.zeros(n, np.int64) for n in (ROWS, 4, len(STEPS)))
    program = Program(np.float32, workers, 1)
    chain = [program.record(count_rows, {"counts": counts}) for _ in range(2)]
    after = program.record(close_stage, {"counts": closed})
    note = program.record(note_range, {"counts": notes})
    rows = [Task(chain, lo, lo + BLOCK, kind) for lo in range(0, 12, BLOCK)]
    program.set_stages([(rows, None), ([Task([note], 3, 8)], after), (rows, after)])
    program.set_steps(steps_of(3))
    run_all(program)
    assert counts.tolist() == [4] * ROWS
    assert notes.tolist() == [0, 0, 0, 8]
    assert closed.tolist() == [2] * len(STEPS)
    with Team(program) as team:
        team.run(1, 3)
        team.run(3, 4)
    assert counts.tolist() == [4] * 10 + [8] * 18


def test_one_worker_does_the_shares_of_all():
    program, rows, counts = counting(3)
    program.set_stages([(rows, None), (rows, None)])
    program.set_steps(steps_of(2))
    assert engine.run_steps(program.words, 1, 0, 4) == engine.DONE
    assert counts.tolist() == [2] * ROWS
    # one that comes when all is over has nothing left to do
    assert engine.run_steps(program.words, 0, 0, 4) == engine.DONE
    assert counts.tolist() == [2] * ROWS


@pytest.mark.parametrize("costs", [[1.0] * 7, [5, 1, 1, 1, 1, 1, 10], [0, 0, 0, 1], [1.0]])
@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_shares_are_of_about_the_same_cost(costs, workers):
    program = Program(np.float32, workers, 1)
    chain = [program.record(fail, {})]
    program.set_stages([([Task(chain, 0, 0, cost=cost) for cost in costs], None)])
    stage = view_at(program.words[records.STAGES], np.int64)
    shares = view_at(stage[records.SHARES], np.int64)[: workers + 1]
    assert shares[0] == 0
    assert shares[-1] == len(costs)
    totals = [sum(costs[a:b]) for a, b in pairwise(shares)]
    assert sum(totals) == sum(costs)
    assert max(totals) <= sum(costs) / workers + max(costs)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_failing_op_ends_the_team(workers):
    program, rows, _ = counting(workers)
    program.set_stages([(rows, None), ([Task([program.record(fail, {})], 0, 0)], None)])
    program.set_steps(steps_of(2))
    with Team(program) as team, pytest.raises(RuntimeError, match="compiled operation"):
        team.run(0, 4)


def test_a_raised_abort_word_ends_a_waiting_worker():
    program = Program(np.float32, 2, 1)
    program.set_stages([([Task([], 0, 0)] * 3, None)])
    program.set_steps(steps_of(1))
    for worker in range(2):  # another worker has all tasks, and finishes none
        program.sync[records.CLAIMS + worker * records.CLAIMS_WIDTH] = 3
    program.sync[records.ABORT] = 1
    assert engine.run_steps(program.words, 1, 0, 1) == engine.ABORTED


@pytest.mark.parametrize("workers", [1, 3])
def test_a_stage_is_whole_or_not_opened(workers):
    """A task that fails ends no other of its stage, and of the next stage none begins."""
    program, rows, counts = counting(workers)
    failing = Task([program.record(fail, {})], 0, 0)
    program.set_stages([([failing, *rows], None), (rows, None)])
    program.set_steps(steps_of(2))
    assert engine.run_steps(program.words, 0, 0, 4) == engine.ABORTED
    assert counts.tolist() == [1] * 10 + [0] * 18


@op(SYNC)
def raise_abort(record, frame, scratch, lo, hi):
    slot(record, SYNC.sync, lo)[records.ABORT] = 1
    return 0


def test_an_abort_between_two_stages_opens_nothing():
    """Else a share that was opened last could be left undone, and the others done."""
    program = Program(np.float32, 3, 1)
    raising = program.record(raise_abort, {"sync": program.sync})
    program.set_stages([([Task([], 0, 0)] * 3, raising), ([Task([], 0, 0)] * 3, None)])
    program.set_steps(steps_of(2))
    assert engine.run_steps(program.words, 1, 0, 4) == engine.ABORTED
    generations = program.sync[records.CLAIMS :: records.CLAIMS_WIDTH] >> engine.GENERATION_SHIFT
    assert not generations.any()


@kernel
def wait(program, worker, generation):
    return engine.wait_for(data(program), worker, generation)


@pytest.mark.parametrize("aborted", [False, True])
def test_waiting_ends(aborted, monkeypatch):
    """After spinning, yielding and napping: the other thread takes its time."""
    if not JIT:  # a try takes longer
        monkeypatch.setattr(engine, "SPINS", 9)
        monkeypatch.setattr(engine, "YIELDS", 9)
    program = Program(np.float32, 1, 1)
    wait(program.words, 0, 1)  # not the present stage: no waiting; compiles
    word, value = (records.ABORT, 1) if aborted else (records.CLAIMS, 1 << 32)
    timer = threading.Timer(0.1, program.sync.__setitem__, (word, value))
    timer.start()
    wait(program.words, 0, 0)
    assert program.sync[word] == value
    timer.join()

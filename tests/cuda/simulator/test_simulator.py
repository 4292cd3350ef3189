"""The simulator of GPUs finds threads that would read what is not there yet."""

import numpy as np
import pytest
from fusednn.kernels.cuda.language import (
    barrier,
    block,
    blocks,
    grid_barrier,
    shared,
    thread,
    threads,
)
from fusednn.kernels.intrinsics.scalars import cast
from oracles.simulated_gpu.memory import RaceError
from oracles.simulated_gpu.running import DivergedError
from running.simulated_functions import run, zeros


def test_every_thread_of_every_block_runs():
    def count(out):
        at = block() * threads() + thread()
        out[at] = cast(100 * blocks() + at, out[at])

    assert run(count, zeros(24), grid=(3, 8)).tolist() == [300 + i for i in range(24)]


def turn(out):
    """Reverses the elements of a block by shared memory."""
    own = shared(8, out[thread()])
    at = block() * 8
    own[thread()] = out[at + thread()]
    barrier()
    out[at + thread()] = own[7 - thread()]


def test_barriers_of_several_blocks():
    found = run(turn, np.arange(24, dtype=np.float32), grid=(3, 8))
    assert found.tolist() == np.arange(24).reshape(3, 8)[:, ::-1].reshape(-1).tolist()


def test_a_missing_barrier_is_found():
    def turn_at_once(out):
        own = shared(8, out[thread()])
        own[thread()] = out[thread()]
        out[8 + thread()] = own[7 - thread()]

    with pytest.raises(
        RaceError, match=r"thread 4 of block 0 writes element 4 .*thread 3 of block 0 reads"
    ):
        run(turn_at_once, np.arange(16, dtype=np.float32))


def test_a_missing_second_barrier_is_found():
    def turn_twice(out):
        own = shared(8, out[thread()])
        for _ in range(2):
            own[thread()] = out[thread()]
            barrier()
            out[thread()] = own[7 - thread()]

    with pytest.raises(RaceError, match=r"of shared memory that thread . of block 0"):
        run(turn_twice, np.arange(8, dtype=np.float32))


def test_two_threads_that_write_one_element_are_found():
    def meet(out):
        out[0] = cast(thread(), out[1])

    with pytest.raises(RaceError, match=r"thread 1 of block 0 writes element 0"):
        run(meet, zeros(2))


def test_a_block_that_writes_what_another_has_read_is_found():
    """Though its own threads have read it since."""

    def read_and_write(out):
        out[block() * threads() + thread()] = out[8]
        barrier()
        if block() == 1 and thread() == 0:
            out[8] = cast(1, out[8])

    with pytest.raises(RaceError, match=r"block 1 writes element 8 .* block 0 reads"):
        run(read_and_write, zeros(9), grid=(2, 4))


def test_a_write_beside_a_read_is_found_whatever_the_value():
    def read_or_write(out):
        if thread() == 0:
            out[1] = out[0]
        else:
            out[0] = cast(0, out[0])

    with pytest.raises(RaceError, match=r"thread 1 of block 0 writes element 0 .* reads"):
        run(read_or_write, zeros(2), grid=(1, 2))


def test_two_blocks_see_each_other_after_a_grid_barrier_alone():
    def pass_on(out):
        out[block()] = cast(block(), out[blocks()])
        barrier()
        out[blocks() + block()] = out[(block() + 1) % blocks()]

    def pass_on_by_the_grid(out):
        out[block()] = cast(block(), out[blocks() * 2])
        grid_barrier(out)
        out[blocks() + block()] = out[(block() + 1) % blocks()]

    with pytest.raises(RaceError, match="of block 1"):
        run(pass_on, zeros(9), grid=(4, 1))
    found = run(pass_on_by_the_grid, zeros(9), grid=(4, 1))
    assert found[4:8].tolist() == [1, 2, 3, 0]


def test_a_barrier_that_some_threads_do_not_reach():
    def part(out):
        if thread() < 3:
            barrier()
        out[thread()] = out[thread()]

    with pytest.raises(DivergedError, match=r"block 0 .*thread 0 is at .*, thread 3 has ended"):
        run(part, zeros(8))
    with pytest.raises(DivergedError, match="block 1 "):
        run(only_in_block_one, zeros(16), grid=(2, 8))


def only_in_block_one(out):
    at = block() * threads() + thread()
    if block() == 0 or thread() < 3:
        barrier()
    out[at] = out[at]


def test_two_barriers_are_not_the_same():
    def apart(out):
        if thread() < 3:
            barrier()
        else:
            barrier()
        out[thread()] = out[thread()]

    with pytest.raises(DivergedError, match=r"thread 0 is at .*thread 3 is at"):
        run(apart, zeros(8))


def test_a_grid_barrier_that_some_blocks_do_not_reach():
    def part(out):
        if block() < 2:
            grid_barrier(out)
        out[block()] = out[block()]

    with pytest.raises(DivergedError, match=r"2 of 4 blocks .* block 2 is not"):
        run(part, zeros(4), grid=(4, 1))


def wait():
    barrier()


def rotate(own, t):
    """A barrier two calls down."""
    wait()
    value = own[(t + 1) % 8]
    wait()
    return value


def test_barriers_of_called_functions():
    def turn_by_calls(out):
        own = shared(8, out[thread()])
        own[thread()] = out[thread()]
        for _ in range(3):
            own[thread()] = rotate(own, thread())
        out[thread()] = own[thread()]

    found = run(turn_by_calls, np.arange(8, dtype=np.float32))
    assert found.tolist() == [3, 4, 5, 6, 7, 0, 1, 2]

"""The simulator of GPUs finds what a GPU would answer with wrong numbers."""

import math

import numpy as np
import pytest
from fusednn.kernels import maths
from fusednn.kernels._jit import entry
from fusednn.kernels.cuda.language import (
    barrier,
    block,
    blocks,
    commit_copies,
    copy4,
    grid_barrier,
    load4,
    local,
    shared,
    store4,
    thread,
    threads,
    wait_copies,
)
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from oracles.simulated_gpu.memory import POISON, Memory, RaceError, RangeError
from oracles.simulated_gpu.running import DivergedError, arithmetic_of, launch
from oracles.simulated_gpu.translating import Translated


def run(function, *arrays, grid=(1, 8)):
    """Launches a device function of pointers to arrays."""
    memory = Memory()
    for array in arrays:
        memory.add(array)
    pointers = [memory.pointer(array.ctypes.data, array.dtype) for array in arrays]
    with arithmetic_of(arrays[0].dtype):
        launch(Translated(memory)(function), *grid, lambda block: pointers)
    return arrays[0]


def zeros(n, dtype=np.float32):
    return np.zeros(n, dtype)


# -- threads, blocks, barriers -----------------------------------------------------------------


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


def test_two_blocks_see_each_other_after_a_grid_barrier_alone():
    def pass_on(out):
        out[block()] = cast(block(), out[blocks()])
        barrier()
        out[blocks() + block()] = out[(block() + 1) % blocks()]

    def pass_on_by_the_grid(out):
        out[block()] = cast(block(), out[blocks() * 2])
        grid_barrier()
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
            grid_barrier()
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


# -- memory ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "nothing"), [(np.float64, np.nan), (np.int64, POISON)])
def test_shared_and_local_memory_hold_nothing(dtype, nothing):
    def copy(out):
        out[0] = shared(4, out[2])[1]
        out[1] = local(4, out[2])[1]

    found = run(copy, zeros(3, dtype), grid=(1, 1))
    np.testing.assert_array_equal(found[:2], np.array([nothing, nothing], dtype))


def test_two_arrays_of_one_line_are_two():
    def swap(out):
        a, b = shared(1, out[0]), shared(1, out[0])
        a[0], b[0] = out[0], out[1]
        out[0], out[1] = b[0], a[0]

    assert run(swap, np.array([1, 2], np.float32), grid=(1, 1)).tolist() == [2, 1]


def fresh(like):
    return shared(2, like)


def test_shared_memory_of_another_call_holds_nothing():
    """One place in a loop, and a function that is called twice."""

    def keep(out):
        for i in range(2):
            own = fresh(out[3])
            out[i] = own[0]
            own[0] = out[3]
        out[2] = fresh(out[3])[0]

    found = run(keep, np.array([1, 1, 1, 5], np.float32), grid=(1, 1))
    assert np.isnan(found[:3]).all()


def test_blocks_share_nothing_but_the_arrays():
    def see(out):
        own = shared(1, out[block()])
        value = own[0]
        own[0] = out[block()]
        out[block()] = value

    assert np.isnan(run(see, np.ones(3, np.float32), grid=(3, 1))).all()


@pytest.mark.parametrize("at", [-1, 4])
def test_an_index_out_of_range(at):
    def read(out, index):
        out[0] = out[index[0]]

    with pytest.raises(RangeError, match=f"thread 0 of block 0 uses element {at} of .*of 4"):
        run(read, zeros(4), np.array([at]), grid=(1, 1))


def test_a_range_is_that_of_the_allocation():
    """A pointer from the middle of an array reaches all of it, and nothing behind."""

    def read(out, record):
        there = slot(record, 0, out[0])
        out[0] = advance(there, -1)[0]
        out[1] = there[1]

    def read_behind(out, record):
        out[0] = slot(record, 0, out[0])[2]

    def read_nothing(out, record):
        out[0] = slot(record, 1, out[0])[0]

    out = np.arange(4, dtype=np.float32)
    record = np.array([out.ctypes.data + 8, 0])
    assert run(read, out, record, grid=(1, 1)).tolist() == [1, 3, 2, 3]
    with pytest.raises(RangeError, match="uses element 4"):
        run(read_behind, out, record, grid=(1, 1))
    with pytest.raises(RangeError, match="address 0x0, where no memory is"):
        run(read_nothing, out, record, grid=(1, 1))


def test_four_elements_lie_at_aligned_addresses():
    def double(out):
        a, b, c, d = load4(out, 4 * thread())
        store4(out, 4 * thread(), a + a, b + b, c + c, d + d)

    def double_wrong(out):
        a, b, c, d = load4(out, 2)
        store4(out, 0, a, b, c, d)

    memory = np.zeros(16, np.float32)
    out = memory[-memory.ctypes.data // 4 % 4 :][:8]
    out[:] = np.arange(8)
    assert run(double, out, grid=(1, 2)).tolist() == [2 * i for i in range(8)]
    with pytest.raises(RangeError, match="which 16 does not divide"):
        run(double_wrong, out, grid=(1, 1))


@pytest.mark.parametrize(("left", "is_there"), [(0, True), (1, False)])
def test_copies_are_there_when_they_are_waited_for(left, is_there):
    def copy(out, number):
        own = shared(4, out[0])
        copy4(own, 0, out, 0)
        commit_copies()
        wait_copies(number[0])
        out[4] = own[1]
        wait_copies(0)

    memory = np.zeros(16, np.float32)
    out = memory[-memory.ctypes.data // 4 % 4 :][:8]
    out[:4] = 7
    found = run(copy, out, np.array([left]), grid=(1, 1))
    assert np.array_equal(found[4], 7 if is_there else np.nan, equal_nan=True)


def test_copies_that_nobody_waits_for():
    def copy(out):
        copy4(shared(4, out[0]), 0, out, 0)

    memory = np.zeros(16, np.float32)
    out = memory[-memory.ctypes.data // 4 % 4 :][:8]
    with pytest.raises(RuntimeError, match="ends before its copies"):
        run(copy, out, grid=(1, 1))


# -- arithmetic --------------------------------------------------------------------------------


def test_multiply_adds_are_rounded_once():
    """Where float64 would round to a float32's half first: 1 + 2**-23 less what is left over."""

    def add(out):
        out[3] = fma(out[0], out[1], out[2])

    # the product is 1 + 2**-11 + 2**-24 exactly; with 2**-60 more, float64 loses what decides
    a = np.float32(1 + 2.0**-12)
    found = run(add, np.array([a, a, 2.0**-60, 0], np.float32), grid=(1, 1))[3]
    assert found == np.float32(1 + 2.0**-11 + 2.0**-23)
    assert np.float32(float(a) * float(a) + 2.0**-60) == np.float32(1 + 2.0**-11)


def test_arithmetic_has_the_types_of_compiled_code():
    def compute(out):
        out[2] = out[0] * out[1] + out[0]
        out[3] = cast(out[0] * 0.1, out[0])
        out[4] = cast(float(out[0]) * out[1], out[0])
        out[5] = cast(math.sqrt(out[0] - out[1] - out[1]), out[0])

    rows = np.array([1.1, 2.3, 0, 0, 0, 0], np.float32)
    want = rows.copy()

    @entry
    def compiled(out):
        out[2] = out[0] * out[1] + out[0]
        out[3] = out[0] * 0.1
        out[4] = float(out[0]) * out[1]
        out[5] = math.sqrt(out[0] - out[1] - out[1])

    compiled(want)
    assert run(compute, rows, grid=(1, 1)).tobytes() == want.tobytes()


def test_subnormal_float32_are_zero():
    def halve(out):
        out[0] = out[0] * out[1]

    least = np.finfo(np.float32).tiny
    assert run(halve, np.array([least, 0.5], np.float32), grid=(1, 1))[0] == 0
    least = np.finfo(np.float64).tiny
    assert run(halve, np.array([least, 0.5]), grid=(1, 1))[0] == least / 2
    assert np.float32(2.0**-126) * np.float32(0.5) > 0  # as before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["exp", "tanh", "log1p", "normal_cdf", "softplus", "cos_turns"])
def test_elementary_functions_have_the_bits_of_the_cpu(name, dtype):
    function = getattr(maths, name)

    def each(out):
        out[thread()] = function(out[thread()])

    @entry
    def compiled(x):
        for i in range(len(x)):
            x[i] = function(x[i])

    x = np.random.RandomState(0).normal(scale=4, size=64).astype(dtype)
    x[:4] = 0, -0.0, 90, -90
    want = x.copy()
    with arithmetic_of(dtype):  # of the thread, so it holds for compiled code too
        compiled(want)
    assert run(each, x, grid=(1, 64)).tobytes() == want.tobytes()

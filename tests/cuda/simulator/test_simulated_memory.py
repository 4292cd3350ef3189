"""The simulator of GPUs finds memory that holds nothing, and places beyond its end."""

import numpy as np
import pytest
from fusednn.kernels.cuda.language import (
    block,
    commit_copies,
    copy,
    copy4,
    load4,
    local,
    shared,
    store4,
    thread,
    wait_copies,
)
from fusednn.kernels.intrinsics.pointers import advance, slot
from oracles.simulated_gpu.memory import POISON, RangeError
from running.simulated_functions import run, zeros


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


def test_single_elements_are_copied_alike():
    def copy_one(out):
        own = shared(4, out[0])
        copy(own, 2, out, 1)
        commit_copies()
        out[4] = own[2]
        wait_copies(0)
        out[5] = own[2]

    found = run(copy_one, np.arange(8, dtype=np.float32), grid=(1, 1))
    np.testing.assert_array_equal(found[4:6], [np.nan, 1])


def test_copies_that_nobody_waits_for():
    def copy(out):
        copy4(shared(4, out[0]), 0, out, 0)

    memory = np.zeros(16, np.float32)
    out = memory[-memory.ctypes.data // 4 % 4 :][:8]
    with pytest.raises(RuntimeError, match="ends before its copies"):
        run(copy, out, grid=(1, 1))

"""Copies of the host's arrays on a device: which share memory, and what is sent and brought."""

import numpy as np
import pytest
from fusednn.kernels.intrinsics.pointers import view_at
from running.host_device import HostDevice

from fusednn.training.cuda.copies import Copies


@pytest.fixture
def device():
    return HostDevice()


@pytest.fixture
def copies(device):
    return Copies(device)


def on_device(copies, array):
    return view_at(copies.address(array), array.dtype)[: array.size].copy()


def test_views_share_the_copy_of_their_array(copies, device):
    whole = np.arange(40.0)
    copies.add([whole[8:20], whole, whole[30:]], [])
    assert copies.address(whole[8:]) == copies.address(whole) + 64
    assert copies.address(whole) % 256 == 0
    np.testing.assert_array_equal(on_device(copies, whole), whole)
    copies.add([whole[3:4]], [])
    assert len(device.live) == 1


def test_rows_that_lie_apart_keep_their_places(copies):
    X = np.arange(60.0).reshape(6, 10)[::2, 3:7]
    copies.add([X], [])
    found = view_at(copies.address(X), float)[:44]
    np.testing.assert_array_equal(found.reshape(-1)[[0, 3, 20, 43]], X[[0, 0, 1, 2], [0, 3, 0, 3]])


def test_parts_that_overlap_may_be_there_twice(copies):
    whole = np.arange(40.0)
    copies.add([whole[:20]], [])
    copies.add([whole[10:30]], [])
    np.testing.assert_array_equal(on_device(copies, whole[:20]), whole[:20])
    np.testing.assert_array_equal(on_device(copies, whole[12:30]), whole[12:30])


def test_what_nothing_reads_is_not_sent(copies, device):
    work, kept = np.ones(1000), np.ones(10)
    copies.add([work, kept], [work])
    assert device.sent == kept.nbytes
    assert np.isnan(on_device(copies, work)).all()


def test_arrays_are_brought_once_after_a_run(copies, device):
    x, y = np.zeros(10), np.zeros(10)
    copies.add([x, y], [])
    copies.pull([x, y])
    assert device.brought == 0
    copies.note_run()
    view_at(copies.address(x), float)[:10] = 7.0
    copies.pull([x[:5]])
    assert x.tolist() == [7.0] * 5 + [0.0] * 5
    copies.pull([x, x])
    assert x.tolist() == [7.0] * 10
    assert device.brought == x.nbytes + x.nbytes // 2


def test_what_has_no_copy_is_not_sent(copies, device):
    copies.push([np.zeros(3)])
    copies.pull([np.zeros(0)])
    assert (device.sent, device.brought) == (0, 0)


def test_what_has_no_copy_cannot_be_brought(copies):
    with pytest.raises(AssertionError):
        copies.pull([np.zeros(3)])


def test_memory_is_given_back(copies, device):
    copies.add([np.zeros(3)], [])
    copies.close()
    assert not device.live
    x = np.arange(3.0)
    copies.add([x], [])
    np.testing.assert_array_equal(on_device(copies, x), x)

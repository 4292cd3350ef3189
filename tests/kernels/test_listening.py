"""A thread that listens runs what callers ring for, once, and goes away when nobody rings."""

import threading

import numpy as np
import pytest
from fusednn.kernels import answer, listening
from fusednn.kernels.library import address

pytestmark = pytest.mark.timeout(60)

FLOAT = np.dtype(np.float32)


def too_late():
    """The words of a call whose rows are all claimed; others add to them what they claim."""
    shared = np.zeros(answer.SHARED_WIDTH, np.int64)
    shared[answer.STEP] = 1
    return shared


def test_who_does_not_listen_is_not_rung():
    box, shared = np.zeros(listening.WIDTH, np.int64), too_late()
    for state in (listening.AWAY, listening.RUNG, listening.CALLED):
        box[:] = state
        assert not listening.ready_ring()(box, 1, shared, shared)
        assert (box == state).all()


def test_nobody_rings():
    box = np.zeros(listening.WIDTH, np.int64)
    listening.ready_listen()(box)
    assert box[listening.STATE] == listening.AWAY


def test_each_ring_is_one_call():
    box, over, words = np.zeros(listening.WIDTH, np.int64), [], np.zeros(answer.WIDTH, np.int64)
    shared = [too_late() for _ in range(50)]
    function = address(answer.help_with_rows, "share", FLOAT)
    listening.listen(box)  # compiled before the thread starts

    def listen():
        while not over:
            listening.listen(box)

    thread = threading.Thread(target=listen)
    thread.start()
    for one in shared:
        while not listening.ready_ring()(box, function, words, one):
            pass  # it does not listen yet, or is still at work
    over.append(True)
    thread.join()
    assert [one[answer.NEXT] for one in shared] == [1] * len(shared)
    assert [one[answer.BUSY] for one in shared] == [0] * len(shared)

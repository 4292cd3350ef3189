"""A thread that listens for a call after the last: waking one that is blocked takes longer.

The words of a *box* (int64) say whether its thread listens, and what it is to run. One caller at
a time may ring.
"""

from functools import cache

import numpy as np
from numba import types

from ._jit import brief_entry, entry, with_signature
from .intrinsics.pointers import data, slot
from .intrinsics.sync import call, load_acquire, pause, store_release, swap_if

# words; the first is two cache lines apart from the others
STATE = 0
FUNCTION = 16  # address of a function of the role "share"
WORDS = 17  # address of its arguments
SHARED = 18
WIDTH = 32

# values of STATE
AWAY = 0  # blocked
LISTENING = 1
RUNG = 2  # a caller is writing the other words
CALLED = 3

LISTENS = 4000
"""Pauses before a thread stops listening: some 60 us, longer than what Python does between two
calls, and little beside the call before."""


@entry
def listen(box_array):
    """Runs what callers ring for, until LISTENS pauses have passed without a ring.

    If the box holds a call already, it runs this first.
    """
    box = data(box_array)
    swap_if(box, AWAY, LISTENING)
    tries = 0
    while tries < LISTENS or not swap_if(box, LISTENING, AWAY):
        tries += 1
        if load_acquire(box) == CALLED:
            shared = slot(box, SHARED, 0)
            call(box, FUNCTION, (slot(box, WORDS, 0), shared, shared))
            store_release(box, LISTENING)
            tries = 0
        pause()


@brief_entry
def ring(box_array, function, words, shared):
    """Gives the address of a function and its two arguments to a thread; whether it listens."""
    box = data(box_array)
    if not swap_if(box, LISTENING, RUNG):
        return False
    box[FUNCTION] = function
    box[WORDS], box[SHARED] = np.int64(words.ctypes.data), np.int64(shared.ctypes.data)
    store_release(box, CALLED)
    return True


_BOX = types.Array(types.int64, 1, "C")


@cache
def ready_listen():
    """`listen`, compiled."""
    return with_signature(listen, (_BOX,))


@cache
def ready_ring():
    """`ring`, compiled for arrays of int64."""
    return with_signature(ring, (_BOX, types.int64, _BOX, _BOX))

"""The thread that runs now, and how the threads of all blocks take turns."""

import math
from contextlib import contextmanager

import numba
import numpy as np
from fusednn.kernels.intrinsics.subnormals import flush_subnormals, set_mode


class DivergedError(RuntimeError):
    """Not all threads of a block are at the same barrier."""


class Now:
    """The thread that runs, whose numbers device code asks for."""

    thread = threads = block = blocks = 0
    place = None
    stamp = (0, 0, 0, 0)

    def __str__(self):
        return f"thread {self.thread} of block {self.block}"


NOW = Now()


class BlockState:
    """What the threads of a block share.

    Attributes
    ----------
    shared : dict
        Memory by the place of its call.
    barriers : int
        Barriers so far.
    """

    def __init__(self, number):
        self.number, self.shared, self.barriers = number, {}, 0


class ThreadState:
    """What a thread has of its own.

    Attributes
    ----------
    calls : dict
        How often it has asked for the shared memory of each place.
    copies : list of list
        Groups of copies that have begun; the last is not committed.
    """

    def __init__(self, number, block):
        self.number, self.block = number, block
        self.calls, self.copies = {}, [[]]


def _enter(thread, grid_barriers):
    """From here on this thread runs."""
    NOW.thread, NOW.block, NOW.place = thread.number, thread.block.number, thread
    NOW.stamp = (
        thread.block.number * NOW.threads + thread.number,
        *(thread.block.number, thread.block.barriers, grid_barriers),
    )


def _leave(thread):
    if any(thread.copies):
        raise RuntimeError(f"{NOW} ends before its copies to shared memory do")


def launch(function, blocks, threads, arguments):
    """Runs a function of `translating` by so many blocks of so many threads.

    Parameters
    ----------
    function : callable
        A generator function if it has barriers.
    blocks, threads : int
    arguments : callable
        The function's arguments, by the block's number.
    """
    assert blocks > 0, "a launch without blocks fails"
    NOW.blocks, NOW.threads = blocks, threads
    states = [BlockState(number) for number in range(blocks)]
    if not function.has_barriers:
        for state in states:
            given = arguments(state.number)
            for number in range(threads):
                thread = ThreadState(number, state)
                _enter(thread, 0)
                function(*given)
                _leave(thread)
        return
    waiting = []
    for state in states:
        waiting.append(
            [(ThreadState(n, state), function(*arguments(state.number))) for n in range(threads)]
        )
    grid_barriers = 0
    while waiting:
        arrived = [_to_grid_barrier(block, grid_barriers) for block in waiting]
        here = [block for block in arrived if block]
        if here and len(here) != len(waiting):
            raise DivergedError(
                f"{len(here)} of {len(waiting)} blocks are at a barrier of the grid; "
                f"block {[bool(block) for block in arrived].index(False)} is not"
            )
        waiting, grid_barriers = here, grid_barriers + 1


def _to_grid_barrier(block, grid_barriers):
    """Runs a block's threads to a barrier of the grid; empty where they have ended."""
    while block:
        places = {}
        for thread, generator in block:
            _enter(thread, grid_barriers)
            place = next(generator, None)
            if place is None:
                _leave(thread)
            places.setdefault(place, []).append(thread.number)
        if len(places) > 1:
            said = [
                f"thread {numbers[0]} {'has ended' if place is None else 'is at ' + place[1]}"
                for place, numbers in places.items()
            ]
            raise DivergedError(
                f"the threads of block {block[0][0].block.number} do not reach the same barrier: "
                + ", ".join(said)
            )
        [place] = places
        if place is None:
            return []
        block[0][0].block.barriers += 1
        if place[0] == "grid":
            return block
    return []


@numba.njit
def _flush():
    return flush_subnormals()


@numba.njit
def _restore(mode):
    set_mode(mode)


@contextmanager
def arithmetic_of(dtype):
    """NumPy computes as a GPU: silently, and float32 has no subnormal numbers."""
    with np.errstate(all="ignore"):
        if np.dtype(dtype) != np.float32:
            yield
            return
        mode = _flush()
        try:
            yield
        finally:
            _restore(mode)


class Math:
    """The functions of `math` as compiled code has them: NaN instead of an error."""

    sqrt = staticmethod(np.sqrt)
    floor = staticmethod(np.floor)
    pi, inf, nan = math.pi, math.inf, math.nan

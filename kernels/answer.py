"""Runs a prepared network on the caller's rows.

The `words` (int64) of a call are a plan without stages: one chain of records, and the slots in
them that receive the addresses of the caller's arrays. The caller owns the words and all memory
that they point to.
"""

from functools import cache

import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype

from . import records
from ._jit import brief_entry, entry, kernel, with_signature
from .engine import rest, run_loops, run_program
from .intrinsics.pointers import advance, data, slot
from .intrinsics.subnormals import flush_subnormals, set_mode
from .intrinsics.sync import fetch_add, load_acquire, store_release

# words
ROUTINE = 0  # address of the records in loops, as `records` says
FRAME = 2  # address of a frame
SCRATCH = 3  # address of the scratch
BLOCK_ROWS = 4  # rows of the buffers
FAN_IN = 5
N_DATA = 6  # number of slots that hold the address of the data
DATA = 7  # address of pairs: address of a slot, byte offset into the data
N_OUT = 8  # number of slots that point into the answer
OUT = 9  # address of pairs: address of a slot, byte offset into the answer
PROGRAM = 10  # address of the words of a program: for `engine.rest`, and for `answer_cut`
WIDTH = 11

# words shared by the threads of one call; the first three are two cache lines apart
NEXT = 0  # the first unclaimed row
BUSY = 16  # threads at work
STATUS = 32
SAMPLES = 48
STEP = 49  # rows per claim
X = 50  # address of the rows
ANSWERS = 51  # address of the answers
CHECK = 52
SHARED_WIDTH = 53

# values of CHECK
UNCHECKED = 0
CHECKED = 1  # check the rows of a claim, then answer them
ONLY_CHECKED = 2  # check without answering

# return values of a call
DONE = 0
WRONG_COLUMNS = 1
NOT_FINITE = 2
FAILED = 3


@kernel
def is_finite(x, n):
    """Whether the n elements of x are all finite."""
    finite = 0
    for i in range(n):
        finite += int(abs(x[i]) < np.inf)
    return finite == n


@kernel
def place(words, x, out):
    """Writes the addresses of the caller's rows and answers into the records."""
    places = slot(words, DATA, 0)
    for i in range(words[N_DATA]):
        slot(places, 2 * i, 0)[0] = x + places[2 * i + 1]
    places = slot(words, OUT, 0)
    for i in range(words[N_OUT]):
        slot(places, 2 * i, 0)[0] = out + places[2 * i + 1]


@kernel
def run_rows(words, first, last, like):
    """Runs the records over rows [first, last), block by block; returns the statuses or-ed."""
    frame, scratch = slot(words, FRAME, 0), slot(words, SCRATCH, like)
    block, status, mode = words[BLOCK_ROWS], 0, flush_subnormals()
    for start in range(first, last, block):
        frame[records.START] = start
        rows = min(block, last - start)
        status |= run_loops(slot(words, ROUTINE, 0), frame, scratch, 0, rows)
    set_mode(mode)
    return status


@kernel
def prepare(words_array, x, out, check):
    """Writes the addresses of x (n, FAN_IN) and out (n, any) into the records.

    With `check` it returns NOT_FINITE if an element of x is not finite.
    """
    words = data(words_array)
    if x.shape[1] != words[FAN_IN]:
        return WRONG_COLUMNS
    if x.shape[0] != out.shape[0]:  # another thread may have resized x since `out` was made
        return FAILED
    values = data(x)
    if check and not is_finite(values, x.size):
        return NOT_FINITE
    place(words, np.int64(x.ctypes.data), np.int64(out.ctypes.data))
    return DONE


@kernel
def answer(words_array, x, out, check):
    """out (n, any) = the network's answers for x (n, FAN_IN); overwrites.

    With `check` it returns NOT_FINITE if an element of x is not finite.
    """
    refused = prepare(words_array, x, out, check)
    if refused:
        return refused
    status = run_rows(data(words_array), 0, x.shape[0], data(x)[0])
    return FAILED if status else DONE


@brief_entry
def answer_step(words_array, x, out, check):
    """out (any,) = the network's answer for x (FAN_IN,), like `answer`; overwrites."""
    words = data(words_array)
    if x.size != words[FAN_IN]:
        return WRONG_COLUMNS
    values = data(x)
    if check and not is_finite(values, x.size):
        return NOT_FINITE
    place(words, np.int64(x.ctypes.data), np.int64(out.ctypes.data))
    return FAILED if run_rows(words, 0, 1, values[0]) else DONE


@brief_entry
def answer_with_gil(words, x, out, check):
    """`answer` with the interpreter's lock held."""
    return answer(words, x, out, check)


@entry
def answer_without_gil(words, x, out, check):
    """`answer` with the interpreter's lock released."""
    return answer(words, x, out, check)


@kernel
def run_claim(words, shared, first, last, like):
    """Checks and answers rows [first, last), as CHECK says; returns a status like `answer`."""
    if shared[CHECK] != UNCHECKED:
        width = words[FAN_IN]
        x = advance(slot(shared, X, like), first * width)
        if not is_finite(x, (last - first) * width):
            return NOT_FINITE
    if shared[CHECK] == ONLY_CHECKED:
        return DONE
    return FAILED if run_rows(words, first, last, like) else DONE


@kernel
def share_rows(words, shared, like):
    """Claims and answers unclaimed rows, STEP rows at a time, until none is left.

    After a failed claim no more rows are claimed. Before its first claim a thread touches only the
    shared words, so it may join at any time; so below.
    """
    busy, status = advance(shared, BUSY), advance(shared, STATUS)
    fetch_add(busy, 1)
    first = fetch_add(shared, shared[STEP])
    if first < shared[SAMPLES]:
        place(words, shared[X], shared[ANSWERS])
    while first < shared[SAMPLES]:
        last = min(first + shared[STEP], shared[SAMPLES])
        found = run_claim(words, shared, first, last, like)
        if found != DONE:
            store_release(status, found)
            fetch_add(shared, shared[SAMPLES])
        first = fetch_add(shared, shared[STEP])
    fetch_add(busy, -1)


@kernel
def wait_for_helpers(words, shared):
    """Waits until no thread is at work any more."""
    tries = 0
    while load_acquire(advance(shared, BUSY)) > 0:
        tries += 1
        rest(slot(words, PROGRAM, 0), tries)


@entry
def answer_share(words_array, shared_array, like, waits):
    """`share_rows`, and with `waits` until no thread is at work any more; returns the status.

    `like` is a number of the rows' type. The status is DONE, or that of a failed claim.
    """
    words, shared = data(words_array), data(shared_array)
    share_rows(words, shared, like)
    if waits:
        wait_for_helpers(words, shared)
    return load_acquire(advance(shared, STATUS))


@kernel
def help_with_rows(words, shared, typed):
    """`share_rows` for a thread that listens."""
    share_rows(words, shared, typed[0])
    return DONE


@kernel
def help_with_samples(words, shared, typed):
    """Works on the samples of a call of `answer_cut`, as its next worker."""
    busy = advance(shared, BUSY)
    fetch_add(busy, 1)
    worker = fetch_add(shared, 1)
    if worker < shared[SAMPLES]:
        run_program(slot(words, PROGRAM, 0), worker, 0, 1)
    fetch_add(busy, -1)
    return DONE


@entry
def answer_cut(words_array, shared_array, like):
    """Answers the rows that `prepare_cut` was given, together with those who join.

    It reads NEXT, BUSY and SAMPLES of the shared words: the next worker's number, the helpers at
    work and the number of all workers.
    """
    words, shared = data(words_array), data(shared_array)
    program = slot(words, PROGRAM, 0)
    status = run_program(program, 0, 0, 1)
    fetch_add(shared, shared[SAMPLES])
    wait_for_helpers(words, shared)
    status |= load_acquire(advance(slot(program, records.SYNC, 0), records.ABORT))
    if status == 0:
        status = run_rows(words, 0, words[BLOCK_ROWS], like)
    return FAILED if status else DONE


@brief_entry
def prepare_cut(words_array, x, out, check):
    """`prepare` for a call of `answer_cut`, of BLOCK_ROWS rows; its stages become ready."""
    words = data(words_array)
    if x.shape[0] != words[BLOCK_ROWS]:  # another thread may have resized x
        return FAILED
    program = slot(words, PROGRAM, 0)
    sync = slot(program, records.SYNC, 0)
    for i in range(records.CLAIMS + program[records.WORKERS] * records.CLAIMS_WIDTH):
        sync[i] = 0
    return prepare(words_array, x, out, check)


@cache
def ready_share(dtype):
    """`answer_share` compiled for rows of this type."""
    integers = types.Array(types.int64, 1, "C")
    return with_signature(answer_share, (integers, integers, from_dtype(dtype), types.boolean))


@cache
def ready_cut(dtype):
    """`answer_cut` compiled for rows of this type."""
    integers = types.Array(types.int64, 1, "C")
    return with_signature(answer_cut, (integers, integers, from_dtype(dtype)))


@cache
def ready(function, dtype, out_dtype):
    """`answer_with_gil`, `answer_without_gil`, `answer_step` or `prepare_cut` compiled for types.

    The arguments are words (int64), rows and answers (both 2-D; 1-D of a step), all C-contiguous
    and aligned, and then whether to check. The rows are only read.
    """
    axes = 1 if function is answer_step else 2
    arrays = (types.int64, 1), (from_dtype(dtype), axes), (from_dtype(out_dtype), axes)
    signature = *(types.Array(*array, "C") for array in arrays), types.boolean
    return with_signature(function, signature)

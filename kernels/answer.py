"""Calls of a network that was prepared before: its records run over the caller's rows.

The words of a call are a plan without stages: one chain of records, and the places in it where
the addresses of the caller's arrays go. Who calls owns the words and all they point to.
"""

from functools import cache

import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype

from . import records
from ._jit import brief_entry, entry, kernel, with_signature
from .engine import rest
from .intrinsics.pointers import advance, data, slot
from .intrinsics.sync import call, fetch_add, load_acquire, store_release

# words
CHAIN = 0  # address of the addresses of records
N_RECORDS = 1
FRAME = 2  # address of a frame
SCRATCH = 3  # address of the scratch
BLOCK_ROWS = 4  # rows of the buffers
FAN_IN = 5
N_DATA = 6  # places of the data
DATA = 7  # address of the addresses of slots
N_OUT = 8  # places of the answer
OUT = 9  # address of pairs: address of a slot, bytes from the answer's beginning
PROGRAM = 10  # address of the words of a program, for `engine.rest`
WIDTH = 11

# words of a call that several threads share; the first three are two cache lines apart
NEXT = 0  # the first row that nobody has claimed
BUSY = 16  # threads at work
STATUS = 32
SAMPLES = 48
STEP = 49  # rows of a claim
X = 50  # address of the rows
ANSWERS = 51  # address of the answers
CHECK = 52
SHARED_WIDTH = 53

# what CHECK says
UNCHECKED = 0
CHECKED = 1  # each claim before it is answered
ONLY_CHECKED = 2  # nothing is answered

# what a call returns
DONE = 0
WRONG_COLUMNS = 1
NOT_FINITE = 2
FAILED = 3


@kernel
def is_finite(x, n):
    """Whether n elements are neither infinite nor NaN."""
    finite = 0
    for i in range(n):
        finite += int(abs(x[i]) < np.inf)
    return finite == n


@kernel
def place(words, x, out):
    """Writes the addresses of rows and answers into the records."""
    for i in range(words[N_DATA]):
        slot(slot(words, DATA, 0), i, 0)[0] = x
    places = slot(words, OUT, 0)
    for i in range(words[N_OUT]):
        slot(places, 2 * i, 0)[0] = out + places[2 * i + 1]


@kernel
def run_rows(words, first, last, like):
    """Runs the records over rows [first, last), a block after the other; their statuses or-ed."""
    chain, frame = slot(words, CHAIN, 0), slot(words, FRAME, 0)
    scratch = slot(words, SCRATCH, like)
    block, status = words[BLOCK_ROWS], 0
    for start in range(first, last, block):
        frame[records.START] = start
        for i in range(words[N_RECORDS]):
            record = slot(chain, i, 0)
            rows = min(block, last - start) * record[records.POSITIONS]
            status |= call(record, records.OP, (record, frame, scratch, 0, rows))
    return status


@kernel
def answer(words_array, x, out, check):
    """Writes what the network makes of x (n, FAN_IN) to `out` (n, any).

    With `check` it refuses what is not finite.
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
    status = run_rows(words, 0, x.shape[0], values[0])
    return FAILED if status else DONE


@brief_entry
def answer_now(words, x, out, check):
    """`answer`, while other threads wait."""
    return answer(words, x, out, check)


@entry
def answer_apart(words, x, out, check):
    """`answer`, while other threads run."""
    return answer(words, x, out, check)


@kernel
def run_claim(words, shared, first, last, like):
    """Checks and answers rows [first, last), as CHECK says; what `answer` returns."""
    if shared[CHECK] != UNCHECKED:
        width = words[FAN_IN]
        x = advance(slot(shared, X, like), first * width)
        if not is_finite(x, (last - first) * width):
            return NOT_FINITE
    if shared[CHECK] == ONLY_CHECKED:
        return DONE
    return FAILED if run_rows(words, first, last, like) else DONE


@entry
def answer_share(words_array, shared_array, like, waits):
    """Answers the rows of a call that nobody has claimed, some at a time, beside other threads.

    `like` is a number of the rows' type. With `waits` no thread is at work when it returns: DONE,
    or the status of a claim that failed, after which no more are made. Until rows are claimed it
    touches nothing but the shared words, so a thread may come at any time.
    """
    words, shared = data(words_array), data(shared_array)
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
    tries = 0
    while waits and load_acquire(busy) > 0:
        tries += 1
        rest(slot(words, PROGRAM, 0), tries)
    return load_acquire(status)


@cache
def ready_share(dtype):
    """`answer_share` for rows of this type."""
    integers = types.Array(types.int64, 1, "C")
    return with_signature(answer_share, (integers, integers, from_dtype(dtype), types.boolean))


@cache
def ready(function, dtype, out_dtype):
    """`answer_now` or `answer_apart` for rows and answers of these types.

    Its arguments must be C-contiguous, aligned arrays: words (int64), rows and answers,
    two-dimensional, and then whether to check. Rows are only read.
    """
    arrays = (types.int64, 1), (from_dtype(dtype), 2), (from_dtype(out_dtype), 2)
    signature = *(types.Array(*array, "C") for array in arrays), types.boolean
    return with_signature(function, signature)

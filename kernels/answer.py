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
from .intrinsics.pointers import data, slot
from .intrinsics.sync import call

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
WIDTH = 10

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
def run_rows(words, rows, like):
    """Runs the records over all rows, a block after the other; the ops' statuses or-ed."""
    chain, frame = slot(words, CHAIN, 0), slot(words, FRAME, 0)
    scratch = slot(words, SCRATCH, like)
    block, status = words[BLOCK_ROWS], 0
    for start in range(0, rows, block):
        frame[records.START] = start
        for i in range(words[N_RECORDS]):
            record = slot(chain, i, 0)
            status |= call(record, 0, (record, frame, scratch, 0, min(block, rows - start)))
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
    for i in range(words[N_DATA]):
        slot(slot(words, DATA, 0), i, 0)[0] = np.int64(x.ctypes.data)
    places = slot(words, OUT, 0)
    for i in range(words[N_OUT]):
        slot(places, 2 * i, 0)[0] = np.int64(out.ctypes.data) + places[2 * i + 1]
    status = run_rows(words, x.shape[0], values[0])
    return FAILED if status else DONE


@brief_entry
def answer_now(words, x, out, check):
    """`answer`, while other threads wait."""
    return answer(words, x, out, check)


@entry
def answer_apart(words, x, out, check):
    """`answer`, while other threads run."""
    return answer(words, x, out, check)


@cache
def ready(function, dtype, out_dtype):
    """`answer_now` or `answer_apart` for rows and answers of these types.

    Its arguments must be C-contiguous, aligned arrays: words (int64), rows and answers,
    two-dimensional, and then whether to check. Rows are only read.
    """
    arrays = (types.int64, 1), (from_dtype(dtype), 2), (from_dtype(out_dtype), 2)
    signature = *(types.Array(*array, "C") for array in arrays), types.boolean
    return with_signature(function, signature)

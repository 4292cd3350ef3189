"""The softmax cross-entropy of rows, by a block of threads: the columns may be thousands.

As `softmax_cross_entropy` in `kernels/class_losses.py`. A sum of exponentials is one chain in the
order of the columns, and a thread has that of a row; all threads compute exponentials, and bring
them into shared memory, where rows are a tile of columns wide.
"""

from fusednn.kernels.cuda.language import barrier, shared, thread, threads
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.maths import exp, log
from fusednn.kernels.ops.output import LOGITS

TILE = 4096
"""Elements of a tile; one more for each of its rows, at most 256, keeps threads that read a column
apart."""


def is_softmax(functions):
    """Whether a record's loss is the softmax cross-entropy."""
    return functions.get("function") is LOSSES["softmax"].function


def rows_at_once(rows):
    """The rows of a tile: a power of two, as many as there are if a thread has each."""
    n = 32
    while 2 * n <= min(rows, threads()):
        n *= 2
    return n


def read_tile(record, tile, most, first, rows, column, width):
    """tile (rows, width) = logits from a column on; overwrites.

    With `most` (rows) it is exp(logits - most), which is also written to dlogits.
    """
    across = min(width, record[LOGITS.outputs] - column)
    logits, dlogits = slot(record, LOGITS.logits, tile[0]), slot(record, LOGITS.dlogits, tile[0])
    for i in range(thread(), rows * across, threads()):
        r, c = i // across, i % across
        z = logits[(first + r) * record[LOGITS.logits_stride] + column + c]
        if most is not None:
            z = exp(z - most[r])
            dlogits[(first + r) * record[LOGITS.dlogits_stride] + column + c] = z
        tile[r * (width + 1) + c] = z
    barrier()


def largest_of_rows(record, tile, first, rows, width):
    """The largest logit of the row of this thread."""
    mine, largest = advance(tile, thread() * (width + 1)), cast(0, tile[0])
    for column in range(0, record[LOGITS.outputs], width):
        read_tile(record, tile, None, first, rows, column, width)
        if thread() < rows:
            if column == 0:
                largest = mine[0]
            for c in range(min(width, record[LOGITS.outputs] - column)):
                largest = mine[c] if mine[c] > largest else largest
        barrier()
    return largest


def total_of_rows(record, tile, most, first, rows, width):
    """The sum of the exponentials of this thread's row; dlogits <- those of all rows."""
    mine, total = advance(tile, thread() * (width + 1)), cast(0, tile[0])
    for column in range(0, record[LOGITS.outputs], width):
        read_tile(record, tile, most, first, rows, column, width)
        if thread() < rows:
            for c in range(min(width, record[LOGITS.outputs] - column)):
                total = total + mine[c]
        barrier()
    return total


def finish_rows(record, totals, factors, hits, first, rows, width):
    """dlogits <- factor (dlogits / total less the one-hot target), and its padding 0."""
    zero, one, C = cast(0, totals[0]), cast(1, totals[0]), record[LOGITS.outputs]
    dlogits = slot(record, LOGITS.dlogits, totals[0])
    for column in range(0, C, width):
        across = min(width, C - column)
        for i in range(thread(), rows * across, threads()):
            r, c = i // across, column + i % across
            there = advance(dlogits, (first + r) * record[LOGITS.dlogits_stride] + c)
            share = there[0] / totals[r]
            share = share - one if c == hits[r] else share
            there[0] = share * factors[r]
    rest = record[LOGITS.padded_out] - C
    for i in range(thread(), rows * rest, threads()):
        dlogits[(first + i // rest) * record[LOGITS.dlogits_stride] + C + i % rest] = zero


def soften_rows(record, first, rows, width, target, factor):
    """dlogits of rows [first, first + rows) = factor x gradient, by all threads; overwrites.

    Thread r gives the class and the factor of row r, and gets its loss. `width` is that of a tile.
    """
    tile, most, totals = shared(4352, factor), shared(256, factor), shared(256, factor)
    factors, hits = shared(256, factor), shared(256, 0)
    largest, chosen, t = largest_of_rows(record, tile, first, rows, width), factor, thread()
    if t < rows:
        chosen = slot(record, LOGITS.logits, factor)[
            (first + t) * record[LOGITS.logits_stride] + target
        ]
        most[t], factors[t], hits[t] = largest, factor, target
    barrier()
    total = total_of_rows(record, tile, most, first, rows, width)
    if t < rows:
        totals[t] = total
    barrier()
    finish_rows(record, totals, factors, hits, first, rows, width)
    barrier()
    low, high = (
        slot(record, LOGITS.constants, factor)[0],
        slot(record, LOGITS.constants, factor)[1],
    )
    value = log(total) - (chosen - largest)
    value = low if value < low else value
    return float(high if value > high else value)

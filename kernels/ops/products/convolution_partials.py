"""The gradients of the weights and biases of a convolution, for each chunk of samples.

    dw[tap] = sum over p of x[at p, tap]^T dz[p]        db = sum over p of dz[p]

They are left where `partials.py` adds them up, while the samples are in the cache. A transposed
convolution takes windows of the gradient by its output, and pairs them with its input: x and dz
change places, each tap of dw is transposed, and db is the sum of x.
"""

from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.columns import add_row_sums
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.operands import COUNT, INT64, REALS, ROWS, maybe, op, operands
from fusednn.kernels.ops.lengths import count_of
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.updates.update import panel_width

from .window_tiles import rows_of_tile, window_tile
from .windowed import READ, copy_pixels, frame_size, sample_at, turn_taps, windows_of

WEIGHTS = operands(
    READ,
    dw=REALS,  # for each chunk, as w
    db=REALS,  # for each chunk, as b
    dw_chunk=COUNT,  # elements from one chunk to the next
    db_chunk=COUNT,
    dz=ROWS,  # a row for each sample
    dz_pixel=COUNT,
    columns=COUNT,  # of dz, padded to whole vectors
    summed=COUNT,  # columns of db
    cleared=COUNT,  # columns of db behind those, which become zero
    turned=COUNT,  # whether x and dz have changed places
    kept=COUNT,  # columns of dz, where it has others behind them; else 0
    filters=COUNT,  # columns of dz, without padding
    taps=COUNT,
    at=INT64,  # for each row of w: where the elements that it multiplies begin
    fan_in=COUNT,  # rows of w
    steps=INT64,  # from there to the element for each pixel of dz
    pixels=COUNT,
    lengths=maybe(INT64),  # of the series of each sample, in pixels of dz
    x_lengths=maybe(INT64),  # and of x, where x and dz have changed places
)


@kernel
def add_windows(record, dw, x, dz, ldz, width, pixels):
    """dw (fan_in x a panel) += the elements of x for each row of w, times dz; accumulates."""
    at, steps = slot(record, WEIGHTS.at, width), slot(record, WEIGHTS.steps, width)
    lowest = cast(-float("inf"), dw[0])
    fan_in, used, i = record[WEIGHTS.fan_in], record[WEIGHTS.filters], 0
    while i < fan_in:
        c, rows = advance(dw, i * width), rows_of_tile(fan_in - i)
        window_tile(
            rows, c, width, x, advance(at, i), dz, ldz, width, used, c, width, steps, pixels,
            lowest,
        )  # fmt: skip
        i += rows


@kernel
def add_pixels(total, x, pixel, pixels, n):
    """total (n) += x (pixels, n), summed over its pixels; accumulates.

    A group of the channels has neighbours in its vectors: another worker may write those of total.
    """
    whole = n // lanes_of(total[0]) * lanes_of(total[0])
    add_row_sums(total, x, pixel, pixels, whole)
    for at in range(pixels):
        row = advance(x, at * pixel)
        for c in range(whole, n):
            total[c] = total[c] + row[c]


@op(WEIGHTS)
def convolution_partials(record, frame, scratch, lo, hi):
    """dw (fan_in, O) and db (O,) of each chunk of samples [lo, hi); overwrites.

    Chunks are of samples of the buffers; the batch's last one may have fewer. Where lo is within a
    chunk, its samples so far have been added: `turned` takes whole chunks alone.
    """
    fan_in, columns = record[WEIGHTS.fan_in], record[WEIGHTS.columns]
    kept, summed = record[WEIGHTS.kept], record[WEIGHTS.summed]
    pitch = record[WEIGHTS.dz_pixel] if kept == 0 else columns
    sums = advance(scratch, frame_size(record, scratch[0]))
    copied = sums if record[WEIGHTS.turned] == 0 else advance(sums, fan_in * columns)
    samples = frame[records.CHUNK]
    for chunk in range(lo // samples, (hi + samples - 1) // samples):
        first, last = max(lo, chunk * samples), min((chunk + 1) * samples, hi)
        dw = advance(slot(record, WEIGHTS.dw, scratch[0]), chunk * record[WEIGHTS.dw_chunk])
        db = advance(slot(record, WEIGHTS.db, scratch[0]), chunk * record[WEIGHTS.db_chunk])
        total = dw if record[WEIGHTS.turned] == 0 else sums
        if first % samples == 0:
            clear_columns(total, 0, fan_in * columns)
            clear_columns(db, 0, summed + record[WEIGHTS.cleared])
        for sample in range(first, last):
            x = windows_of(record, frame, scratch, sample)
            pixels = count_of(record, WEIGHTS.lengths, sample, record[WEIGHTS.pixels])
            dz = advance(slot(record, WEIGHTS.dz, scratch[0]), sample * record[WEIGHTS.dz_stride])
            if record[WEIGHTS.turned] == 0:
                add_pixels(db, dz, record[WEIGHTS.dz_pixel], pixels, summed)
            else:
                count = record[READ.height] * record[READ.width]
                count = count_of(record, WEIGHTS.x_lengths, sample, count)
                whole = sample_at(record, frame, scratch, sample)
                add_pixels(db, whole, record[READ.x_pixel], count, summed)
            if kept != 0:
                copy_pixels(
                    copied, columns, dz, record[WEIGHTS.dz_pixel], pixels, kept, columns - kept
                )
                dz = copied
            j = 0
            while j < columns:
                width = panel_width(columns, j, scratch[0])
                there = advance(total, j * fan_in)
                add_windows(record, there, x, advance(dz, j), pitch, width, pixels)
                j += width
        if record[WEIGHTS.turned] != 0:
            turn_taps(
                dw, sums, record[WEIGHTS.taps], record[READ.channels], record[WEIGHTS.filters]
            )
    return 0

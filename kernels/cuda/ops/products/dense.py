"""Dense layers forward and the gradient of their input: as `kernels/ops/products/dense.py`."""

from fusednn.kernels.cuda.language import (
    barrier,
    block,
    blocks,
    local,
    shared,
    store4,
    thread,
)
from fusednn.kernels.cuda.spreading import divided
from fusednn.kernels.cuda.tiles.product import (
    HALF,
    LARGE,
    SMALL_COLUMNS,
    is_large,
    large_column,
    large_columns,
    large_row,
    multiply_large,
    multiply_small,
    small_rows,
    squares_across,
)
from fusednn.kernels.cuda.twins import GRID, twin
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops.products import dense
from fusednn.kernels.ops.products.dense import BACKWARD, FORWARD, first_row


def raised(value, floor):
    """The larger of both; a NaN stays one."""
    return floor if value < floor else value


def write_four(out, acc, floor):
    """Writes four elements of one row."""
    store4(
        out, 0, raised(acc[0], floor), raised(acc[1], floor), raised(acc[2], floor),
        raised(acc[3], floor),
    )  # fmt: skip


def multiply_large_tiles(record, frame, lo, hi, read, begin, panels, like):
    """Rows [lo, hi) of out = max(x w + b, floor) by large tiles.

    All but the number of the tile is read from the record before a tile is summed, and again
    after: the sums take all registers.
    """
    kept, tile = shared(5, 0), block()
    i, j = large_tile(record, frame, lo, read, tile, like)
    while i < hi - lo:
        if thread() == 0:
            kept[0], kept[1], kept[2], kept[3], kept[4] = tile, lo, hi, i, j
        barrier()
        _, _, x, x_stride, w, w_rows, k, n, _ = read(record, frame, lo, like)
        acc, w_row = local(64, like), w_rows if panels else n
        for q in range(4 * squares_across(like)):
            start = begin(record, j + large_column() + q // 4 * HALF + q % 4, like)
            for r in range(8):
                acc[r * 8 + q] = start
        multiply_large(acc, x, x_stride, 1, hi - lo, w, w_row, panels, n, i, j, k)
        lo, hi, i, j = kept[1], kept[2], kept[3], kept[4]
        out, stride, _, _, _, _, _, n, floor = read(record, frame, lo, like)
        row, column = i + large_row(), j + large_column()
        for r in range(8):
            there = row + r // 4 * HALF + r % 4
            for half in range(squares_across(like)):
                if there < hi - lo and column + half * HALF < n:
                    target = advance(out, there * stride + column + half * HALF)
                    write_four(target, advance(acc, r * 8 + half * 4), floor)
        tile = kept[0] + blocks()
        i, j = large_tile(record, frame, lo, read, tile, like)
        barrier()


def large_tile(record, frame, lo, read, tile, like):
    """The row and column of a large tile by its number; beyond the last row: there is none."""
    _, _, _, _, _, _, _, n, _ = read(record, frame, lo, like)
    wide = large_columns(like)
    across = (n + wide - 1) // wide
    i, j = divided(tile, across)
    return i * LARGE, j * wide


def multiply(record, frame, lo, hi, read, begin, panels, fits, like):
    """Rows [lo, hi) of out (m, n) = max(x (m, k) w + b, floor); overwrites.

    `read` gives what the record has of them, and `begin` an element of b; `fits` says whether out
    and w can be taken by whole vectors.
    """
    out, stride, x, x_stride, w, w_rows, k, n, floor = read(record, frame, lo, like)
    m = hi - lo
    if is_large(m, n, fits, like):
        multiply_large_tiles(record, frame, lo, hi, read, begin, panels, like)
        return
    w_row = w_rows if panels else n
    across = (n + SMALL_COLUMNS - 1) // SMALL_COLUMNS
    down, _ = divided(m + small_rows() - 1, small_rows())
    tile = block()
    while tile < across * down:
        i, j = divided(tile, across)
        i, j = i * small_rows(), j * SMALL_COLUMNS
        row, column = i + thread() // 8 * 2, j + thread() % 8 * 4
        acc = local(8, like)
        for q in range(4):
            start = begin(record, column + q, like)
            acc[q] = start
            acc[4 + q] = start
        multiply_small(acc, x, x_stride, 1, m, w, w_row, panels, n, i, j, k)
        for r in range(2):
            for q in range(4):
                if row + r < m and column + q < n:
                    out[(row + r) * stride + column + q] = raised(acc[r * 4 + q], floor)
        tile += blocks()


def read_forward(record, frame, lo, like):
    """out, its stride, x, its stride, w, the rows of its panels, k, n, and the least output."""
    stride, x_stride = record[FORWARD.out_stride], record[FORWARD.x_stride]
    out = advance(slot(record, FORWARD.out, like), lo * stride)
    x = advance(slot(record, FORWARD.x, like), first_row(record, frame, lo) * x_stride)
    k, n = record[FORWARD.fan_in], record[FORWARD.fan_out]
    floor = number(record, FORWARD.floor, like)
    return out, stride, x, x_stride, slot(record, FORWARD.w, like), k, k, n, floor


def bias_of(record, column, like):
    """What a sum of the forward pass begins with."""
    return slot(record, FORWARD.b, like)[min(column, record[FORWARD.fan_out] - 1)]


def forward(record, frame, scratch, lo, hi, panels):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor), with w in panels or row-major."""
    fits = (record[FORWARD.out] | record[FORWARD.w]) % 16 == 0
    fits = fits and (record[FORWARD.out_stride] | record[FORWARD.fan_out]) % 4 == 0
    multiply(record, frame, lo, hi, read_forward, bias_of, panels, fits, cast(0, scratch[0]))


@twin(dense.dense_forward, spread=GRID, over_padding=True)
def dense_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = max(x (B, I) w + b, floor); overwrites."""
    forward(record, frame, scratch, lo, hi, True)


@twin(dense.plain_forward, spread=GRID, over_padding=True)
def plain_forward(record, frame, scratch, lo, hi):
    """dense_forward with w (I, O) row-major."""
    forward(record, frame, scratch, lo, hi, False)


def read_backward(record, frame, lo, like):
    """dx, its stride, dz, its stride, w^T, the rows of its panels, k, n, and the least output."""
    stride, dz_stride = record[BACKWARD.dx_stride], record[BACKWARD.dz_stride]
    dx = advance(slot(record, BACKWARD.dx, like), lo * stride)
    dz = advance(slot(record, BACKWARD.dz, like), lo * dz_stride)
    w, rows = slot(record, BACKWARD.w_transposed, like), record[BACKWARD.padded_out]
    k, n = record[BACKWARD.fan_out], record[BACKWARD.padded_in]
    return dx, stride, dz, dz_stride, w, rows, k, n, cast(-float("inf"), like)


def backward_start(record, column, like):
    """What a sum of the backward pass begins with: 0, or the bias of a layer with tied weights."""
    return slot(record, BACKWARD.zeros, like)[min(column, record[BACKWARD.padded_in] - 1)]


@twin(dense.dense_backward, spread=GRID, over_padding=True)
def dense_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) = dz (B, O) w^T + zeros (I); overwrites.

    `zeros` is a bias where a layer has the weights of another transposed.
    """
    fits = (record[BACKWARD.dx] | record[BACKWARD.w_transposed]) % 16 == 0
    fits = fits and (record[BACKWARD.dx_stride] | record[BACKWARD.padded_in]) % 4 == 0
    like = cast(0, scratch[0])
    multiply(record, frame, lo, hi, read_backward, backward_start, True, fits, like)

"""A last layer of few units: as `kernels/ops/products/narrow_dense.py`.

A thread has one lane of a dot product (`lane_dots.py`).
"""

from fusednn.kernels.cuda.language import barrier, block, blocks, shared, thread, threads
from fusednn.kernels.cuda.ops.updates.settings import own_settings
from fusednn.kernels.cuda.ops.updates.update import PART, ROWS, copy_part
from fusednn.kernels.cuda.ops.updates.vectors import note_part, part_of, step_one
from fusednn.kernels.cuda.sums.lanes import fold_lanes, multiply_rest
from fusednn.kernels.cuda.tiles.product import tile_memory
from fusednn.kernels.cuda.twins import BLOCK, GRID, twin
from fusednn.kernels.intrinsics.lanes import lanes_of
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast, fma
from fusednn.kernels.ops.frames import rows_of_run, runs_of_batch
from fusednn.kernels.ops.products import narrow_dense
from fusednn.kernels.ops.products.narrow_dense import (
    BACKWARD,
    FORWARD,
    NARROW,
    STORED_NARROW,
    UPDATE_NARROW,
    VECTORS_OF,
)

ROWS_OF_UNITS, COLUMNS_OF_UNITS = ROWS * NARROW, NARROW * PART


@twin(narrow_dense.narrow_forward, spread=GRID, over_padding=True)
def narrow_forward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = x (B, I) w + b; overwrites."""
    x, w = slot(record, FORWARD.x, scratch[0]), slot(record, FORWARD.w, scratch[0])
    b, out = slot(record, FORWARD.b, scratch[0]), slot(record, FORWARD.out, scratch[0])
    x_stride, w_stride = record[FORWARD.x_stride], record[FORWARD.w_stride]
    fan_in, units, lanes = record[FORWARD.fan_in], record[FORWARD.fan_out], lanes_of(scratch[0])
    sums, at_once = shared(1024, scratch[0]), threads() // lanes
    whole, row, lane = fan_in // lanes * lanes, thread() // lanes, thread() % lanes
    for first in range(lo + block() * at_once, hi, blocks() * at_once):
        count = min(at_once, hi - first)
        if row < count:
            here = advance(x, (first + row) * x_stride)
            for unit in range(units):
                total, weights = cast(0, scratch[0]), advance(w, unit * w_stride)
                for k in range(lane, whole, lanes):
                    total = fma(here[k], weights[k], total)
                sums[(unit * at_once + row) * lanes + lane] = total
        barrier()
        for own in range(thread(), count * units, threads()):
            r, unit = own // units, own % units
            here, weights = advance(x, (first + r) * x_stride), advance(w, unit * w_stride)
            total = fold_lanes(advance(sums, (unit * at_once + r) * lanes), lanes)
            total = b[unit] + (total + multiply_rest(here, weights, whole, fan_in))
            out[(first + r) * record[FORWARD.out_stride] + unit] = total
        barrier()


@twin(narrow_dense.narrow_backward, spread=GRID, over_padding=True)
def narrow_backward(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, I) = dz (B, O) w^T; overwrites."""
    dx, dz = slot(record, BACKWARD.dx, scratch[0]), slot(record, BACKWARD.dz, scratch[0])
    w, columns = slot(record, BACKWARD.w_transposed, scratch[0]), record[BACKWARD.padded_in]
    units, w_stride = record[BACKWARD.fan_out], record[BACKWARD.w_stride]
    first, step = block() * threads() + thread(), blocks() * threads()
    for own in range(first, (hi - lo) * columns, step):
        row, column, total = lo + own // columns, own % columns, cast(0, scratch[0])
        here = advance(dz, row * record[BACKWARD.dz_stride])
        for unit in range(units):
            total = fma(here[unit], w[unit * w_stride + column], total)
        dx[row * record[BACKWARD.dx_stride] + column] = total


def step_narrow(record, own, g, g_stride, lo, hi, step, adjust, like):
    """One step on elements [lo, hi) of each unit's weights; g (O, I) is the gradient.

    Each thread steps on the elements whose gradient it has written.
    """
    n, units, apart = hi - lo, record[VECTORS_OF.fan_out], record[VECTORS_OF.w_stride]
    note_part(record, lo, apart, units, n, part_of(lo, like), adjust, like)
    for one in range(thread(), units * n, threads()):
        unit, c = one // n, one % n
        step_one(record, own, g[unit * g_stride + c], unit * apart + lo + c, True, step)


def add_products(g, x, x_stride, dz, dz_stride, rows, units, n, like):
    """g (units, n) += dz (rows, units)^T x (rows, n), row by row."""
    xs, dzs = tile_memory(like), shared(ROWS_OF_UNITS, like)
    for first in range(0, rows, ROWS):
        size = min(ROWS, rows - first)
        copy_part(xs, advance(x, first * x_stride), x_stride, size, n)
        for own in range(thread(), size * units, threads()):
            row, unit = own // units, own % units
            dzs[row * NARROW + unit] = dz[(first + row) * dz_stride + unit]
        barrier()
        for own in range(thread(), units * n, threads()):
            unit, c, total = own // n, own % n, g[own]
            for r in range(size):
                total = fma(dzs[r * NARROW + unit], xs[r * PART + c], total)
            g[own] = total
        barrier()


@twin(narrow_dense.update_narrow, spread=BLOCK)
def update_narrow(record, frame, scratch, lo, hi, step, adjust):
    """Weights [lo, hi), at most four panels, of each unit: their gradient x^T dz, then a step."""
    own, n, units = own_settings(record, frame), hi - lo, record[VECTORS_OF.fan_out]
    zero = cast(0, scratch[0])
    g = shared(COLUMNS_OF_UNITS, zero)
    x, dz = slot(record, UPDATE_NARROW.x, scratch[0]), slot(record, UPDATE_NARROW.dz, scratch[0])
    x_stride, dz_stride = record[UPDATE_NARROW.x_stride], record[UPDATE_NARROW.dz_stride]
    for at in range(thread(), units * n, threads()):
        g[at] = zero
    for run in range(runs_of_batch(record, frame, UPDATE_NARROW.lengths)):
        first, rows = rows_of_run(record, frame, UPDATE_NARROW.lengths, run)
        add_products(
            g, advance(x, first * x_stride + lo), x_stride, advance(dz, first * dz_stride),
            dz_stride, rows, units, n, zero,
        )  # fmt: skip
    step_narrow(record, own, g, n, lo, hi, step, adjust, zero)


@twin(narrow_dense.apply_narrow, spread=BLOCK)
def apply_narrow(record, frame, scratch, lo, hi, step, adjust):
    """update_narrow with a gradient that *store* has written."""
    g, stride = slot(record, STORED_NARROW.gradient, scratch[0]), record[VECTORS_OF.w_stride]
    own = own_settings(record, frame)
    step_narrow(record, own, advance(g, lo), stride, lo, hi, step, adjust, scratch[0])

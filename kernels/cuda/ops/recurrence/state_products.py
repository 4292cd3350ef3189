"""The product of a step: a few rows of states by the weights, a thread having some of the columns.

The states are read where they are, by all threads the same ones; the weights are read once for the
rows of a thread, and four steps ahead.
"""

from fusednn.kernels.cuda.language import load4, local, single
from fusednn.kernels.cuda.tiles.product import column_of
from fusednn.kernels.intrinsics.pointers import advance
from fusednn.kernels.intrinsics.scalars import fma


def add_four(acc, q, h, k, y, aligned):
    """Four steps of the chain of row q: acc[q] += h[k] y[0] + ..."""
    if aligned:
        x0, x1, x2, x3 = load4(h, k)
    else:
        x0, x1, x2, x3 = h[k], h[k + 1], h[k + 2], h[k + 3]
    acc[q] = fma(x3, y[3], fma(x2, y[2], fma(x1, y[1], fma(x0, y[0], acc[q]))))


def add_products(acc, n, h, h_apart, last, w, w_row, depth, aligned):
    """acc (n) += h (n, depth) w (depth,), n being 1, 2 or 4; rows beyond `last` are read as it."""
    second = advance(h, min(1, last) * h_apart)
    third, fourth = advance(h, min(2, last) * h_apart), advance(h, min(3, last) * h_apart)
    whole, y, following = depth // 4 * 4, local(4, acc[0]), local(4, acc[0])
    if whole > 0:
        for q in range(4):
            y[q] = w[q * w_row]
    for k in range(0, whole, 4):
        single()
        if k + 4 < whole:  # weights come from afar
            for q in range(4):
                following[q] = w[(k + 4 + q) * w_row]
        add_four(acc, 0, h, k, y, aligned)
        if n > 1:
            add_four(acc, 1, second, k, y, aligned)
        if n > 2:
            add_four(acc, 2, third, k, y, aligned)
            add_four(acc, 3, fourth, k, y, aligned)
        for q in range(4):
            y[q] = following[q]
    for k in range(whole, depth):
        single()
        weight = w[k * w_row]
        acc[0] = fma(h[k], weight, acc[0])
        if n > 1:
            acc[1] = fma(second[k], weight, acc[1])
        if n > 2:
            acc[2] = fma(third[k], weight, acc[2])
            acc[3] = fma(fourth[k], weight, acc[3])


def multiply_columns(
    record, n, rows, z, z_apart, h, h_apart, start, start_apart, w, w_depth, depth, columns,
    column, apart, sample, step, is_there, aligned,
):  # fmt: skip
    """Every `apart`-th column of z (rows, columns) = start + h (rows, depth) w, from one on.

    As `multiply_rows`; rows beyond n are left alone, too.
    """
    for c in range(column, columns, apart):
        single()
        acc = local(4, z[0])
        for q in range(n):
            acc[q] = start[min(q, rows - 1) * start_apart + c]
        offset, w_row = column_of(c, columns, w_depth, True, acc[0])
        add_products(acc, n, h, h_apart, rows - 1, advance(w, offset), w_row, depth, aligned)
        for q in range(n):
            if q < rows and is_there(record, sample + q, step):
                z[q * z_apart + c] = acc[q]


def multiply_rows(
    record, each, rows, z, z_apart, h, h_apart, start, start_apart, w, w_depth, depth, columns,
    column, apart, sample, step, is_there,
):  # fmt: skip
    """A thread's part of z (rows, columns) = start + h (rows, depth) w; overwrites.

    `start` may be z, and w is in panels of `w_depth` rows. The rows are those of samples from
    `sample` on, and those of one that is not there at a step are left alone.
    """
    if each == 1:
        multiply_columns(
            record, 1, rows, z, z_apart, h, h_apart, start, start_apart, w, w_depth, depth,
            columns, column, apart, sample, step, is_there, True,
        )  # fmt: skip
    elif each == 2:
        multiply_columns(
            record, 2, rows, z, z_apart, h, h_apart, start, start_apart, w, w_depth, depth,
            columns, column, apart, sample, step, is_there, True,
        )  # fmt: skip
    else:
        multiply_columns(
            record, 4, rows, z, z_apart, h, h_apart, start, start_apart, w, w_depth, depth,
            columns, column, apart, sample, step, is_there, True,
        )  # fmt: skip


def always(record, sample, step):
    """For rows that are all there."""
    return True

"""Windows of pixels by channel: the largest, the sum, and their gradients, in registers.

`pixels` says which pixels of x are in each window, `bounds` where those of a window begin and end.
The channels of a window are a vector after the other, each through all taps. n, the channels, is
a multiple of the lanes.
"""

import numpy as np
from fusednn.kernels._jit import JIT
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .columns import Vectors
from .loops import emit_loop
from .tiles import broadcast

_I64 = ir.IntType(64)


def _signature(like, *more):
    """Three arrays, two numbers of elements from pixel to pixel, the windows, n, and `more`."""
    real, table, count = types.CPointer(like.dtype), types.CPointer(types.int64), types.int64
    return types.void(real, real, real, count, count, table, table, count, count, *more)


def _over_windows(context, builder, signature, args, body):
    """IR of `body(vectors, window, at, first, last, pixel)` by window and vector of channels.

    `pixel(tap)` is a pixel's number.
    """
    pixels, bounds, windows, n = args[5:9]
    vectors = Vectors(context, builder, signature.args[0].dtype)

    def window(number, _):
        first, last = (
            builder.load(builder.gep(bounds, [builder.add(number, _I64(i))])) for i in range(2)
        )

        def pixel(tap):
            return builder.load(builder.gep(pixels, [tap]))

        def channels(at, _):
            body(vectors, number, at, first, last, pixel)
            return []

        emit_loop(builder, _I64(0), n, vectors.lanes, [], channels)
        return []

    emit_loop(builder, _I64(0), windows, 1, [], window)
    return context.get_dummy_value()


def _numbered(builder, vectors, tap, first):
    """IR of a vector of a tap's number within its window."""
    number = builder.sitofp(builder.sub(tap, first), vectors.kind.element)
    return broadcast(builder, number, vectors.lanes)


def _offset(builder, number, pitch, at):
    return builder.add(builder.mul(number, pitch), at)


@intrinsic
def _largest_of(typingctx, out, taken, x, out_pixel, x_pixel, pixels, bounds, windows, n):
    def codegen(context, builder, signature, args):
        out, taken, x, out_pixel, x_pixel = args[:5]

        def body(vectors, window, at, first, last, pixel):
            def tap(number, best):
                value = vectors.load(x, _offset(builder, pixel(number), x_pixel, at))
                # larger, or NaN: the first of equals stays, and NaN wins
                wins = builder.not_(builder.fcmp_ordered("<=", value, best[0]))
                kept = builder.fcmp_unordered("uno", best[0], best[0])
                wins = builder.and_(wins, builder.not_(kept))
                mark = _numbered(builder, vectors, number, first)
                return [builder.select(wins, value, best[0]), builder.select(wins, mark, best[1])]

            lowest = ir.Constant(vectors.kind, [-np.inf] * vectors.lanes)
            best = emit_loop(builder, first, last, 1, [lowest, vectors.zero], tap)
            for value, pointer in zip(best, (out, taken), strict=True):
                vectors.store(value, pointer, _offset(builder, window, out_pixel, at))

        return _over_windows(context, builder, signature, args, body)

    return _signature(x), codegen


@intrinsic
def _add_to_largest(typingctx, dx, dout, taken, dx_pixel, pixel, pixels, bounds, windows, n, once):
    def codegen(context, builder, signature, args):
        dx, dout, taken, dx_pixel, out_pixel, *_, once = args

        def body(vectors, window, at, first, last, pixel):
            there = _offset(builder, window, out_pixel, at)
            d, won = vectors.load(dout, there), vectors.load(taken, there)

            def tap(number, _):
                place = _offset(builder, pixel(number), dx_pixel, at)
                same = builder.fcmp_ordered("==", won, _numbered(builder, vectors, number, first))
                share = builder.select(same, d, vectors.zero)
                before = builder.select(once, vectors.zero, vectors.load(dx, place))
                vectors.store(builder.fadd(before, share), dx, place)
                return []

            emit_loop(builder, first, last, 1, [], tap)

        return _over_windows(context, builder, signature, args, body)

    return _signature(dx, types.boolean), codegen


@intrinsic
def _sum_windows(typingctx, out, x, shares, out_pixel, x_pixel, pixels, bounds, windows, n):
    def codegen(context, builder, signature, args):
        out, x, shares, out_pixel, x_pixel = args[:5]

        def body(vectors, window, at, first, last, pixel):
            def tap(number, totals):
                value = vectors.load(x, _offset(builder, pixel(number), x_pixel, at))
                return [builder.fadd(totals[0], value)]

            [total] = emit_loop(builder, first, last, 1, [vectors.zero], tap)
            share = builder.load(builder.gep(shares, [window]))
            total = builder.fmul(total, broadcast(builder, share, vectors.lanes))
            vectors.store(total, out, _offset(builder, window, out_pixel, at))

        return _over_windows(context, builder, signature, args, body)

    return _signature(x), codegen


@intrinsic
def _spread_windows(
    typingctx, dx, dout, shares, dx_pixel, out_pixel, pixels, bounds, windows, n, once
):
    def codegen(context, builder, signature, args):
        dx, dout, shares, dx_pixel, out_pixel, *_, once = args

        def body(vectors, window, at, first, last, pixel):
            share = broadcast(builder, builder.load(builder.gep(shares, [window])), vectors.lanes)
            d = vectors.load(dout, _offset(builder, window, out_pixel, at))
            d = builder.fmul(d, share)

            def tap(number, _):
                place = _offset(builder, pixel(number), dx_pixel, at)
                before = builder.select(once, vectors.zero, vectors.load(dx, place))
                vectors.store(builder.fadd(before, d), dx, place)
                return []

            emit_loop(builder, first, last, 1, [], tap)

        return _over_windows(context, builder, signature, args, body)

    return _signature(dx, types.boolean), codegen


def _windows_of(pixels, bounds, windows):
    """The pixels of each window."""
    return [pixels[bounds[i] : bounds[i + 1]] for i in range(windows)]


def _largest_of_twin(out, taken, x, out_pixel, x_pixel, pixels, bounds, windows, n):
    for window, places in enumerate(_windows_of(pixels, bounds, windows)):
        values = np.array([x[place * x_pixel : place * x_pixel + n] for place in places])
        first, at = window * out_pixel, np.arange(n)
        best = np.where(np.isnan(values), np.inf, values).argmax(axis=0)
        nan = np.isnan(values)
        best = np.where(nan.any(axis=0), nan.argmax(axis=0), best)
        out[first : first + n], taken[first : first + n] = values[best, at], best


def _add_to_largest_twin(dx, dout, taken, dx_pixel, pixel, pixels, bounds, windows, n, once):
    for window, places in enumerate(_windows_of(pixels, bounds, windows)):
        here = slice(window * pixel, window * pixel + n)
        for number, place in enumerate(places):
            there = slice(place * dx_pixel, place * dx_pixel + n)
            share = np.where(taken[here] == number, dout[here], 0)
            dx[there] = share if once else dx[there] + share


def _sum_windows_twin(out, x, shares, out_pixel, x_pixel, pixels, bounds, windows, n):
    for window, places in enumerate(_windows_of(pixels, bounds, windows)):
        total = sum(x[place * x_pixel : place * x_pixel + n] for place in places)
        out[window * out_pixel : window * out_pixel + n] = total * shares[window]


def _spread_windows_twin(dx, dout, shares, dx_pixel, out_pixel, pixels, bounds, windows, n, once):
    for window, places in enumerate(_windows_of(pixels, bounds, windows)):
        d = dout[window * out_pixel : window * out_pixel + n] * shares[window]
        for place in places:
            there = slice(place * dx_pixel, place * dx_pixel + n)
            dx[there] = d if once else dx[there] + d


largest_of = _largest_of if JIT else _largest_of_twin
"""largest_of(out, taken, x, out_pixel, x_pixel, pixels, bounds, windows, n): the largest of each
window, and the number of its tap. The first of equals; NaN wins."""

add_to_largest = _add_to_largest if JIT else _add_to_largest_twin
"""add_to_largest(dx, dout, taken, dx_pixel, pixel, pixels, bounds, windows, n, once): dx at the
tap that won += dout; with `once`, each pixel is in one window, and dx is overwritten."""

sum_windows = _sum_windows if JIT else _sum_windows_twin
"""sum_windows(out, x, shares, out_pixel, x_pixel, pixels, bounds, windows, n): the sum of each
window times its share."""

spread_windows = _spread_windows if JIT else _spread_windows_twin
"""spread_windows(dx, dout, shares, dx_pixel, out_pixel, pixels, bounds, windows, n, once): dx at
each tap += dout times the window's share; `once` as above."""

"""Cases of the ops that normalise rows or batches."""

import numpy as np
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.ops.norms import batch_norm, layer_norm
from running.op_cases import (
    BY_CHUNKS,
    ONCE,
    SAMPLES,
    WIDTH,
    Case,
    always,
    float_of,
    of_rows,
    vectors,
)

from fusednn.plan.memory.buffers import padded

CHUNKS = -(-SAMPLES // MICRO_ROWS)
EPSILON, MOMENTUM = 1e-3, 0.2


def chunked(values):
    """The values of each chunk of rows."""
    return np.split(values, range(MICRO_ROWS, SAMPLES, MICRO_ROWS))


def partials_of(make, pairs):
    """Two vectors of each chunk, padded with zeros, as the row stage leaves them."""
    parts = [[make.vector(one), make.vector(other)] for one, other in pairs]
    return np.ascontiguousarray(np.array(parts))


def statistics_of(values):
    chunks = [chunk.astype(float) for chunk in chunked(values)]
    return [(c.mean(axis=0), ((c - c.mean(axis=0)) ** 2).sum(axis=0)) for c in chunks]


def writes_partials(make, op, operands, pairs):
    """A case of an op that writes two sums of each chunk."""
    partials = np.full((CHUNKS, 2, make.vector(np.zeros(WIDTH)).size), make.fill, make.dtype)
    operands = {"partials": partials.reshape(-1), **operands}
    want = {"partials": np.array([[*pair] for pair in pairs])}
    found = {"partials": always(partials[:, :, :WIDTH])}
    return Case(op, operands, found, want, BY_CHUNKS)


def batch_partials(make):
    x = make.rows(make.values(SAMPLES, WIDTH), padding=0)
    pairs = statistics_of(x.values)
    return writes_partials(make, batch_norm.batch_partials, {"x": x.block}, pairs)


def batch_statistics(make):
    x = make.values(SAMPLES, WIDTH)
    running = make.vector(make.values(WIDTH)), make.vector(abs(make.values(WIDTH)))
    mean, inverse = (make.vector(np.full(WIDTH, make.fill), make.fill) for _ in range(2))
    operands = {
        "mean": mean, "inverse": inverse, "running_mean": running[0],
        "running_variance": running[1], "partials": partials_of(make, statistics_of(x)),
        "width": WIDTH, "padded": mean.size, "epsilon": EPSILON, "momentum": MOMENTUM,
    }  # fmt: skip
    x = x.astype(float)
    moved = [
        (1 - MOMENTUM) * old[:WIDTH].astype(float) + MOMENTUM * new
        for old, new in zip(running, (x.mean(axis=0), x.var(axis=0, ddof=1)), strict=True)
    ]
    padding = np.zeros(mean.size - WIDTH)
    want = {
        "mean": np.append(x.mean(axis=0), padding),
        "inverse": np.append(1 / np.sqrt(x.var(axis=0) + EPSILON), padding),
        "running mean": moved[0],
        "running variance": moved[1],
    }
    arrays = mean, inverse, running[0][:WIDTH], running[1][:WIDTH]
    found = dict(zip(want, map(always, arrays), strict=True))
    return Case(batch_norm.batch_statistics, operands, found, want, ONCE)


def batch_norm_forward(make):
    x, out, floor = make.rows(make.values(SAMPLES, WIDTH), padding=0), make.empty(), 0.1
    row = vectors(make, "mean", "inverse", "scale", "shift")
    mean, inverse, scale, shift = map(float_of, row.values())
    normal = (x.values.astype(float) - mean) * inverse
    operands = {"out": out.block, "x": x.block, "floor": floor, **row}
    want = {"out": np.maximum(normal * scale + shift, floor)}
    return of_rows(batch_norm.batch_norm_forward, operands, {"out": out}, want)


def batch_norm_partials(make):
    x, d = (make.rows(make.values(SAMPLES, WIDTH), padding=0) for _ in range(2))
    row = vectors(make, "mean", "inverse")
    mean, inverse = map(float_of, row.values())
    both = np.hstack([d.values, d.values.astype(float) * (x.values - mean) * inverse])
    sums = [chunk.sum(axis=0) for chunk in chunked(both)]
    pairs = [(one[:WIDTH], one[WIDTH:]) for one in sums]
    operands = {"dout": d.block, "x": x.block, **row}
    return writes_partials(make, batch_norm.batch_norm_partials, operands, pairs)


def batch_norm_sums(make):
    pairs = make.values(CHUNKS, 2, WIDTH)
    dscale, dshift = (make.vector(np.full(WIDTH, make.fill), make.fill) for _ in range(2))
    operands = {
        "dscale": dscale, "dshift": dshift, "partials": partials_of(make, pairs), "width": WIDTH,
        "padded": dscale.size,
    }  # fmt: skip
    sums = np.zeros((2, dscale.size))
    sums[:, :WIDTH] = pairs.astype(float).sum(axis=0)
    found = {"dshift": always(dshift), "dscale": always(dscale)}
    want = dict(zip(found, sums, strict=True))
    return Case(batch_norm.batch_norm_sums, operands, found, want, ONCE)


def batch_norm_backward(make):
    x, d = (make.rows(make.values(SAMPLES, WIDTH), padding=0) for _ in range(2))
    row = vectors(make, "mean", "inverse", "scale", "dscale", "dshift")
    mean, inverse, scale, dscale, dshift = map(float_of, row.values())
    normal = (x.values.astype(float) - mean) * inverse
    rest = d.values - (dshift + normal * dscale) / SAMPLES
    operands = {"dx": d.block, "x": x.block, **row}
    want = {"dx": scale * inverse * rest}
    return of_rows(batch_norm.batch_norm_backward, operands, {"dx": d}, want)


def layer_norm_forward(make):
    x, out, inverse = make.rows(make.values(SAMPLES, WIDTH)), make.empty(), make.values(SAMPLES)
    row = vectors(make, "scale", "shift")
    z = x.values.astype(float)
    factor = 1 / np.sqrt(z.var(axis=1) + EPSILON)
    normal = (z - z.mean(axis=1, keepdims=True)) * factor[:, np.newaxis]
    operands = {
        "out": out.block, "normal": x.block, "inverse": inverse, "epsilon": EPSILON,
        "centered": 1, **row,
    }  # fmt: skip
    want = {"normal": normal, "out": normal * float_of(row["scale"]) + float_of(row["shift"])}
    case = of_rows(layer_norm.layer_norm_forward, operands, {"normal": x, "out": out}, want)
    case.found["inverse"], case.want["inverse"] = always(inverse), factor
    return case


def layer_norm_backward(make):
    """Against the derivative of the forward op's formula, as its docstring has it."""
    x, d = (make.rows(make.values(SAMPLES, WIDTH)) for _ in range(2))
    dx, inverse, row = make.empty(), abs(make.values(SAMPLES)), vectors(make, "scale")
    normal, dout = x.values.astype(float), d.values.astype(float)
    g = dout * float_of(row["scale"])
    along = normal * (g * normal).mean(axis=1, keepdims=True)
    operands = {
        "dx": dx.block, "products": x.block, "dout": d.block, "inverse": inverse, "centered": 1,
        **row,
    }  # fmt: skip
    want = {
        "dx": (g - g.mean(axis=1, keepdims=True) - along) * inverse[:, np.newaxis],
        "products": dout * normal,
    }
    return of_rows(layer_norm.layer_norm_backward, operands, {"dx": dx, "products": x}, want)


def layer_norm_sums(make):
    splits = tuple([(3 * lo, 3 * hi) for lo, hi in split] for split in BY_CHUNKS)
    return _sums_of_first(make, SAMPLES, splits)


def layer_norm_sums_of_empty_series(make):
    """Behind the first chunk series have no step in the window."""
    behind, empty = 3 * MICRO_ROWS, [(3 * at, 3 * at) for at in range(MICRO_ROWS, SAMPLES)]
    splits = [(0, behind), *empty], [(0, 3), (3, behind), *empty]
    return _sums_of_first(make, MICRO_ROWS, splits)._replace(zeros=())


def _sums_of_first(make, samples, splits):
    """Samples of three rows, so that chunks are of three times as many; the first have steps."""
    steps = 3
    x, d = (make.rows(make.values(SAMPLES * steps, WIDTH)) for _ in range(2))
    dx, inverse = make.empty(rows=SAMPLES * steps), abs(make.values(SAMPLES * steps))
    row = vectors(make, "scale")
    normal, dout = x.values.astype(float), d.values.astype(float)
    g = dout * float_of(row["scale"])
    along = normal * (g * normal).mean(axis=1, keepdims=True)
    starts, wide = range(0, SAMPLES * steps, MICRO_ROWS * steps), padded(WIDTH, make.dtype)
    own = slice(samples * steps)
    dout[own.stop :] = 0
    dscale, dshift = (np.full((len(starts), wide), make.fill, make.dtype) for _ in range(2))
    operands = {
        "normal": x.block._replace(positions=steps), "inverse": inverse, "centered": 1, **row,
        "dx": dx.block._replace(positions=steps), "dout": d.block._replace(positions=steps),
        "dscale": dscale.reshape(-1), "dshift": dshift.reshape(-1),
    }  # fmt: skip
    want = {
        "dx": ((g - g.mean(axis=1, keepdims=True) - along) * inverse[:, np.newaxis])[own],
        "dscale": np.add.reduceat(dout * normal, starts),
        "dshift": np.add.reduceat(dout, starts),
    }
    found = {"dx": always(dx.values[own])}
    found |= {
        name: lambda program, sums=sums: sums[:, :WIDTH].copy()
        for name, sums in (("dscale", dscale), ("dshift", dshift))
    }
    return Case(layer_norm.layer_norm_sums, operands, found, want, splits, (dx,))


CASES = [
    *(batch_partials, batch_statistics, batch_norm_forward),
    *(batch_norm_partials, batch_norm_sums, batch_norm_backward),
    *(layer_norm_forward, layer_norm_backward, layer_norm_sums),
    layer_norm_sums_of_empty_series,
]

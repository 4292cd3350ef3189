"""Draws from normal distributions whose means and log variances are a layer's outputs.

    out = mean + exp(v / 2) n            x = [mean, v], n of the standard normal distribution
    loss += beta (mean^2 + exp(v) - 1 - v) / 2, summed over the columns

The loss is the divergence from the standard normal distribution: Kingma and Welling,
"Auto-encoding variational Bayes", ICLR 2014, appendix B; beta: Higgins et al., "beta-VAE", ICLR
2017.
"""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.pointers import advance, number, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import exp
from fusednn.kernels.operands import (
    COUNT,
    FLOAT64,
    INT64,
    NUMBER,
    ROWS,
    maybe,
    op,
    operands,
    padded_width_of,
    width_of,
)
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.pointwise.elementwise import clear_columns
from fusednn.kernels.ops.pointwise.noise import draw_normals, row_of_sample

DRAW = operands(
    out=ROWS,
    x=ROWS,
    key=maybe(INT64),  # two words of 32 bits; null: out is the mean
    width=width_of("out"),
    padded=padded_width_of("out"),
    layer=COUNT,
)
DIVERGENCE = operands(
    dx=ROWS,
    losses=maybe(FLOAT64),  # one for each sample; accumulated; null: none
    dout=ROWS,
    out=ROWS,
    x=ROWS,
    half=width_of("dout"),
    width=width_of("dx"),
    padded=padded_width_of("dx"),
    beta=NUMBER,
    share=NUMBER,  # of the divergence in `losses`
)


@kernel
def draw_row(out, x, noise, n):
    """out = mean + exp(v / 2) noise for x = [mean, v], n elements; overwrites."""
    half, v = cast(0.5, x[0]), advance(x, n)
    for c in range(n):
        out[c] = x[c] + exp(half * v[c]) * noise[c]


@kernel
def divergence_of(x, n):
    """Half the sum of mean^2 + exp(v) - 1 - v for x = [mean, v], n elements each, in float64."""
    v, total = advance(x, n), 0.0
    for c in range(n):
        mean, log_variance = np.float64(x[c]), np.float64(v[c])
        total += 0.5 * (mean * mean + np.float64(exp(v[c])) - 1.0 - log_variance)
    return total


@kernel
def differentiate_row(dx, dout, out, x, n, factor):
    """dx = the gradient by x = [mean, v] of out and of factor times the divergence; overwrites."""
    half, one, v, dv = cast(0.5, factor), cast(1, factor), advance(x, n), advance(dx, n)
    for c in range(n):
        d, mean = dout[c], x[c]
        dx[c] = d + factor * mean
        dv[c] = half * (d * (out[c] - mean) + factor * (exp(v[c]) - one))


@op(DRAW)
def draw_latent(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = draws from x = [mean, v] (B, 2 O), or the means; overwrites
    (Kingma and Welling).
    """
    width, padded = record[DRAW.width], record[DRAW.padded]
    layer = np.uint64(record[DRAW.layer])
    for row in range(lo, hi):
        x = advance(slot(record, DRAW.x, scratch[0]), row * record[DRAW.x_stride])
        out = advance(slot(record, DRAW.out, scratch[0]), row * record[DRAW.out_stride])
        if record[DRAW.key] == 0:
            for c in range(width):
                out[c] = x[c]
        else:
            step = np.uint64(step_settings(frame)[records.STREAM])
            sample, within = row_of_sample(record, frame, row)
            key = slot(record, DRAW.key, lo)
            draw_normals(scratch, width, sample, within, step, layer, key)
            draw_row(out, x, scratch, width)
        clear_columns(out, width, padded)
    return 0


@op(DIVERGENCE)
def add_divergence(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of dx (B, 2 O) from dout (B, O), with the divergence's own gradient;
    overwrites. Adds the divergences to losses (B,), if any; accumulates (Kingma and Welling).
    """
    half, beta = record[DIVERGENCE.half], number(record, DIVERGENCE.beta, 0.0)
    share, scale = number(record, DIVERGENCE.share, 0.0), step_settings(frame)[records.SCALE]
    factor = cast(scale * beta, scratch[0])
    x, dx = slot(record, DIVERGENCE.x, scratch[0]), slot(record, DIVERGENCE.dx, scratch[0])
    d, out = slot(record, DIVERGENCE.dout, scratch[0]), slot(record, DIVERGENCE.out, scratch[0])
    for row in range(lo, hi):
        own = advance(x, row * record[DIVERGENCE.x_stride])
        down = advance(dx, row * record[DIVERGENCE.dx_stride])
        code = advance(out, row * record[DIVERGENCE.out_stride])
        if record[DIVERGENCE.losses] != 0:
            losses = slot(record, DIVERGENCE.losses, 0.0)
            losses[row] += share * beta * divergence_of(own, half)
        here = advance(d, row * record[DIVERGENCE.dout_stride])
        differentiate_row(down, here, code, own, half, factor)
        clear_columns(down, record[DIVERGENCE.width], record[DIVERGENCE.padded])
    return 0

"""Draws from normal distributions: a thread draws the four normals of a counter."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.ops.pointwise.noise import words_of
from fusednn.kernels.cuda.spreading import (
    GROUP,
    clear_columns,
    first_column,
    first_row,
    groups,
)
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.maths import exp
from fusednn.kernels.ops.frames import step_settings
from fusednn.kernels.ops.pointwise import latent
from fusednn.kernels.ops.pointwise.latent import DRAW
from fusednn.kernels.ops.pointwise.noise import normal_pair, row_of_sample
from fusednn.kernels.philox import uniform


@twin(latent.draw_latent)
def draw_latent(record, frame, scratch, lo, hi):
    """Rows [lo, hi) of out (B, O) = draws from x = [mean, v] (B, 2 O), or means; overwrites."""
    width, zero, half = record[DRAW.width], cast(0, scratch[0]), cast(0.5, scratch[0])
    quarter, layer = (width + 3) // 4, np.uint64(record[DRAW.layer])
    for r in range(first_row(lo), hi, groups()):
        x = advance(slot(record, DRAW.x, zero), r * record[DRAW.x_stride])
        out = advance(slot(record, DRAW.out, zero), r * record[DRAW.out_stride])
        if record[DRAW.key] == 0:
            for c in range(first_column(), width, GROUP):
                out[c] = x[c]
        else:
            step = np.uint64(step_settings(frame)[records.STREAM])
            sample, row = row_of_sample(record, frame, r)
            key = slot(record, DRAW.key, lo)
            for q in range(first_column(), quarter, GROUP):
                w0, w1, w2, w3 = words_of(record, key, layer, step, sample, row, quarter, q)
                a, b = normal_pair(uniform(w0, zero), uniform(w1, zero))
                c, d = normal_pair(uniform(w2, zero), uniform(w3, zero))
                for part in range(4):
                    drawn = a if part == 0 else (b if part == 1 else (c if part == 2 else d))
                    at = part * quarter + q
                    if at < width:
                        out[at] = x[at] + exp(half * x[width + at]) * drawn
        clear_columns(out, width, record[DRAW.padded])

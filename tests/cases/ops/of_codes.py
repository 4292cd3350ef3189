"""Cases of the ops that draw codes, and go back through them."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.ops.pointwise import latent
from oracles import reference_layers
from running.op_cases import BY_ROWS, OUTPUTS, SAMPLES, WIDTH, Case, always, of_rows

KEY = np.array([5, 6], np.int64)
SCALE = 0.25


def codes(make, key):
    """Draws of three numbers from means and log variances."""
    x, out = make.rows(make.values(SAMPLES, 2 * OUTPUTS)), make.empty(OUTPUTS)
    mean, log_variance = x.values[:, :OUTPUTS].astype(float), x.values[:, OUTPUTS:].astype(float)
    drawn = reference_layers.gaussian_noise(SAMPLES, OUTPUTS, seed=5, step=4, layer=2)
    want = mean if key is None else mean + np.exp(log_variance / 2) * drawn
    operands = {"out": out.block, "x": x.block, "key": key, "layer": 2}
    more = {"settings": {records.STREAM: 4}, "scratch": WIDTH + 3}
    return of_rows(latent.draw_latent, operands, {"out": out}, {"out": want}, **more)


def draw_latent(make):
    return codes(make, KEY * [1, 0])


def means_of_latent(make):
    return codes(make, None)


def divergence(make, beta, with_losses):
    x, out = make.rows(make.values(SAMPLES, 2 * OUTPUTS)), make.rows(make.values(SAMPLES, OUTPUTS))
    dout, dx = make.rows(make.values(SAMPLES, OUTPUTS)), make.empty(2 * OUTPUTS)
    mean, v = np.split(x.values.astype(float), 2, axis=1)
    d, losses = dout.values.astype(float), make.random.uniform(size=SAMPLES)
    factor = beta * SCALE
    dv = (d * (out.values - mean) + factor * (np.exp(v) - 1)) / 2
    want = {"dx": np.hstack([d + factor * mean, dv])}
    rows = {"dx": dx, "dout": dout, "out": out, "x": x}
    operands = {name: one.block for name, one in rows.items()}
    operands |= {"losses": losses if with_losses else None, "beta": beta, "share": 0.1}
    found = {"dx": always(dx.values)}
    if with_losses:
        found["losses"] = always(losses)
        divergences = (mean**2 + np.exp(v) - 1 - v).sum(axis=1) / 2
        want["losses"] = losses + 0.1 * beta * divergences
    settings = {records.SCALE: SCALE}
    return Case(latent.add_divergence, operands, found, want, BY_ROWS, (dx,), settings)


def add_divergence(make):
    return divergence(make, 0.7, True)


def back_through_means(make):
    """Operands of graphs of outputs, which have no losses."""
    return divergence(make, 0.0, False)


CASES = [draw_latent, means_of_latent, add_divergence, back_through_means]

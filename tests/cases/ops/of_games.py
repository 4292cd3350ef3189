"""Cases of the ops of adversarial training."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.ops import game
from running.op_cases import BY_ROWS, SAMPLES, WIDTH, Case, always, of_rows

HALF, FACTOR, SCALE, BOUND = 9, 2.0, 0.25, 0.3


def both(make):
    """Operands of rows of data and made ones, and these values."""
    data, made = make.values(SAMPLES + 9, WIDTH), make.rows(make.values(SAMPLES, WIDTH))
    order, out = make.order(), make.empty()
    operands = {"out": out.block, "data": make.data(data), "made": made.block, "order": order}
    return operands, data[order], made.values, out


def gather_both(make):
    operands, real, made, out = both(make)
    operands["half"] = HALF
    want = np.concatenate([real[:HALF], made[: SAMPLES - HALF]])
    return of_rows(game.gather_both, operands, {"out": out}, {"out": want})


def gather_mixed(make):
    operands, real, made, out = both(make)
    shares = make.random.uniform(size=SAMPLES).astype(make.dtype)
    mixed = made + shares[:, np.newaxis].astype(float) * (real - made.astype(float))
    operands["shares"] = shares
    return of_rows(game.gather_mixed, operands, {"out": out}, {"out": mixed})


def pick_class(make):
    codes = make.random.randint(2 * WIDTH, size=SAMPLES)
    out = make.empty()
    operands = {"dlogits": out.block, "targets": codes.astype(make.dtype)}
    want = {"dlogits": np.eye(WIDTH)[codes // 2]}
    return of_rows(game.pick_class, operands, {"dlogits": out}, want)


def penalize(make):
    values = make.values(SAMPLES, WIDTH)
    values[3] = 0  # a gradient without a direction
    x, out, losses = make.rows(values), make.empty(), np.full(SAMPLES, make.fill)
    norms = np.linalg.norm(values.astype(float), axis=1)
    slopes = np.divide(norms - 1, norms, out=np.zeros(SAMPLES), where=norms > 0)
    want = {
        "out": 2 * FACTOR * SCALE * slopes[:, np.newaxis] * values,
        "losses": FACTOR * (norms - 1) ** 2,
    }
    operands = {"out": out.block, "losses": losses, "x": x.block, "factor": FACTOR}
    found = {"out": always(out.values), "losses": always(losses)}
    settings = {records.SCALE: SCALE}
    return Case(game.penalize, operands, found, want, BY_ROWS, (out,), settings)


def clip_weights(make):
    w = make.values(SAMPLES)
    operands, want = {"w": w, "bound": BOUND}, {"w": np.clip(w, -BOUND, BOUND)}
    return Case(game.clip_weights, operands, {"w": always(w)}, want, BY_ROWS)


CASES = [gather_both, gather_mixed, pick_class, penalize, clip_weights]

"""Cases of the ops on rows: data, losses, answers, and elements by themselves."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.ops import answers, gather, output, reshape
from fusednn.kernels.ops.pointwise import activate, elementwise, mix, noise, parametric, rescale
from oracles import reference, reference_layers
from running.blocks import block_of
from running.op_cases import (
    BY_ROWS,
    ONCE,
    OUTPUTS,
    SAMPLES,
    WIDTH,
    Case,
    always,
    float_of,
    of_rows,
    vectors,
)

SCALE, SHARE = 0.25, 0.3
STEPS = SAMPLES // 3
"""Rows of each of three samples."""
KEY = np.array([5, 6], np.int64)


# -- data, reshaping ---------------------------------------------------------------------------


def gather_dense(make):
    data, order, out = make.values(SAMPLES + 9, WIDTH), make.order(), make.empty()
    operands = {"out": out.block, "data": make.data(data), "order": order, "padded": out.padded}
    return of_rows(gather.gather_dense, operands, {"out": out}, {"out": data[order]})


def gather_bytes(make):
    wide, order, out = make.random.randint(256, size=(SAMPLES + 9, 40)), make.order(), make.empty()
    data = block_of(wide.astype(np.uint8), WIDTH)
    operands = {"out": out.block, "data": data, "order": order, "padded": out.padded}
    return of_rows(gather.gather_bytes, operands, {"out": out}, {"out": wide[order, :WIDTH]})


def turned(samples):
    """Samples of (4, 6) as rows of (6, 4)."""
    return samples.reshape(SAMPLES, 4, 6).transpose(0, 2, 1).reshape(-1, 4)


def reshape_rows(make):
    x, out = make.rows(make.values(SAMPLES * 4, 6)), make.empty(4, SAMPLES * 6)
    given = x.block._replace(positions=4), out.block._replace(positions=6)
    operands = {
        "x": given[0].by_sample, "out": given[1].by_sample, "rows": 6, "out_row": out.stride,
        "x_row": x.stride, "columns": 6,
    }  # fmt: skip
    want = {"out": turned(x.values.copy())}
    return of_rows(reshape.reshape_rows, operands, {"out": out}, want)


def gather_reshaped(make):
    data, order, out = make.values(SAMPLES + 9, 24), make.order(), make.empty(4, SAMPLES * 6)
    operands = {
        "x": make.data(data), "out": out.block._replace(positions=6).by_sample, "rows": 6,
        "order": order, "out_row": out.stride, "x_row": 0, "columns": 6,
    }  # fmt: skip
    want = {"out": turned(data[order])}
    return of_rows(reshape.gather_reshaped, operands, {"out": out}, want)


# -- losses and answers ------------------------------------------------------------------------


def squared_errors(make, targets, positions):
    """What both ops of losses have in common: samples through an order, with weights."""
    samples = SAMPLES // positions
    order, z = make.order() % len(targets), make.rows(make.values(SAMPLES, OUTPUTS))
    order, rows = order[:samples], len(targets) * positions
    weights, dz, losses = abs(make.values(rows)), make.empty(OUTPUTS), np.zeros(samples)
    operands = {
        "dlogits": dz.block._replace(width=dz.padded, positions=positions), "losses": losses,
        "logits": z.block._replace(positions=positions),
        "targets": make.data(targets.reshape(rows, OUTPUTS)),
        "weights": weights, "constants": np.zeros(1, make.dtype), "order": order,
        "function": (LOSSES["squared_error"].function, "loss"),
    }  # fmt: skip
    if positions > 1:
        operands["row_losses"] = np.full(SAMPLES, make.fill)
    w = weights.reshape(-1, positions)[order].astype(float)
    off = z.values.astype(float).reshape(samples, positions, OUTPUTS) - targets[order]
    off = np.where(np.isnan(off), 0, off)
    want = {
        "dz": (SCALE * w[..., np.newaxis] * off).reshape(SAMPLES, OUTPUTS),
        "losses": (w * (off**2).sum(axis=2) / 2 / OUTPUTS).sum(axis=1),
    }
    found = {"dz": always(dz.values), "losses": always(losses)}
    splits = BY_ROWS if positions == 1 else ([(0, SAMPLES)], [(0, STEPS), (STEPS, SAMPLES)])
    return operands, found, want, splits, (dz,), {records.SCALE: SCALE}, 32 * 12


def loss_gradient(make, positions=1):
    targets = make.values(SAMPLES + 9, positions, OUTPUTS)
    return Case(output.loss_gradient, *squared_errors(make, targets, positions))


def loss_gradient_of_samples_of_rows(make):
    return loss_gradient(make, STEPS)


def known_loss_gradient(make, positions=1):
    targets = make.values(SAMPLES + 9, positions, OUTPUTS)
    targets[make.random.uniform(size=targets.shape) < 0.4] = np.nan
    operands, *rest = squared_errors(make, targets, positions)
    operands |= {"column_losses": np.full(SAMPLES, make.fill), "divisor": OUTPUTS}
    return Case(output.known_loss_gradient, operands, *rest)


def known_loss_gradient_of_samples_of_rows(make):
    return known_loss_gradient(make, STEPS)


def emitting(make, op, columns, link, want, dtype=None, width=None):
    """Answers in rows of the user's array, which has one row more than the samples."""
    z = make.rows(make.values(SAMPLES, columns))
    emitted = np.full((SAMPLES + 1, width or columns), 9, dtype or make.dtype)
    operands = {"emitted": block_of(emitted), "logits": z.block}
    operands["function"] = link and (LOSSES[link].link, "link")
    wanted = want(z.values.astype(float))
    last = np.full((1, emitted.shape[1]), 9.0)
    return Case(
        *(op, operands, {"emitted": always(emitted)}),
        *({"emitted": np.vstack([wanted, last])}, BY_ROWS),
        scratch=32 * 2 * columns + 64,
    )


def emit_outputs(make):
    return emitting(make, answers.emit_outputs, OUTPUTS, "poisson", np.exp)


def emit_both(make):
    def want(z):
        return np.hstack([reference.sigmoid(-z), reference.sigmoid(z)])

    return emitting(make, answers.emit_both, 1, "logistic", want, width=2)


def emit_largest(make):
    def want(z):
        return z.argmax(axis=1)[:, np.newaxis]

    return emitting(make, answers.emit_largest, OUTPUTS, None, want, np.int64, 1)


def emit_above_half(make):
    return emitting(
        make, answers.emit_above_half, OUTPUTS, "logistic", lambda z: z > 0, dtype=np.int64
    )


def emit_rows(make):
    x, emitted = make.rows(make.values(SAMPLES, WIDTH)), np.full((SAMPLES, WIDTH), 9, make.dtype)
    operands = {"emitted": block_of(emitted), "x": x.block}
    want = {"emitted": x.values.copy()}
    return Case(answers.emit_rows, operands, {"emitted": always(emitted)}, want, BY_ROWS)


def pick(make):
    z, dz = make.rows(make.values(SAMPLES, OUTPUTS)), make.empty(OUTPUTS)
    operands = {"dlogits": dz.block, "logits": z.block, "of": -1}
    want = {"dz": np.eye(OUTPUTS)[z.values.argmax(axis=1)]}
    return of_rows(output.pick, operands, {"dz": dz}, want)


def sum_losses(make):
    losses = np.full((2, SAMPLES + 3), make.fill)
    losses[:, :SAMPLES] = make.random.uniform(size=(2, SAMPLES))
    squares, absolutes = make.random.uniform(size=(2, 5))
    operands = {
        "losses": losses.reshape(-1), "squares": squares, "absolutes": absolutes, "n_squares": 5,
        "groups": 2, "losses_stride": SAMPLES + 3,
    }  # fmt: skip
    want = {"totals": [losses[:, :SAMPLES].sum(), squares.sum(), absolutes.sum()]}
    found = {"totals": lambda program: program.totals[0].copy()}
    return Case(output.sum_losses, operands, found, want, ONCE)


# -- elements ----------------------------------------------------------------------------------


def activated(make):
    """Rows of an activation, whose padding holds anything: it works on whole rows."""
    return make.rows(make.values(SAMPLES, WIDTH), padding=make.fill)


def activate_rows(make):
    x, slopes = activated(make), activated(make)
    row, z = ACTIVATIONS["silu"], x.values.astype(float)
    operands = {
        "out": x.block, "slopes": slopes.memory, "constants": np.zeros(1, make.dtype),
        "function": (row.slopes, "slopes"),
    }  # fmt: skip
    want = {"out": reference.silu_forward(z), "slopes": reference.silu_slopes(z)}
    found = {"out": always(x.values), "slopes": always(slopes.values)}
    return Case(activate.activate, operands, found, want, BY_ROWS)


def parametric_case(make, name, slopes):
    """An activation in shares; with `slopes` for the way back, from these or from its output."""
    x, out, row, like = make.rows(make.values(SAMPLES, WIDTH)), make.empty(), ACTIVATIONS[name], {}
    share, z = vectors(make, "share"), x.values.astype(float)
    a, y = float_of(share["share"]), getattr(reference, f"{name}_forward")(z)
    operands = {
        "out": out.block, "x": x.block, "constants": np.array([*row.constants, 0], make.dtype),
        "function": (row.forward, "activation"), **share,
    }  # fmt: skip
    want = {"out": z + a * (y - z)}
    if slopes:
        like = {"slopes": make.empty(), "excess": make.empty()}
        operands |= {key: one.block for key, one in like.items()}
        if row.slopes is None:
            operands["derivative"] = (row.backward, "derivative")
            slope = getattr(reference, f"{name}_backward")(np.ones(z.shape), y)
        else:
            operands["function"] = (row.slopes, "slopes")
            slope = getattr(reference, f"{name}_slopes")(z)
        want |= {"slopes": 1 + a * (slope - 1), "excess": y - z}
    return of_rows(parametric.parametric_forward, operands, {"out": out, **like}, want)


def parametric_alone(make):
    return parametric_case(make, "mish", False)


def parametric_with_slopes(make):
    return parametric_case(make, "mish", True)


def parametric_by_its_output(make):
    return parametric_case(make, "tanh", True)


def differentiate(make):
    out, d = activated(make), activated(make)
    operands = {
        "dx": d.block, "out": out.memory, "constants": np.zeros(1, make.dtype),
        "function": (ACTIVATIONS["tanh"].backward, "derivative"),
    }  # fmt: skip
    want = {"dx": reference.tanh_backward(d.values.astype(float), out.values.astype(float))}
    return Case(activate.differentiate, operands, {"dx": always(d.values)}, want, BY_ROWS)


def copy_rows(make):
    x, out = make.rows(make.values(SAMPLES, WIDTH), padding=0), make.empty()
    operands = {"out": out.block, "x": x.block}
    return of_rows(elementwise.copy_rows, operands, {"out": out}, {"out": x.values.copy()})


def add_rows(make):
    x, out = (make.rows(make.values(SAMPLES, WIDTH), padding=0) for _ in range(2))
    want = {"out": x.values.astype(float) + out.values}
    operands = {"out": out.block, "other": x.block}
    return of_rows(elementwise.add_rows, operands, {"out": out}, want)


def scale_rows(make):
    x, out, row = make.rows(make.values(SAMPLES, WIDTH)), make.empty(), vectors(make, "mean")
    row |= vectors(make, "factor")
    want = {"out": (x.values - float_of(row["mean"])) * float_of(row["factor"])}
    operands = {"out": out.block, "x": x.block, **row}
    return of_rows(elementwise.scale_rows, operands, {"out": out}, want)


def scale_backward(make):
    x, d = (make.rows(make.values(SAMPLES, WIDTH)) for _ in range(2))
    row, dout = vectors(make, "factor"), d.values.astype(float)
    want = {"dx": dout * float_of(row["factor"]), "products": dout * x.values}
    operands = {"dx": d.block, "products": x.block, **row}
    return of_rows(elementwise.scale_backward, operands, {"dx": d, "products": x}, want)


def prelu_forward(make):
    x, out, row = make.rows(make.values(SAMPLES, WIDTH)), make.empty(), vectors(make, "slope")
    z = x.values.astype(float)
    want = {"out": np.where(z > 0, z, float_of(row["slope"]) * z)}
    operands = {"out": out.block, "x": x.block, **row}
    return of_rows(elementwise.prelu_forward, operands, {"out": out}, want)


def prelu_backward(make):
    x, d = (make.rows(make.values(SAMPLES, WIDTH)) for _ in range(2))
    row, z, dout = vectors(make, "slope"), x.values.astype(float), d.values.astype(float)
    want = {
        "dx": np.where(z > 0, dout, float_of(row["slope"]) * dout),
        "products": dout * np.minimum(z, 0),
    }
    operands = {"dx": d.block, "products": x.block, **row}
    return of_rows(elementwise.prelu_backward, operands, {"dx": d, "products": x}, want)


def mix_rows(make):
    out, other = (make.rows(make.values(SAMPLES, WIDTH), padding=0) for _ in range(2))
    want = {"out": SHARE * out.values.astype(float) + (1 - SHARE) * other.values}
    operands = {"out": out.block, "other": other.block}
    settings = {records.MIX: SHARE}
    return of_rows(mix.mix_rows, operands, {"out": out}, want, settings=settings)


def mix_values(make):
    out, other = make.random.normal(size=(2, SAMPLES))
    want = {"out": SHARE * out + (1 - SHARE) * other}
    return Case(
        *(mix.mix_values, {"out": out, "other": other}, {"out": always(out)}, want, BY_ROWS),
        settings={records.MIX: SHARE},
    )


def dropout(make):
    rate, x, slopes = 0.25, activated(make), activated(make)
    mask = reference_layers.dropout_mask(rate, SAMPLES, WIDTH, seed=5, step=4, layer=2)
    operands = {
        "out": x.block, "slopes": slopes.memory, "key": KEY * [1, 0], "layer": 2,
        "derivative_constants": np.zeros(1, make.dtype), "dropped": round(rate * 2**32),
        "factor": 1 / (1 - rate), "low": 0.0, "high": 0.0, "has_slopes": 1,
    }  # fmt: skip
    want = {"out": x.values * mask, "slopes": slopes.values * mask}
    found = {"out": always(x.values), "slopes": always(slopes.values)}
    settings, scratch = {records.STREAM: 4}, WIDTH + 3
    return Case(noise.dropout, operands, found, want, BY_ROWS, (), settings, scratch)


def gaussian_noise(make):
    x = activated(make)
    drawn = reference_layers.gaussian_noise(SAMPLES, WIDTH, seed=5, step=4, layer=2)
    operands = {"out": x.block, "key": KEY * [1, 0], "layer": 2, "deviation": 0.3}
    want, settings = {"out": x.values + 0.3 * drawn}, {records.STREAM: 4}
    found = {"out": always(x.values)}
    return Case(noise.gaussian_noise, operands, found, want, BY_ROWS, (), settings, WIDTH + 3)


def rescale_rows(make):
    x, out = make.rows(make.values(SAMPLES, WIDTH)), make.empty()
    names = "before", "factor", "divisor", "after"
    row = {name: make.random.uniform(0.5, 2, WIDTH) for name in names}
    row |= {"low": np.full(WIDTH, 1.0), "high": np.full(WIDTH, 3.0)}
    scaled = (x.values + row["before"]) * row["factor"] / row["divisor"] + row["after"]
    operands = {"out": out.block, "x": x.block, **row}
    return of_rows(rescale.rescale_rows, operands, {"out": out}, {"out": np.clip(scaled, 1, 3)})


CASES = [
    *(gather_dense, gather_bytes, reshape_rows, gather_reshaped),
    *(loss_gradient, loss_gradient_of_samples_of_rows),
    *(known_loss_gradient, known_loss_gradient_of_samples_of_rows, pick, sum_losses),
    *(emit_outputs, emit_both, emit_largest, emit_above_half, emit_rows),
    *(activate_rows, differentiate),
    *(parametric_alone, parametric_with_slopes, parametric_by_its_output),
    *(copy_rows, add_rows, scale_rows, scale_backward, prelu_forward, prelu_backward),
    *(mix_rows, mix_values, dropout, gaussian_noise, rescale_rows),
]

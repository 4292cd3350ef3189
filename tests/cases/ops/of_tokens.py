"""Cases of the ops on tokens, and of tables that are also the weights of a product."""

import numpy as np
from cases.ops.of_products import COUNT, FAN_IN, SIZE
from cases.ops.of_updates import gradients, summed, with_more
from fusednn.kernels import records
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.ops import next_tokens
from fusednn.kernels.ops.products import tied, tokens
from oracles import reference_layers
from running.blocks import block_of
from running.op_cases import BY_ROWS, ONCE, OUTPUTS, SAMPLES, Case, always, update_case
from scipy.special import softmax

from fusednn.plan.layout.forms import Table
from fusednn.plan.layout.turned_panels import TurnedHalves, TurnedIntegers, TurnedPanels
from fusednn.plan.memory.buffers import aligned_zeros

STEPS = SAMPLES // 3


def token_data(make):
    """Samples of five codes as int16, some out of range, in rows of seven."""
    return make.random.randint(-2, COUNT + 2, size=(SAMPLES + 9, 7)).astype(np.int16)[:, :5]


def embed_tokens(make):
    data, order, steps = token_data(make), make.order(), 5
    form, out = Table(COUNT, SIZE, make.dtype), make.empty(SIZE, SAMPLES * steps)
    table = make.values(*form.shape)
    flat = make.packed(form, table)
    flat.reshape(-1, form.stride)[:, form.shape[1] :] = make.fill
    operands = {
        "out": out.block._replace(positions=steps).by_sample, "out_row": out.stride,
        "data": block_of(data), "kind": 1 + tokens.INTEGERS.index("int16"), "order": order,
        "steps": steps, "count": COUNT, "table": flat, "table_row": form.stride,
    }  # fmt: skip
    want = {"out": table[np.clip(data[order], 0, COUNT - 1).reshape(-1)]}
    found = {"out": always(out.values)}
    return Case(tokens.embed_tokens, operands, found, want, BY_ROWS, (out,))


def embed_columns(make):
    """Full panels, and narrow ones behind them."""
    return look_ups(make, TurnedPanels(COUNT, SIZE, make.dtype))


def embed_half_columns(make):
    """Words of two columns; float64 networks have none."""
    return look_ups(make, TurnedHalves(COUNT, SIZE))


def embed_integer_columns(make):
    return look_ups(make, TurnedIntegers(COUNT, SIZE))


embed_half_columns.dtypes = embed_integer_columns.dtypes = [np.float32]


def look_ups(make, form):
    """Lookups in a table of a form, which may have rounded it."""
    data, order, steps = token_data(make), make.order(), 5
    out, table = make.empty(SIZE, SAMPLES * steps), make.values(*form.shape)
    flat = make.packed(form, table)
    form.unpack(table, flat)
    operands = {
        "out": out.block._replace(positions=steps).by_sample, "out_row": out.stride,
        "data": block_of(data), "kind": 1 + tokens.INTEGERS.index("int16"), "order": order,
        "steps": steps, "count": COUNT, **form.look_up_operands(flat),
    }  # fmt: skip
    want = {"out": table[np.clip(data[order], 0, COUNT - 1).reshape(-1)]}
    found = {"out": always(out.values)}
    return Case(tied.embed_columns, operands, found, want, BY_ROWS, (out,))


def count_tokens(make):
    data, order = np.abs(token_data(make)) // 2 * 2, make.order()
    found = np.full(SAMPLES, -1)
    operands = {
        "data": block_of(data), "kind": 1 + tokens.INTEGERS.index("int16"), "order": order,
        "steps": 5, "count": 2, "counts": found, "padding": 0,
    }  # fmt: skip
    ends = [np.flatnonzero(row) for row in data[order]]
    want = {"counts": np.array([end[-1] + 1 if len(end) else 1 for end in ends])}
    return Case(tokens.count_tokens, operands, {"counts": always(found)}, want, BY_ROWS)


def sort_tokens(make):
    data, order = token_data(make), make.order()
    starts, rows = np.full(COUNT + 1, -1), np.full(5 * SAMPLES, -1, np.int32)
    operands = {
        "data": block_of(data), "kind": 1 + tokens.INTEGERS.index("int16"), "order": order,
        "steps": 5, "starts": starts, "entry_rows": rows, "left_out": 3, "count": COUNT,
    }  # fmt: skip
    codes = np.clip(data[order], 0, COUNT - 1).reshape(-1)
    listed = [np.flatnonzero(codes == code) for code in range(COUNT)]
    listed[3] = listed[3][:0]
    sums = np.cumsum([0, *map(len, listed)])
    found = {"starts": always(starts), "rows": always(rows[: sums[-1]])}
    want = {"starts": sums, "rows": np.concatenate(listed)}
    return Case(tokens.sort_tokens, operands, found, want, ONCE)


def with_lookups(make, op, form, case):
    """The update of a table whose product has this case, with the lookups of each code."""
    codes = make.random.randint(COUNT, size=SAMPLES)
    codes[codes == 5] = 6  # a code that no step has
    starts, rows = reference_layers.sort_codes(codes, COUNT)
    dout = make.rows(make.values(SAMPLES, FAN_IN))
    more = {
        "dout": dout.block, "starts": starts.astype(np.int64), "count": COUNT,
        "entry_rows": rows.astype(np.int32),
    }  # fmt: skip
    lookups = np.zeros(form.shape)
    np.add.at(lookups, codes, dout.values.astype(float))
    return with_more(make, op, form, case, lookups, more)


def update_tied(make):
    form = TurnedPanels(COUNT, FAN_IN, make.dtype)
    x, dz, gradient = gradients(make, FAN_IN, COUNT)
    operands = {"x": x.block, "dz": dz.block, "zeros": aligned_zeros(512, make.dtype)}
    case = update_case(make, form.update_op, form, gradient.T, operands)
    return with_lookups(make, tied.update_tied, form, case)


def update_tied_partials(make):
    form = TurnedPanels(COUNT, FAN_IN, make.dtype)
    return with_lookups(make, tied.update_tied_partials, form, summed(make, form))


def next_token_loss(make):
    """Windows that overlap, from places in a random order."""
    codes = make.random.randint(OUTPUTS, size=SAMPLES + STEPS).astype(np.uint16)
    z, dz, losses = make.rows(make.values(SAMPLES, OUTPUTS)), make.empty(OUTPUTS), np.zeros(3)
    order = np.array([5, 2, SAMPLES - 1])
    operands = {
        "dlogits": dz.block._replace(width=dz.padded, positions=STEPS), "losses": losses,
        "row_losses": np.full(SAMPLES, make.fill), "order": order,
        "logits": z.block._replace(positions=STEPS), "constants": np.array([0, 99], make.dtype),
        "codes": block_of(codes[1:, np.newaxis]), "kind": 1 + tokens.INTEGERS.index("uint16"),
        "function": (LOSSES["softmax"].function, "loss"),
    }  # fmt: skip
    targets = codes[1 + order[:, np.newaxis] + np.arange(STEPS)].reshape(-1)
    shares = softmax(z.values.astype(float), axis=1)
    rows = np.arange(SAMPLES)
    nll = -np.log(shares[rows, targets])
    shares[rows, targets] -= 1
    want = {"dz": 0.5 * shares, "losses": nll.reshape(3, STEPS).sum(axis=1)}
    found = {"dz": always(dz.values), "losses": always(losses)}
    splits = [(0, SAMPLES)], [(0, STEPS), (STEPS, SAMPLES)]
    settings = {records.SCALE: 0.5}
    return Case(next_tokens.next_token_loss, operands, found, want, splits, (dz,), settings, 512)


CASES = [
    next_token_loss,
    *(embed_tokens, count_tokens, sort_tokens),
    *(embed_columns, embed_half_columns, embed_integer_columns),
    *(update_tied, update_tied_partials),
]

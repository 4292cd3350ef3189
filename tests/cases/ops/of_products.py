"""Cases of the ops that multiply by parameters or look them up."""

import numpy as np
from fusednn.kernels.intrinsics.integers import DOT
from fusednn.kernels.ops.products import embedding, sparse
from oracles import reference_layers
from running.op_cases import (
    BY_ROWS,
    ONCE,
    OUTPUTS,
    SAMPLES,
    WIDTH,
    Case,
    always,
    unpacked,
)
from scipy.sparse import csr_matrix

from fusednn.plan.layout.forms import Panels, Table, Vectors
from fusednn.plan.layout.rounded_weights import Halves, Integers
from fusednn.plan.memory.buffers import address_of, aligned_zeros

FAN_IN, FAN_OUT = 70, 37
"""Several tiles and panels, the last ones not whole."""
COUNT, SIZE = 70, 5
"""Vectors of a table, more than one task takes."""


def forward(make, form, **more):
    """out = max(x w + b, 0) by a form's forward op."""
    fan_in, fan_out = form.shape
    x, out = make.rows(make.values(SAMPLES, fan_in)), make.empty(fan_out)
    w, b = make.values(*form.shape), make.values(fan_out)
    operands = {
        "out": out.block, "x": x.block, "w": make.packed(form, w), "b": make.vector(b),
        "floor": 0.0, **form.forward_operands(), **more,
    }  # fmt: skip
    want = np.maximum(x.values.astype(float) @ w + b, 0)
    found = {"out": always(out.values)}
    return Case(form.forward_op, operands, found, {"out": want}, BY_ROWS, (out,))


def dense_forward(make):
    return forward(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def narrow_forward(make):
    """It has no floor, and writes no padding."""
    case = forward(make, Vectors(FAN_IN, OUTPUTS, make.dtype))
    rows, w, b = (case.operands[name] for name in ("x", "w", "b"))
    x = rows.values[:, :FAN_IN].astype(float)
    want = x @ unpacked(Vectors(FAN_IN, OUTPUTS, make.dtype), w) + b[:OUTPUTS]
    return case._replace(want={"out": want}, zeros=())


def plain_forward(make):
    form = Panels(FAN_IN, FAN_OUT, make.dtype)
    case = forward(make, form)
    w = unpacked(form, case.operands["w"])
    case.operands.update(w=w, **form.forward_operands(plain=True))
    return case._replace(op=form.plain_op, zeros=())


def backward(make, form, w_transposed):
    """dx = dz w^T by a form's backward op."""
    w, zeros = make.values(*form.shape), aligned_zeros(256, make.dtype)
    dz, dx = make.rows(make.values(SAMPLES, form.fan_out)), make.empty(form.fan_in)
    operands = {
        "dx": dx.block, "dz": dz.block, "zeros": zeros, "w_transposed": w_transposed(form, w),
        **form.backward_operands(),
    }  # fmt: skip
    want = {"dx": dz.values.astype(float) @ w.T}
    return Case(form.backward_op, operands, {"dx": always(dx.values)}, want, BY_ROWS, (dx,))


def dense_backward(make):
    def transposed(form, w):
        flat = aligned_zeros(form.transposed_count, make.dtype)
        form.pack_transposed(flat, w)
        return flat

    return backward(make, Panels(FAN_IN, FAN_OUT, make.dtype), transposed)


def mirrored_forward(make):
    """A layer with the transposed weights of another: the backward op with a bias."""
    case = dense_backward(make)
    b = make.values(FAN_IN)
    operands = {**case.operands, "zeros": make.vector(b)}
    return case._replace(operands=operands, want={"dx": case.want["dx"] + b})


def narrow_backward(make):
    return backward(make, Vectors(FAN_IN, OUTPUTS, make.dtype), make.packed)


def whole_numbers(make, form, more):
    """Rows and weights whose rounded forms are exact, so that the product is."""
    x = make.rows(make.random.randint(256, size=(SAMPLES, WIDTH)))
    x.values[:, 0] = 255
    w = make.random.randint(-127, 128, size=form.shape)
    w[0] = 127
    flat, b, out = make.packed(form, w), make.vector(make.values(form.shape[1])), make.empty(19)
    operands = {
        "out": out.block, "x": x.block, "w": flat, "b": b, "floor": 0.0,
        **form.forward_operands(), **more(flat),
    }  # fmt: skip
    want = {"out": np.maximum(x.values.astype(float) @ w + b[:19], 0)}
    found = {"out": always(out.values)}
    return Case(form.forward_op, operands, found, want, BY_ROWS, (out,))


def half_forward(make):
    return whole_numbers(make, Halves(WIDTH, 19), lambda flat: {})


def integer_forward(make):
    form = Integers(WIDTH, 19)

    def more(flat):
        w, factors, sums = form.parts(flat)
        return {
            "w": w, "factors": factors, "sums": sums, "rounded_stride": 16,
            "rounded": np.full((SAMPLES, 16), 1 << 20, np.int32),
            "zeros": np.full(SAMPLES, 1 << 20, np.int32),
            "scales": np.full(SAMPLES, make.fill, make.dtype),
        }  # fmt: skip

    return whole_numbers(make, form, more)


half_forward.dtypes = [np.float32]
integer_forward.dtypes = [] if DOT is None else [np.float32]


def sparse_data(make, width):
    """A CSR matrix with rows that are empty, the order of its samples, and the batch."""
    data = make.values(SAMPLES + 9, width)
    data[make.random.uniform(size=data.shape) < 0.7] = 0
    data[::7] = 0
    matrix, order = csr_matrix(data), make.order()
    operands = {
        "values": matrix.data, "indices": matrix.indices.astype(np.int32),
        "pointers": matrix.indptr.astype(np.int64), "order": order,
    }  # fmt: skip
    return operands, data[order].astype(float)


def csr_forward(make):
    form = Panels(FAN_IN, FAN_OUT, make.dtype)
    case, (operands, batch) = forward(make, form), sparse_data(make, FAN_IN)
    kept = {name: value for name, value in case.operands.items() if name != "x"}
    w, b = unpacked(form, kept["w"]).astype(float), kept["b"][:FAN_OUT]
    want = {"out": np.maximum(batch @ w + b, 0)}
    return case._replace(op=sparse.csr_forward, operands={**kept, **operands}, want=want)


def columns_of(batch):
    """STARTS, and the rows and values of the elements of each column in turn."""
    columns = [np.flatnonzero(column) for column in batch.T]
    rows = np.concatenate(columns)
    values = np.concatenate([c[at] for c, at in zip(batch.T, columns, strict=True)])
    return np.cumsum([0, *map(len, columns)]), rows, values


def batch_columns(make):
    operands, batch = sparse_data(make, FAN_IN)
    want = dict(zip(("starts", "rows", "values"), columns_of(batch), strict=True))
    count = len(want["rows"])
    starts, rows = np.full(FAN_IN + 1, -1), np.full(count, -1, np.int32)
    values = np.full(count, make.fill, make.dtype)
    operands |= {"starts": starts, "entry_rows": rows, "entry_values": values, "fan_in": FAN_IN}
    found = {"starts": always(starts), "rows": always(rows), "values": always(values)}
    return Case(sparse.batch_columns, operands, found, want, ONCE)


# -- embeddings --------------------------------------------------------------------------------

PLAIN = np.array([4, 0, 2])


def coded_data(make, counts=(COUNT, 4)):
    """Samples with codes in columns 1 and 3, some of them NaN or out of range."""
    data = make.values(SAMPLES + 9, WIDTH)
    for column, count in zip((1, 3), counts, strict=True):
        data[:, column] = make.random.randint(-2, count + 2, size=len(data))
    data[2, 1] = np.nan
    return data


def codes_of(data, column, count):
    return [reference_layers.code_of(value, count) for value in data[:, column]]


def embed_rows(make):
    data, order = coded_data(make), make.order()
    forms = [Table(COUNT, SIZE, make.dtype), Table(4, 2, make.dtype)]
    tables = [make.values(*form.shape) for form in forms]
    flats = [make.packed(form, table) for form, table in zip(forms, tables, strict=True)]
    for form, flat in zip(forms, flats, strict=True):
        flat.reshape(-1, form.stride)[:, form.shape[1] :] = make.fill
    out = make.empty(3 + SIZE + 2)
    words = [
        [address_of(flats[0]), 1, COUNT, SIZE, forms[0].stride, 3],
        [address_of(flats[1]), 3, 4, 2, forms[1].stride, 3 + SIZE],
    ]
    operands = {
        "data": make.data(data), "order": order, "out": out.block, "plain": PLAIN,
        "n_plain": 3, "tables": np.array(words, np.int64), "n_tables": 2,
    }  # fmt: skip
    pairs = list(zip(tables, (1, 3), strict=True))
    want = {"out": reference_layers.embed_rows(data, order, PLAIN, pairs)}

    def found(program, tables=flats):  # whose addresses are in the words
        return out.values.copy()

    return Case(embedding.embed_rows, operands, {"out": found}, want, BY_ROWS, (out,))


def embed_backward(make):
    dout, dx = make.rows(make.values(SAMPLES, 10)), make.empty()
    operands = {"dx": dx.block, "dout": dout.block, "plain": PLAIN, "n_plain": 3}
    want = np.zeros((SAMPLES, WIDTH))
    want[:, PLAIN] = dout.values[:, :3]
    found = {"dx": always(dx.values)}
    return Case(embedding.embed_backward, operands, found, {"dx": want}, BY_ROWS, (dx,))


def sort_codes(make):
    data, order = coded_data(make), make.order()
    starts, rows = np.full(COUNT + 1, -1), np.full(SAMPLES, -1, np.int32)
    operands = {
        "data": make.data(data), "order": order, "starts": starts, "entry_rows": rows,
        "column": 1, "count": COUNT,
    }  # fmt: skip
    sorted_codes = reference_layers.sort_codes(codes_of(data[order], 1, COUNT), COUNT)
    found = {"starts": always(starts), "rows": always(rows)}
    want = dict(zip(found, sorted_codes, strict=True))
    return Case(embedding.sort_codes, operands, found, want, ONCE)


CASES = [
    *(dense_forward, plain_forward, dense_backward, mirrored_forward),
    *(narrow_forward, narrow_backward),
    *(half_forward, integer_forward, csr_forward, batch_columns),
    *(embed_rows, embed_backward, sort_codes),
]

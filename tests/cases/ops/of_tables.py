"""Cases of the ops on columns of tables."""

import numpy as np
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.ops.tabular import bins, periodic
from oracles.interpreted_tabular import Tabular
from running.op_cases import BY_CHUNKS, SAMPLES, WIDTH, Case, of_rows

from fusednn.plan.layout.forms import Column
from fusednn.plan.memory.buffers import aligned_zeros, padded

CHOSEN = (1, 4, 5, 20)
PLAIN = np.setdiff1d(np.arange(WIDTH), CHOSEN)
FREQUENCIES, SUMS = 19, 3


def read(make, is_plr):
    """Operands of all three ops, and the same by the interpreter's names."""
    m = len(CHOSEN)
    values = {
        "w": make.values(m, FREQUENCIES),
        "b": None if is_plr else make.values(m, FREQUENCIES),
        "v": make.values(SUMS * (2 if is_plr else 1), m, FREQUENCIES),
    }
    x = make.rows(make.values(SAMPLES, WIDTH))
    packed = {
        name: None if one is None else make.packed(Column(one.shape, make.dtype), one)
        for name, one in values.items()
    }
    operands = {
        "x": x.block, **packed, "columns": np.array(CHOSEN, np.int64), "n_columns": m,
        "frequencies": FREQUENCIES, "frequency_row": padded(FREQUENCIES, make.dtype),
        "sums": SUMS, "n_plain": len(PLAIN),
    }  # fmt: skip
    given = {"x": x.values, "columns": CHOSEN, **values}
    wide = {name: wide_of(one) for name, one in given.items()}
    return operands, wide, periodic.ROWS_OF_SCRATCH * m * padded(FREQUENCIES, make.dtype)


def wide_of(value):
    return value.astype(float) if isinstance(value, np.ndarray) else value


def out_width(is_plr):
    return len(PLAIN) + len(CHOSEN) * (SUMS + (not is_plr))


def forward(make, is_plr):
    operands, given, scratch = read(make, is_plr)
    c, out = make.values(SUMS, len(CHOSEN)), make.empty(out_width(is_plr))
    operands |= {
        "out": out.block, "c": make.packed(Column(c.shape, make.dtype), c),
        "column_row": padded(len(CHOSEN), make.dtype), "plain": PLAIN,
    }  # fmt: skip
    want = Tabular().periodic_forward(**given, c=c.astype(float))
    return of_rows(periodic.periodic_forward, operands, {"out": out}, want, scratch=scratch)


def back(make, is_plr):
    """The operands of the ways back."""
    operands, given, scratch = read(make, is_plr)
    dout = make.rows(make.values(SAMPLES, out_width(is_plr)))
    out = make.rows(make.values(SAMPLES, out_width(is_plr))) if is_plr else None
    operands |= {"dout": dout.block, "out": out.block if out else None}
    given |= {"dout": dout.values.astype(float), "out": out.values.astype(float) if out else None}
    return operands, given, scratch


def backward(make, is_plr):
    operands, given, scratch = back(make, is_plr)
    dx = make.empty()
    operands |= {"dx": dx.block, "plain": PLAIN}
    want = Tabular().periodic_backward(**given)
    return of_rows(periodic.periodic_backward, operands, {"dx": dx}, want, scratch=scratch)


def sums(make, is_plr):
    operands, given, scratch = back(make, is_plr)
    forms = {
        "dw": Column((len(CHOSEN), FREQUENCIES), make.dtype),
        "dv": Column(given["v"].shape, make.dtype),
        "dc": Column((SUMS, len(CHOSEN)), make.dtype),
    }
    if not is_plr:
        forms["db"] = forms["dw"]
    operands["column_row"] = forms["dc"].stride
    single = single_sums(Tabular().periodic_sums, given)
    return sums_case(make, periodic.periodic_sums, operands, forms, single, scratch)


def sums_case(make, op, operands, forms, single, scratch):
    """A case of an op that writes sums of each chunk, from the gradients of single samples."""
    chunks = -(-SAMPLES // MICRO_ROWS)
    memory = {name: aligned_zeros(chunks * form.count, make.dtype) for name, form in forms.items()}
    for one in memory.values():
        one[:] = make.fill
    found = {name: unpacked(forms[name], one, chunks) for name, one in memory.items()}
    want = {
        name: np.array([part.sum(axis=0) for part in chunked(values)])
        for name, values in single.items()
    }
    return Case(op, {**operands, **memory}, found, want, BY_CHUNKS, scratch=scratch)


def unpacked(form, flat, chunks):
    """Reads the sums of all chunks, as users see a parameter."""

    def read_all(program):
        arrays = np.empty((chunks, *form.shape), form.dtype)
        for array, part in zip(arrays, flat.reshape(chunks, -1), strict=True):
            form.unpack(array, part)
        return arrays

    return read_all


def single_sums(sums_of, given):
    """The gradients of each sample by itself."""
    samples = [
        sums_of(
            **{
                name: one[i : i + 1] if name in ("x", "dout", "out") and one is not None else one
                for name, one in given.items()
            }
        )
        for i in range(SAMPLES)
    ]
    return {name: np.concatenate([one[name] for one in samples]) for name in samples[0]}


def chunked(values):
    return np.split(values, range(MICRO_ROWS, SAMPLES, MICRO_ROWS))


def pbld_forward(make):
    return forward(make, False)


def plr_forward(make):
    return forward(make, True)


def pbld_backward(make):
    return backward(make, False)


def plr_backward(make):
    return backward(make, True)


def pbld_sums(make):
    return sums(make, False)


def plr_sums(make):
    return sums(make, True)


# -- bins ------------------------------------------------------------------------------------

BINS, SIZE = (3, 1, 5, 2), 19
MANY_BINS = 16, 1, 37, 20
"""As many as fill vectors of any shape, and more."""


def read_bins(make, with_tables=False, bins=BINS):
    """Operands of all ops on bins, and the same by the interpreter's names."""
    m = len(CHOSEN)
    edges = np.concatenate([np.sort(make.values(count + 1)) for count in bins])
    x = make.rows(make.values(SAMPLES, WIDTH))
    x.values[:3, CHOSEN[0]] = edges[0], edges[3], edges[1]
    operands = {
        "x": x.block, "edges": make.vector(edges), "columns": np.array(CHOSEN, np.int64),
        "starts": np.cumsum([0, *bins]), "n_columns": m, "n_plain": len(PLAIN),
    }  # fmt: skip
    given = {"x": x.values, "edges": edges}
    if with_tables:
        shapes = {"w": (m, SIZE), "v": (sum(bins), SIZE), "b": (m, SIZE)}
        values = {name: make.values(*shape) for name, shape in shapes.items()}
        operands |= {
            name: make.packed(Column(one.shape, make.dtype), one) for name, one in values.items()
        }
        operands |= {"length": SIZE, "row": padded(SIZE, make.dtype)}
        given |= values
    wide = {name: wide_of(one) for name, one in given.items()}
    return operands, {**wide, "columns": CHOSEN, "bins": bins}


def encode_bins(make, each=BINS):
    (operands, given), out = read_bins(make, bins=each), make.empty(len(PLAIN) + sum(each))
    operands |= {"out": out.block, "plain": PLAIN}
    return of_rows(bins.encode_bins, operands, {"out": out}, Tabular().encode_bins(**given))


def encode_many_bins(make):
    return encode_bins(make, MANY_BINS)


def embed_bins(make):
    operands, given = read_bins(make, True)
    out = make.empty(len(PLAIN) + len(CHOSEN) * SIZE)
    operands |= {"out": out.block, "plain": PLAIN}
    want, scratch = Tabular().embed_bins(**given), operands["row"]
    return of_rows(bins.embed_bins, operands, {"out": out}, want, scratch=scratch)


def gradient(make, width):
    dout = make.rows(make.values(SAMPLES, len(PLAIN) + width))
    return dout.block, dout.values.astype(float)


def encode_bins_backward(make):
    (operands, given), dx = read_bins(make), make.empty()
    operands["dout"], given["dout"] = gradient(make, sum(BINS))
    operands |= {"dx": dx.block, "plain": PLAIN}
    want = Tabular().encode_bins_backward(**given)
    return of_rows(bins.encode_bins_backward, operands, {"dx": dx}, want)


def embed_bins_backward(make):
    (operands, given), dx = read_bins(make, True), make.empty()
    operands["dout"], given["dout"] = gradient(make, len(CHOSEN) * SIZE)
    for one in (operands, given):
        del one["b"]
    operands |= {"dx": dx.block, "plain": PLAIN}
    want = Tabular().embed_bins_backward(**given)
    return of_rows(bins.embed_bins_backward, operands, {"dx": dx}, want)


def embed_bins_sums(make):
    operands, given = read_bins(make)
    operands["dout"], given["dout"] = gradient(make, len(CHOSEN) * SIZE)
    forms = {
        "dw": Column((len(CHOSEN), SIZE), make.dtype),
        "db": Column((len(CHOSEN), SIZE), make.dtype),
        "dv": Column((sum(BINS), SIZE), make.dtype),
    }
    operands |= {"length": SIZE, "row": forms["dw"].stride}
    single = single_sums(Tabular().embed_bins_sums, given)
    return sums_case(make, bins.embed_bins_sums, operands, forms, single, forms["dw"].stride)


CASES = [
    *(pbld_forward, plr_forward, pbld_backward, plr_backward, pbld_sums, plr_sums),
    *(
        encode_bins,
        encode_many_bins,
        encode_bins_backward,
        embed_bins,
        embed_bins_backward,
        embed_bins_sums,
    ),
]

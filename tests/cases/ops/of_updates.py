"""Cases of the ops that change parameters: updates, clipping, averages, lengths."""

import numpy as np
from cases.ops.of_products import (
    COUNT,
    FAN_IN,
    FAN_OUT,
    SIZE,
    coded_data,
    codes_of,
    columns_of,
    sparse_data,
)
from fusednn.kernels import records
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products import embedding, mirrored, sparse
from fusednn.kernels.ops.products.partials import CHUNK_ROWS
from fusednn.kernels.ops.updates import average, clip, finite, update
from oracles import reference_layers
from running.op_cases import (
    ONCE,
    OUTPUTS,
    RATE,
    SAMPLES,
    Case,
    always,
    unpacked,
    update_case,
)

from fusednn.plan.layout.forms import Column, Panels, Table, Vectors
from fusednn.plan.memory.buffers import aligned_zeros

LONG = 304
"""Several parts of a vector, and whole vectors of every instruction set."""


def gradients(make, fan_in, fan_out):
    """Rows of the batch, and the product that is the gradient of a matrix."""
    x = make.rows(make.values(SAMPLES, fan_in))
    dz = make.rows(make.values(SAMPLES, fan_out), padding=0)
    return x, dz, x.values.astype(float).T @ dz.values


def updated(make, form):
    """The update of a matrix from rows of the batch."""
    x, dz, gradient = gradients(make, *form.shape)
    operands = {"x": x.block, "dz": dz.block, "zeros": aligned_zeros(512, make.dtype)}
    return update_case(make, form.update_op, form, gradient, operands)


def with_more(make, op, form, case, gradient, operands):
    """The update of an op that adds a gradient to that of a case."""
    want = {**case.want, "w": case.want["w"] - RATE * gradient}
    if "transposed" in want:
        want["transposed"] = aligned_zeros(form.transposed_count, make.dtype)
        form.pack_transposed(want["transposed"], want["w"])
    return case._replace(op=op, operands={**case.operands, **operands}, want=want)


def update_weights(make):
    return updated(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def update_mirrored(make):
    """With other rows of two layers: each sample has two of the second's."""
    rows, form = 2 * SAMPLES, Panels(FAN_IN, FAN_OUT, make.dtype)
    case = updated(make, form)
    dz = make.rows(make.values(rows, FAN_IN))
    x = make.rows(make.values(rows, FAN_OUT), padding=0)
    gradient = dz.values.astype(float).T @ x.values
    more = {"turned_x": x.block, "turned_dz": dz.block, "turned_rows": 2}
    return with_more(make, mirrored.update_mirrored, form, case, gradient, more)


def update_narrow(make):
    return updated(make, Vectors(LONG, OUTPUTS, make.dtype))


def applied(make, form):
    """The update of a parameter from a gradient in memory."""
    gradient = make.values(*form.shape)
    operands = {"gradient": make.packed(form, gradient)}
    return update_case(make, form.apply_op, form, gradient, operands)


def apply_gradient(make):
    return applied(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def apply_narrow(make):
    return applied(make, Vectors(LONG, OUTPUTS, make.dtype))


def apply_table(make):
    return applied(make, Table(COUNT, SIZE, make.dtype))


def apply_bias(make):
    return applied(make, Column(LONG, make.dtype))


def apply_decaying(make):
    return applied(make, Column((2, LONG // 2), make.dtype, decays=True))


def update_bias(make):
    dz = make.rows(make.values(SAMPLES, LONG), padding=0)
    operands = {
        "dz": dz.block, "ones": np.ones(1, make.dtype), "zeros": aligned_zeros(512, make.dtype)
    }  # fmt: skip
    gradient = dz.values.astype(float).sum(axis=0)
    return update_case(make, update.update_bias, Column(LONG, make.dtype), gradient, operands)


def update_decaying(make):
    """A vector of more than one part, to which decay applies."""
    size = 5 * LONG
    dz = make.rows(make.values(SAMPLES, size), padding=0)
    operands = {
        "dz": dz.block, "ones": np.ones(1, make.dtype), "zeros": aligned_zeros(512, make.dtype)
    }  # fmt: skip
    gradient, form = dz.values.astype(float).sum(axis=0), Column(size, make.dtype, decays=True)
    return update_case(make, update.update_bias, form, gradient, operands)


def summed(make, form):
    """The update from the sums of chunks; those beyond the batch are no values."""
    chunks = -(-SAMPLES // CHUNK_ROWS)
    values = make.values(chunks, *form.shape)
    memory = aligned_zeros((chunks + 1) * form.count, make.dtype)
    memory[chunks * form.count :] = make.fill
    for part, chunk in zip(memory.reshape(chunks + 1, -1), values, strict=False):
        form.pack(part, chunk)
    operands = {"partials": memory, "chunk": form.count}
    return update_case(make, form.partials_op, form, values.astype(float).sum(axis=0), operands)


def update_partials(make):
    return summed(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def update_vector_partials(make):
    return summed(make, Column(LONG, make.dtype))


def update_decaying_partials(make):
    return summed(make, Column((2, LONG // 2), make.dtype, decays=True))


def update_runs(make):
    """A convolution: samples of seven rows, three runs of two, each by the rows at two taps."""
    positions, runs, length, taps = 7, 3, 2, [0, 1]
    x = make.rows(make.values(SAMPLES * positions, FAN_IN // 2))
    dz = make.rows(make.values(SAMPLES * positions, FAN_OUT), padding=0)
    rows, slopes = (one.values.astype(float).reshape(SAMPLES, positions, -1) for one in (x, dz))
    gradient = 0.0
    for run in range(runs):
        for row in range(length):
            left = np.hstack([rows[:, 2 * run + row + tap] for tap in taps])
            gradient = gradient + left.T @ slopes[:, run + 2 * row]
    operands = {
        "x": x.memory, "dz": dz.memory, "zeros": aligned_zeros(512, make.dtype),
        "taps": np.array(taps, np.int64) * x.stride, "tap_size": FAN_IN // 2, "runs": runs,
        "block_rows": update.TILE_ROWS, "block_columns": SHAPE.panel(x.memory.itemsize),
        "length": length, "x_sample": positions * x.stride, "x_run": 2 * x.stride,
        "x_row": x.stride, "dz_sample": positions * dz.stride, "dz_run": dz.stride,
        "dz_row": 2 * dz.stride,
    }  # fmt: skip
    form = Panels(FAN_IN, FAN_OUT, make.dtype)
    return update_case(make, form.runs_op, form, gradient, operands)


def update_runs_of_series(make):
    """A recurrence: the steps of each series but its first, of which some have no other."""
    positions = 7
    lengths = make.random.randint(1, positions + 1, size=SAMPLES)
    x = make.rows(make.values(SAMPLES * positions, FAN_IN))
    dz = make.rows(make.values(SAMPLES * positions, FAN_OUT), padding=0)
    rows, slopes = (one.values.astype(float).reshape(SAMPLES, positions, -1) for one in (x, dz))
    gradient = 0.0
    for own, before, after in zip(lengths, rows, slopes, strict=True):
        gradient = gradient + before[: own - 1].T @ after[1:own]
    operands = {
        "x": x.memory, "dz": dz.memory[dz.stride :], "zeros": aligned_zeros(512, make.dtype),
        "taps": np.zeros(1, np.int64), "tap_size": FAN_IN, "runs": 1, "lengths": lengths,
        "block_rows": update.TILE_ROWS, "block_columns": SHAPE.panel(x.memory.itemsize),
        "length": positions - 1, "steps": positions, "x_sample": positions * x.stride,
        "x_run": 0, "x_row": x.stride, "dz_sample": positions * dz.stride, "dz_run": 0,
        "dz_row": dz.stride,
    }  # fmt: skip
    form = Panels(FAN_IN, FAN_OUT, make.dtype)
    return update_case(make, form.runs_op, form, gradient, operands)


def update_csr_weights(make):
    _, batch = sparse_data(make, FAN_IN)
    dz = make.rows(make.values(SAMPLES, FAN_OUT), padding=0)
    starts, rows, values = columns_of(batch)
    operands = {
        "dz": dz.block, "starts": starts.astype(np.int64), "entry_rows": rows.astype(np.int32),
        "entry_values": values.astype(make.dtype),
    }  # fmt: skip
    form = Panels(FAN_IN, FAN_OUT, make.dtype)
    return update_case(
        make, sparse.update_csr_weights, form, batch.T @ dz.values.astype(float), operands
    )


def update_table(make):
    codes = codes_of(coded_data(make)[:SAMPLES], 1, COUNT)
    starts, rows = reference_layers.sort_codes(codes, COUNT)
    dz = make.rows(make.values(SAMPLES, 4 + SIZE))
    operands = {
        "dz": dz.block, "starts": starts.astype(np.int64), "entry_rows": rows.astype(np.int32),
        "vector_size": SIZE, "vector_column": 4,
    }  # fmt: skip
    gradient = reference_layers.update_table(codes, COUNT, dz.values[:, 4:])
    form = Table(COUNT, SIZE, make.dtype)
    return update_case(make, embedding.update_table, form, gradient, operands)


# -- weights besides their updates -------------------------------------------------------------


def average_weights(make):
    w, mean = make.values(2, LONG)
    want = {"average": 0.3 * w.astype(float) + 0.7 * mean}
    operands = {"average": mean, "w": w}
    return Case(
        *(average.average_weights, operands, {"average": always(mean)}, want),
        ([(0, LONG)], [(0, 17), (17, 40), (40, LONG)]),
        settings={records.AVERAGE: 0.3},
    )


def find_not_finite(make, value=np.inf):
    w, found = make.values(LONG), np.zeros(1, np.int64)
    w[LONG // 2] = value
    want = {"found": [float(not np.isfinite(value))]}
    return Case(
        *(finite.find_not_finite, {"found": found, "w": w}, {"found": always(found)}, want),
        ([(0, LONG)], [(0, 17), (17, 40), (40, LONG)]),
    )


def find_nan(make):
    return find_not_finite(make, np.nan)


def find_the_largest(make):
    return find_not_finite(make, np.finfo(make.dtype).max)


PART = 64
PARTS = [(lo, min(lo + PART, LONG)) for lo in range(0, LONG, PART)]


def clipping(make, op, found, want, splits, **more):
    """Bounds of a gradient; `more` are arrays that hold something already."""
    arrays = {
        "gradient": make.vector(make.values(LONG)),
        "parts": np.full(len(PARTS), make.fill),
        "factor": np.full(1, make.fill),
    } | more
    numbers = {"part": PART, "n_parts": len(PARTS), "norm": 2.0, "value": 0.1}
    wanted = {found: want(arrays)}
    return Case(op, arrays | numbers, {found: always(arrays[found])}, wanted, splits)


def gradient_squares(make):
    def want(arrays):
        return [(arrays["gradient"][lo:hi].astype(float) ** 2).sum() for lo, hi in PARTS]

    return clipping(make, clip.gradient_squares, "parts", want, (PARTS, PARTS[::-1]))


def clip_factor(make):
    def want(arrays):
        return [2.0 / (np.sqrt(arrays["parts"].sum()) + 1e-6)]

    parts = make.random.uniform(3, 9, len(PARTS))
    return clipping(make, clip.clip_factor, "factor", want, ONCE, parts=parts)


def clip_gradient(make):
    def want(arrays):
        return np.clip(arrays["gradient"] * 0.2, -0.1, 0.1)

    splits, factor = ([(0, LONG)], PARTS), np.array([0.2])
    return clipping(make, clip.clip_gradient, "gradient", want, splits, factor=factor)


def by_columns(make, form, name, found, want, **operands):
    """An op over whole columns; matrices are packed, and what is found is unpacked."""
    flats = {
        key: make.packed(form, value) if np.ndim(value) == 2 else value
        for key, value in operands.items()
    }
    columns = form.columns()
    last = form.shape[1] - 1
    splits = (columns, columns[::-1] if len(columns) > 1 else [(0, last), (last, last + 1)])
    read = {
        key: (lambda program, key=key: unpacked(form, flats[key]))
        if np.ndim(operands[key]) == 2
        else always(flats[key][: form.shape[1]])
        for key in found
    }
    op = getattr(form, f"{name}_op")
    return Case(op, flats | form.column_operands(), read, want, splits, scratch=2 * 16 * 64)


def drawn(make, form):
    """Directions, lengths and a gradient."""
    v, dw = make.values(2, *form.shape)
    return v, 0.5 + abs(make.values(form.shape[1])), dw


def bound(make, form):
    w, _, _ = drawn(make, form)
    norms = np.linalg.norm(w.astype(float), axis=0)
    largest = float(np.median(norms)) * 1.001
    want = {"w": w * np.minimum(1, largest / norms)}
    return by_columns(make, form, "bound", ["w"], want, w=w, largest=largest)


def normalise(make, form):
    v, norms, w = drawn(make, form)
    want = {"w": v * norms / np.linalg.norm(v.astype(float), axis=0)}
    more = {"w": w, "v": v, "norms": make.vector(norms)}
    return by_columns(make, form, "normalise", ["w"], want, **more)


def differentiate(make, form):
    """Salimans and Kingma, "Weight normalization", 2016, equation 3."""
    v, norms, dw = drawn(make, form)
    length = np.linalg.norm(v.astype(float), axis=0)
    unit = v / length
    along = (dw * unit).sum(axis=0)
    want = {"dw": norms / length * (dw - unit * along), "dnorms": along}
    dnorms = make.vector(np.full(form.shape[1], make.fill))
    more = {"v": v, "dw": dw, "norms": make.vector(norms), "dnorms": dnorms}
    return by_columns(make, form, "differentiate", ["dw", "dnorms"], want, **more)


def bound_columns(make):
    return bound(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def bound_vectors(make):
    return bound(make, Vectors(FAN_IN, OUTPUTS, make.dtype))


def normalise_columns(make):
    return normalise(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def normalise_vectors(make):
    return normalise(make, Vectors(FAN_IN, OUTPUTS, make.dtype))


def differentiate_columns(make):
    return differentiate(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def differentiate_vectors(make):
    return differentiate(make, Vectors(FAN_IN, OUTPUTS, make.dtype))


CASES = [
    *(update_weights, update_mirrored, update_narrow, update_bias),
    *(update_runs, update_runs_of_series),
    *(update_csr_weights, apply_gradient, apply_narrow, apply_bias, apply_table, update_table),
    *(update_partials, update_vector_partials),
    *(update_decaying, apply_decaying, update_decaying_partials),
    *(find_not_finite, find_nan, find_the_largest),
    *(average_weights, gradient_squares, clip_factor, clip_gradient),
    *(bound_columns, bound_vectors, normalise_columns, normalise_vectors),
    *(differentiate_columns, differentiate_vectors),
]

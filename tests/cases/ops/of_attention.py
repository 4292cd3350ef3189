"""Cases of the ops of attention and around it, with the operands that their bindings give."""

import numpy as np
from cases.ops.of_recurrences import Bench
from fusednn.kernels.ops.attention import positions
from fusednn.kernels.ops.products.dense_partials import dense_partials as dense_partials_op
from fusednn.kernels.ops.products.partials import CHUNK_ROWS
from oracles.interpreted_attention import Attentive, _parts
from running.op_cases import BY_CHUNKS, SAMPLES, Case, unpacked, update_case

from fusednn.graph.layers.stepped_attention import SPARE
from fusednn.plan.binding.attention import attention_elements
from fusednn.plan.layout.forms import Panels, Table
from fusednn.plan.layout.panels import write_panels
from fusednn.plan.memory.buffers import padded

STEPS, SIZE, HEADS, KEYS = 21, 5, 4, 2
COLUMNS = (HEADS + 2 * KEYS) * SIZE


class Heads(Bench):
    """Attention: what it keeps of the weights has a layout of its own."""

    oracle, elements = Attentive, staticmethod(attention_elements)
    unseen = ("weights",)

    def panels(self, values):
        """The weights (B, heads, queries, keys), as the way forward keeps them."""
        found = self.read(HEADS, STEPS, STEPS)
        self.plain[found] = values
        block, width = self.blocks[found], padded(STEPS, self.dtype)
        memory = block.values.reshape(self.samples, -1)
        for sample, own in enumerate(values):
            for head, p in enumerate(own):
                first = head * STEPS * width
                flat = memory[sample, first : first + STEPS * width]
                write_panels(flat, p.T.astype(self.dtype), STEPS)
        return found


class FewHeads(Heads):
    """With few samples: each takes long."""

    samples, splits = 3, ([(0, 3)], [(0, 1), (1, 3)])


def given_heads(causal):
    return {
        "heads": HEADS, "key_heads": KEYS, "causal": causal, "dropout": 0.0, "stream": 0
    }  # fmt: skip


def attended(make, causal, keeps):
    bench = FewHeads(make)
    qkv = bench.read(STEPS, COLUMNS)
    out = {"out": bench.new(STEPS, HEADS * SIZE)}
    if keeps:
        out["weights"] = bench.new(HEADS, STEPS, STEPS)
    case = bench.case("attend", out, qkv=qkv, **given_heads(causal))
    case.found.pop("weights", None)
    case.want.pop("weights", None)
    return case


def attend(make):
    return attended(make, True, False)


def attend_and_keep(make):
    return attended(make, False, True)


def went_back(make, causal, keeps):
    bench = FewHeads(make)
    qkv = bench.read(STEPS, COLUMNS)
    dout, out = bench.read(STEPS, HEADS * SIZE), {"dqkv": bench.new(STEPS, COLUMNS)}
    q, k, _ = _parts(bench.plain[qkv].astype(float), HEADS, KEYS)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(SIZE)
    if causal:
        scores = np.where(np.tril(np.ones((STEPS, STEPS), bool)), scores, -np.inf)
    p = np.exp(scores)
    p /= p.sum(axis=-1, keepdims=True)
    weights = bench.panels(p)
    given = {"dout": dout, "qkv": qkv, **given_heads(causal)}
    case = bench.case("attend_backward", out, weights=weights, **given)
    if not keeps:
        case.operands["weights"] = None
    return case


def attend_backward(make):
    return went_back(make, True, True)


def attend_backward_again(make):
    return went_back(make, False, False)


def by_rows(case):
    """The same with bounds of rows, of three for each sample."""
    splits = tuple([(3 * lo, 3 * hi) for lo, hi in split] for split in case.splits)
    return case._replace(splits=splits)


def rotate(make):
    bench = Heads(make)
    x = bench.read(3, COLUMNS, padding=0.0)
    given = {"heads": HEADS, "size": 6, "base": 100.0, "back": False}
    return by_rows(bench.case("rotate", {"out": bench.over(x)}, x=x, **given))


def add_positions(make):
    bench = Heads(make)
    x, table = bench.read(3, COLUMNS, padding=0.0), bench.weights(3, COLUMNS)
    form = Table(3, COLUMNS, make.dtype)
    bench.flat[table] = make.packed(form, bench.plain[table])
    return by_rows(bench.case("add_positions", {"out": bench.over(x)}, x=x, table=table))


def attended_next(make, base):
    """Several rows into caches of all fillings, which move where they are full."""
    bench, length, rows, size = Heads(make), 5, 3, 6
    kept, room = KEYS * size, 2 * length
    filled = np.arange(SAMPLES)[:, np.newaxis] % (room + 1)
    before = {
        "keys": bench.read(kept, room + SPARE),
        "values": bench.read(room, kept),
        "place": bench.read(1, values=filled.astype(make.dtype)),
    }
    if base:
        before["turned"] = bench.read(kept, length + SPARE)
    out = {name: bench.over(array) for name, array in before.items()}
    out["out"] = bench.new(rows, HEADS * size)
    given = {"heads": HEADS, "key_heads": KEYS, "length": length, "base": base}
    given |= {f"{name}_before": array for name, array in before.items()}
    qkv = bench.read(rows, (HEADS + 2 * KEYS) * size)
    return bench.case("attend_next", out, qkv=qkv, **given)


def attend_next(make):
    return attended_next(make, 0.0)


def turn_and_attend_next(make):
    return attended_next(make, 10.0)


def add_next_positions(make):
    bench, steps = Heads(make), 7
    x, table = bench.read(3, COLUMNS, padding=0.0), bench.weights(steps, COLUMNS)
    form = Table(steps, COLUMNS, make.dtype)
    bench.flat[table] = make.packed(form, bench.plain[table])
    filled = np.arange(SAMPLES)[:, np.newaxis] % (steps + 1)
    place = bench.read(1, values=filled.astype(make.dtype))
    out = {"out": bench.over(x), "place": bench.over(place)}
    return bench.case("add_next_positions", out, x=x, table=table, place_before=place)


def update_positions(make):
    steps = 70
    dz = make.rows(make.values(SAMPLES * steps, COLUMNS), padding=0.0)
    gradient = dz.values.astype(float).reshape(SAMPLES, steps, COLUMNS).sum(axis=0)
    operands = {"dz": dz.block, "steps": steps}
    form = Table(steps, COLUMNS, make.dtype)
    return update_case(make, positions.update_positions, form, gradient, operands)


def gate(make):
    bench = Heads(make)
    x = bench.read(3, 2 * COLUMNS)
    return by_rows(bench.case("gate", {"out": bench.new(3, COLUMNS)}, x=x))


def gate_backward(make):
    bench = Heads(make)
    dout, x = bench.read(3, COLUMNS), bench.read(3, 2 * COLUMNS)
    out = {"dx": bench.new(3, 2 * COLUMNS)}
    return by_rows(bench.case("gate_backward", out, dout=dout, x=x))


def dense_partials(make):
    return sums_of_rows(make, 21, 37, 3)


def dense_partials_of_series(make):
    """Each with steps of its own."""
    return sums_of_rows(make, 21, 37, 3, make.random.randint(1, 4, size=SAMPLES))


def sums_of_rows(make, fan_in, fan_out, steps, lengths=None):
    """x^T dz, and the sums of dz, of each chunk of samples."""
    x = make.rows(make.values(SAMPLES * steps, fan_in))
    dz = make.rows(make.values(SAMPLES * steps, fan_out), padding=0.0)
    form, chunks = Panels(fan_in, fan_out, make.dtype), -(-SAMPLES // CHUNK_ROWS)
    dw = np.full(chunks * form.count, make.fill, make.dtype)
    db = np.full((chunks, form.padded_out), make.fill, make.dtype)
    operands = {
        "x": x.block._replace(positions=steps).by_sample,
        "dz": dz.block._replace(positions=steps).by_sample,
        "dw": dw,
        "db": db.reshape(-1),
        "dw_chunk": form.count,
        "rows": steps,
        "x_row": x.stride,
        "dz_row": dz.stride,
        "fan_in": fan_in,
        "columns": form.padded_out,
        "lengths": lengths,
    }
    own = np.full(SAMPLES, steps) if lengths is None else lengths
    inside = np.arange(steps) < own[:, np.newaxis]
    left, right = (
        np.split(
            inside[..., np.newaxis] * one.values.astype(float).reshape(SAMPLES, steps, -1),
            range(CHUNK_ROWS, SAMPLES, CHUNK_ROWS),
        )
        for one in (x, dz)
    )
    want = {
        "dw": np.array(
            [np.einsum("nti,nto->io", *pair) for pair in zip(left, right, strict=True)]
        ),
        "db": np.array([one.sum(axis=(0, 1)) for one in right]),
    }
    found = {
        "dw": lambda program: np.array([unpacked(form, part) for part in dw.reshape(chunks, -1)]),
        "db": lambda program: db[:, :fan_out].copy(),
    }
    return Case(dense_partials_op, operands, found, want, BY_CHUNKS)


CASES = [
    *(dense_partials, dense_partials_of_series),
    *(attend, attend_and_keep, attend_backward, attend_backward_again),
    *(attend_next, turn_and_attend_next, add_next_positions),
    *(rotate, add_positions, update_positions, gate, gate_backward),
]

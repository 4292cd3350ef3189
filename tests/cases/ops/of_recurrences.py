"""Cases of the ops of recurrences, with the operands that their bindings give them."""

from math import prod
from types import SimpleNamespace

from oracles.interpreted_recurrences import Recurrent
from running.op_cases import BY_ROWS, SAMPLES, Case, always

from fusednn.graph.arrays import NETWORK, Array
from fusednn.graph.trace import Call
from fusednn.plan.binding.bindings import BINDINGS
from fusednn.plan.binding.recurrent import recurrent_elements
from fusednn.plan.layout.forms import Panels
from fusednn.plan.memory.buffers import aligned_zeros, padded

STEPS, C, H = 4, 3, 21


class Bench:
    """A lowering of one call to hand-made memory, which keeps the operands of its records."""

    def __init__(self, make):
        self.make, self.dtype, self.program = make, make.dtype, self
        self.blocks, self.written, self.plain, self.flat = {}, {}, {}, {}
        self.records = []

    # -- what a binding asks of a lowering and its program ---------------------------------

    def form(self, w):
        return Panels(*w.shape, self.dtype)

    def transposed(self, w):
        form = self.form(w)
        flat = aligned_zeros(form.transposed_count, self.dtype)
        form.pack_transposed(flat, self.plain[w])
        return flat

    def values(self, array):
        return self.flat[array]

    def zeros(self, width):
        return aligned_zeros(padded(width, self.dtype), self.dtype)

    def record(self, op, operands):
        self.records.append((op, operands))

    # -- memory ----------------------------------------------------------------------------

    def block(self, array, rows):
        block = rows.block._replace(values=rows.memory, positions=prod(array.shape[:-1]))
        self.blocks[array] = block

    def read(self, *shape, padding=None):
        """An array over samples that the call reads."""
        array = Array(shape)
        self.plain[array] = self.make.values(SAMPLES, *shape)
        rows = self.make.rows(self.plain[array].reshape(-1, shape[-1]), padding)
        self.block(array, rows)
        return array

    def over(self, x):
        """An array that the call writes over another; its values begin with those."""
        array = Array(x.shape)
        values = self.plain[x].reshape(-1, x.width)
        rows = self.make.rows(values, 0.0)
        self.block(array, rows)
        self.written[array] = rows
        return array

    def new(self, *shape):
        """An array that the call writes."""
        array = Array(shape)
        rows = self.make.empty(array.width, SAMPLES * array.positions)
        self.block(array, rows)
        self.written[array] = rows
        return array

    def weights(self, *shape):
        array = Array(shape, NETWORK)
        self.plain[array] = self.make.values(*shape) / 2
        form = self.form(array) if len(shape) == 2 else None
        packed = self.make.packed(form, self.plain[array]) if form else None
        self.flat[array] = self.make.vector(self.plain[array]) if packed is None else packed
        return array

    def case(self, op, out, **given):
        """The case of a call: what the interpreter writes."""
        call = Call(op, out, given)
        BINDINGS[op].bind(self, call)
        [(kernel, operands)] = self.records
        found = {name: always(self.written[array].values) for name, array in out.items()}
        plain = {
            name: self.plain[value].astype(float) if isinstance(value, Array) else value
            for name, value in given.items()
        }
        oracle = Recurrent()
        oracle.B, oracle._goes_back = SAMPLES, True
        want = getattr(oracle, op)(**plain)
        want = {name: want[name].reshape(-1, array.width) for name, array in out.items()}
        # nothing reads behind the columns of cells
        zeros = tuple(
            self.written[array] for name, array in out.items() if name not in ("cells", "squashed")
        )
        scratch = recurrent_elements(SimpleNamespace(calls=[call]), self.dtype)
        return Case(kernel, operands, found, want, BY_ROWS, zeros, scratch=max(scratch, 1))


def forward(make, cell, columns, kept, **more):
    """The way forward of a cell, which also writes `kept` arrays of these widths."""
    bench = Bench(make)
    z = bench.read(STEPS, columns, padding=0.0)
    name = "states" if cell == "rnn" else "gates"
    out = {name: bench.over(z)}
    if cell != "rnn":
        out = {"states": bench.new(STEPS, H), **out}
    out |= {name: bench.new(STEPS, width) for name, width in kept.items()}
    given = {name: bench.weights(*shape) for name, shape in more.pop("shapes", {}).items()}
    w = bench.weights(H, columns)
    return bench.case(f"{cell}_forward", out, z=z, w=w, reverse=cell == "gru", **given, **more)


def rnn_forward(make):
    return forward(make, "rnn", H, {}, rectified=False)


def rectified_rnn_forward(make):
    return forward(make, "rnn", H, {}, rectified=True)


def lstm_forward(make):
    return forward(make, "lstm", 4 * H, {"cells": H, "squashed": H})


def gru_forward(make):
    return forward(make, "gru", 3 * H, {"hidden": 3 * H}, shapes={"b": (H,)})


def backward(make, cell, names, sequences, rectified=None):
    bench = Bench(make)
    columns = {"rnn": 1, "lstm": 4, "gru": 3}[cell] * H
    widths = {"gates": columns, "hidden": columns, "cells": H, "squashed": H, "states": H}
    read = {name: bench.read(STEPS, widths[name], padding=0.0) for name in names}
    dout = bench.read(STEPS, 2 * H) if sequences else bench.read(2 * H)
    out = {"dz": bench.over(read["gates"]) if "gates" in read else bench.new(STEPS, columns)}
    if cell == "gru":
        out |= {"dhidden": bench.over(read["hidden"]), "db": bench.new(STEPS, H)}
    given = {"dout": dout, "w": bench.weights(H, columns), "first": H, "sequences": sequences}
    given["reverse"] = not sequences
    if rectified is not None:
        given["rectified"] = rectified
    return bench.case(f"{cell}_backward", out, **given, **read)


def rnn_backward(make):
    return backward(make, "rnn", ["states"], True, rectified=False)


def rectified_rnn_backward(make):
    return backward(make, "rnn", ["states"], False, rectified=True)


def lstm_backward(make):
    return backward(make, "lstm", ["gates", "cells", "squashed"], True)


def lstm_backward_of_last(make):
    return backward(make, "lstm", ["gates", "cells", "squashed"], False)


def gru_backward(make):
    return backward(make, "gru", ["gates", "hidden", "states"], True)


def join_states(make):
    bench = Bench(make)
    out, states = {"out": bench.new(STEPS, H)}, bench.read(STEPS, H)
    return bench.case("join_states", out, states=states, other=None, sequences=True)


def join_last_states(make):
    bench = Bench(make)
    out, states = {"out": bench.new(H)}, bench.read(STEPS, H)
    return bench.case("join_states", out, states=states, other=None, sequences=False)


CASES = [
    *(rnn_forward, rectified_rnn_forward, lstm_forward, gru_forward),
    *(rnn_backward, rectified_rnn_backward, lstm_backward, lstm_backward_of_last, gru_backward),
    *(join_states, join_last_states),
]

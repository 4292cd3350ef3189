"""Cases of the ops of recurrences, with the operands that their bindings give them."""

from inspect import signature
from math import prod
from types import SimpleNamespace

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.intrinsics.integers import DOT
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from oracles.interpreted_recurrences import Recurrent
from running.op_cases import BY_ROWS, SAMPLES, Case, always, unpacked

from fusednn.graph.arrays import NETWORK, Array
from fusednn.graph.calls import Call
from fusednn.plan.binding.bindings import BINDINGS
from fusednn.plan.binding.recurrent import recurrent_elements
from fusednn.plan.layout.forms import Panels
from fusednn.plan.layout.rounded_weights import FORMS
from fusednn.plan.memory.buffers import aligned_zeros, padded

STEPS, C, H = 4, 3, 21


class RoundingRows:
    """Weights w (H, O): what multiplies them is rounded to 255 steps from its lowest value, or 0,
    to its highest."""

    __array_ufunc__ = None

    def __init__(self, w):
        self.w = w

    def __len__(self):
        return len(self.w)

    def __rmatmul__(self, h):
        low, high = h.min(axis=1, initial=0), h.max(axis=1, initial=0)
        steps = (np.where(low < high, high - low, 1) / 255)[:, np.newaxis]
        lowest = np.rint(-low[:, np.newaxis] / steps)
        return (np.rint(h / steps + lowest) - lowest) * steps @ self.w


class Bench:
    """A lowering of one call to hand-made memory, which keeps the operands of its records.

    `storage` is that of the weights.

    Attributes
    ----------
    oracle : type
        The part of the interpreter that has the call.
    elements : callable
        The scratch that the call of a graph needs.
    unseen : tuple of str
        Outputs behind whose columns nothing reads.
    samples, splits
        Samples, and bounds of tasks over them.
    """

    oracle, elements = Recurrent, staticmethod(recurrent_elements)
    unseen: tuple[str, ...] = ("cells", "squashed")
    samples, splits = SAMPLES, BY_ROWS

    def __init__(self, make, storage=""):
        self.make, self.dtype, self.program, self.memory = make, make.dtype, self, self
        self.storage, self.rows, self.chunk = storage, self.samples, MICRO_ROWS
        self.blocks, self.written, self.plain, self.flat = {}, {}, {}, {}
        self.records = []

    # -- what a binding asks of a lowering and its program ---------------------------------

    def form(self, w):
        return FORMS[self.storage](*w.shape) if self.storage else Panels(*w.shape, self.dtype)

    def borrow(self, count, dtype):
        return np.full(count, 1 << 20 if dtype == np.int32 else self.make.fill, dtype)

    def transposed(self, w):
        form = self.form(w)
        flat = aligned_zeros(form.transposed_count, self.dtype)
        form.pack_transposed(flat, self.plain[w])
        return flat

    def values(self, array):
        return self.flat[array]

    def place(self, array):
        return self.blocks[array]

    def zeros(self, width):
        return aligned_zeros(padded(width, self.dtype), self.dtype)

    def lengths(self, call):
        return call.given["lengths"]

    def record(self, op, operands):
        self.records.append((op, operands))

    # -- memory ----------------------------------------------------------------------------

    def block(self, array, rows):
        block = rows.block._replace(values=rows.memory, positions=prod(array.shape[:-1]))
        self.blocks[array] = block

    def read(self, *shape, padding=None, values=None):
        """An array over samples that the call reads; by default of random values."""
        array = Array(shape)
        drawn = self.make.values(self.samples, *shape)
        self.plain[array] = drawn if values is None else values
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
        rows = self.make.empty(array.width, self.samples * array.positions)
        self.block(array, rows)
        self.written[array] = rows
        return array

    def weights(self, *shape):
        array = Array(shape, NETWORK)
        self.plain[array] = self.make.values(*shape) / 2
        form = self.form(array) if len(shape) == 2 else None
        packed = self.make.packed(form, self.plain[array]) if form else None
        self.flat[array] = self.make.vector(self.plain[array]) if packed is None else packed
        if form and self.storage:
            self.plain[array] = unpacked(form, packed)
        return array

    def case(self, op, out, continues=False, **given):
        """The case of a call: what the interpreter writes."""
        if "lengths" in signature(getattr(self.oracle, op)).parameters:
            given.setdefault("lengths", None)
        if op.endswith(("_forward", "_carried")):
            given["storage"] = self.storage
        call = Call(op, out, given)
        BINDINGS[op].bind(self, call)
        [(kernel, operands)] = self.records
        found = {name: always(self.written[array].values) for name, array in out.items()}
        plain = {
            name: self.plain[value].astype(float) if isinstance(value, Array) else value
            for name, value in given.items()
        }
        if self.storage == "int8":
            plain["w"] = RoundingRows(plain["w"])
        oracle = self.oracle()
        oracle.B, oracle._goes_back, oracle.continues = self.samples, True, continues
        oracle._shape = next(iter(out.values())).shape
        want = getattr(oracle, op)(**plain)
        want = {name: want[name].reshape(-1, array.width) for name, array in out.items()}
        zeros = tuple(
            self.written[array] for name, array in out.items() if name not in self.unseen
        )
        scratch = self.elements(SimpleNamespace(calls=[call]), self.dtype)
        return Case(kernel, operands, found, want, self.splits, zeros, scratch=max(scratch, 1))


def forward(make, cell, columns, kept, storage="", **more):
    """The way forward of a cell, which also writes `kept` arrays of these widths."""
    bench = Bench(make, storage)
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


def from_inputs(make, cell, columns, kept, together, **more):
    """The way forward of a cell that multiplies x by its weights for some steps at a time."""
    bench = Bench(make)
    out = {"states": bench.new(STEPS, H), "gates": bench.new(together, columns)}
    rows = {"hidden": together}  # which begin as products too
    out |= {name: bench.new(rows.get(name, STEPS), width) for name, width in kept.items()}
    given = {"x": bench.read(STEPS, C), "w_x": bench.weights(C, columns)}
    given |= {"b_x": bench.weights(columns), "w": bench.weights(H, columns), "z": None}
    given |= {name: bench.weights(*shape) for name, shape in more.pop("shapes", {}).items()}
    return bench.case(f"{cell}_forward", out, **given, together=together, **more)


def lstm_from_inputs(make):
    kept = {"cells": H, "squashed": H}
    return from_inputs(make, "lstm", 4 * H, kept, 3, reverse=False)


def lstm_back_from_inputs(make):
    kept = {"cells": H, "squashed": H}
    return from_inputs(make, "lstm", 4 * H, kept, 3, reverse=True)


def gru_from_inputs(make):
    kept = {"hidden": 3 * H}
    return from_inputs(make, "gru", 3 * H, kept, 2, reverse=False, shapes={"b": (H,)})


def half_rnn(make):
    return forward(make, "rnn", H, {}, "bfloat16", rectified=False)


def half_lstm(make):
    return forward(make, "lstm", 4 * H, {"cells": H, "squashed": H}, "bfloat16")


def half_gru(make):
    return forward(make, "gru", 3 * H, {"hidden": 3 * H}, "bfloat16", shapes={"b": (H,)})


def integer_rnn(make):
    return forward(make, "rnn", H, {}, "int8", rectified=False)


def integer_lstm(make):
    return forward(make, "lstm", 4 * H, {"cells": H, "squashed": H}, "int8")


def integer_gru(make):
    return forward(make, "gru", 3 * H, {"hidden": 3 * H}, "int8", shapes={"b": (H,)})


HALVES, INTEGERS = (half_rnn, half_lstm, half_gru), (integer_rnn, integer_lstm, integer_gru)
for rounded in HALVES:
    rounded.dtypes = [np.float32]
for rounded in INTEGERS:
    rounded.dtypes = [] if DOT is None else [np.float32]


def backward(make, cell, names, sequences, rectified=None, before=()):
    """The way back; the arrays named in `before` begin with a row before the first step."""
    bench = Bench(make)
    columns = {"rnn": 1, "lstm": 4, "gru": 3}[cell] * H
    widths = {"gates": columns, "hidden": columns, "cells": H, "squashed": H, "states": H}
    read = {
        name: bench.read(STEPS + (name in before), widths[name], padding=0.0) for name in names
    }
    dout = bench.read(STEPS, 2 * H) if sequences else bench.read(2 * H)
    out = {"dz": bench.over(read["gates"]) if "gates" in read else bench.new(STEPS, columns)}
    if cell == "gru":
        out |= {"dhidden": bench.over(read["hidden"]), "db": bench.new(STEPS, H)}
    given = {"dout": dout, "w": bench.weights(H, columns), "first": H, "sequences": sequences}
    given["reverse"] = not sequences
    if rectified is not None:
        given["rectified"] = rectified
    return bench.case(f"{cell}_backward", out, **given, **read)


def carried(make, cell, columns, **kept):
    """The way forward of a window; `kept` arrays have these widths."""
    bench = Bench(make)
    z, w = bench.read(STEPS, columns, padding=0.0), bench.weights(H, columns)
    given = {"z": z, "w": w, "reverse": False}
    given |= {"before": bench.read(STEPS + 1, H, padding=0.0)}
    out = {"states": bench.over(given["before"])}
    if cell == "lstm":
        given |= {"cells_before": bench.read(STEPS + 1, H, padding=0.0)}
        out |= {"cells": bench.over(given["cells_before"])}
    out |= {"sums" if cell == "rnn" else "gates": bench.over(z)}
    out |= {name: bench.new(STEPS, width) for name, width in kept.items()}
    if cell == "gru":
        given["b"] = bench.weights(H)
    if cell == "rnn":
        given["rectified"] = False
    return bench.case("rnn_carried" if cell == "rnn" else f"{cell}_forward", out, **given)


def rnn_carried(make):
    return carried(make, "rnn", H)


def lstm_carried(make):
    return carried(make, "lstm", 4 * H, squashed=H)


def gru_carried(make):
    return carried(make, "gru", 3 * H, hidden=3 * H)


def begin_window(make, continues=1.0):
    """It writes the first row of the samples alone; the case has no others."""
    bench = Bench(make)
    before = bench.read(1, H)
    case = bench.case("begin_window", {"out": bench.new(1, H)}, bool(continues), before=before)
    return case._replace(settings={records.CONTINUES: continues})


def end_window(make, lengths=None):
    bench = Bench(make)
    states, before = bench.read(STEPS + 1, H), bench.read(1, H)
    given = {"states": states, "before": before, "lengths": lengths}
    return bench.case("end_window", {"out": bench.over(before)}, **given)


def end_ragged_window(make):
    return end_window(make, np.arange(SAMPLES) % (STEPS + 1))


def begin_first_window(make):
    return begin_window(make, 0.0)


def remember(make):
    bench = Bench(make)
    length = 2 * STEPS - 1
    oldest = np.arange(SAMPLES)[:, np.newaxis] % length
    ring, place = bench.read(length, H), bench.read(1, values=oldest.astype(make.dtype))
    out = {"ring": bench.over(ring), "place": bench.over(place), "out": bench.new(STEPS, H)}
    given = {"dilation": 2, "ring_before": ring, "place_before": place}
    return bench.case("remember", out, x=bench.read(1, H), **given)


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


def lstm_carried_backward(make):
    return backward(make, "lstm", ["gates", "cells", "squashed"], True, before=["cells"])


def gru_carried_backward(make):
    return backward(make, "gru", ["gates", "hidden", "states"], True, before=["states"])


def rnn_carried_backward(make):
    return backward(make, "rnn", ["states"], True, rectified=False, before=["states"])


def join_carried_states(make):
    bench = Bench(make)
    out, states = {"out": bench.new(STEPS, H)}, bench.read(STEPS + 1, H)
    given = {"states": states, "other": None, "steps": STEPS}
    return bench.case("join_states", out, sequences=True, **given)


def join_states(make):
    bench = Bench(make)
    out, states = {"out": bench.new(STEPS, H)}, bench.read(STEPS, H)
    given = {"states": states, "other": None, "steps": STEPS}
    return bench.case("join_states", out, sequences=True, **given)


def join_last_states(make):
    bench = Bench(make)
    out, states = {"out": bench.new(H)}, bench.read(STEPS, H)
    given = {"states": states, "other": None, "steps": STEPS}
    return bench.case("join_states", out, sequences=False, **given)


def join_last_carried_states(make):
    """Operands for windows, some of which have no step."""
    bench = Bench(make)
    out, states = {"out": bench.new(H)}, bench.read(STEPS + 1, H)
    given = {"states": states, "other": None, "steps": STEPS}
    lengths = np.arange(SAMPLES) % (STEPS + 1)
    return bench.case("join_states", out, sequences=False, lengths=lengths, **given)


CASES = [
    *(*HALVES, *INTEGERS),
    *(rnn_forward, rectified_rnn_forward, lstm_forward, gru_forward),
    *(lstm_from_inputs, lstm_back_from_inputs, gru_from_inputs),
    *(rnn_backward, rectified_rnn_backward, lstm_backward, lstm_backward_of_last, gru_backward),
    *(join_states, join_last_states, join_carried_states, join_last_carried_states),
    *(
        rnn_carried,
        lstm_carried,
        gru_carried,
        begin_window,
        begin_first_window,
        end_window,
        end_ragged_window,
        remember,
    ),
    *(rnn_carried_backward, lstm_carried_backward, gru_carried_backward),
]

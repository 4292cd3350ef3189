"""Cases of the ops over windows, with the operands that their bindings give them."""

from math import prod
from types import SimpleNamespace

import numpy as np
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from oracles.interpreted_windows import Windowed
from running.op_cases import BY_CHUNKS, BY_ROWS, SAMPLES, Case, always, unpacked

from fusednn.graph.arrays import CHUNKS, NETWORK, Array
from fusednn.graph.arrays import SAMPLES as OF_SAMPLES
from fusednn.graph.calls import Call
from fusednn.graph.windows import Windows
from fusednn.plan.binding.bindings import BINDINGS
from fusednn.plan.binding.convolutions import CALLS, frame_elements
from fusednn.plan.layout.reduced_taps import stored_taps
from fusednn.plan.memory.buffers import aligned_zeros, padded

SIZES = 5, 4
CONVOLVED = Windows(SIZES, (3, 2), (2, 1), ((1, 1), (0, 2)), (1, 2))
POOLED = Windows(SIZES, (3, 2), (2, 1), ((0, 0), (0, 0)), (1, 1))
C, O = 3, 21


class Bench:
    """A lowering of one call to hand-made memory, which keeps the operands of its record."""

    def __init__(self, make):
        self.make, self.dtype, self.rows = make, make.dtype, SAMPLES
        self.graph, self.program, self.memory = SimpleNamespace(x=None), self, self
        self.chunk = MICRO_ROWS
        self.blocks, self.written, self.plain, self.flat = {}, {}, {}, {}

    # -- what a binding asks of a lowering and its program ---------------------------------

    def form(self, w):
        return stored_taps(self.call, self.dtype, copied=self.call.op == "convolve_backward")

    def transposed(self, w):
        form = self.form(w)
        flat = aligned_zeros(form.transposed_count, self.dtype)
        form.pack_transposed(flat, self.plain[w])
        return flat

    def values(self, array):
        return self.flat[array]

    def lengths(self, call):
        return call.given["lengths"]

    def lengths_of(self, array):
        return None

    def derive_values(self, array, values):
        self.flat[array] = values

    def borrow(self, count, dtype):
        return aligned_zeros(count, dtype)

    def zeros(self, width):
        return aligned_zeros(padded(width, self.dtype), self.dtype)

    def record(self, op, operands):
        self.op, self.operands = op, operands

    # -- memory ----------------------------------------------------------------------------

    def read(self, *shape, values=None):
        """An array over samples that the call reads; ops read zeros behind its channels."""
        array = Array(shape)
        self.plain[array] = self.make.values(SAMPLES, *shape) if values is None else values
        rows = self.make.rows(self.plain[array].reshape(-1, shape[-1]), 0.0)
        self.blocks[array] = rows.block._replace(values=rows.memory, positions=prod(shape[:-1]))
        return array

    def write(self, array):
        """The memory of an array that the call writes."""
        if array.over == OF_SAMPLES:
            rows = self.make.empty(array.width, SAMPLES * array.positions)
            block = rows.block._replace(values=rows.memory, positions=array.positions)
            self.blocks[array], self.written[array] = block, rows
        elif len(array.shape) == 1:
            chunks = -(-SAMPLES // MICRO_ROWS)
            self.flat[array] = aligned_zeros(chunks * padded(array.width, self.dtype), self.dtype)
            self.flat[array][:] = self.make.fill

    def parameter(self, *shape):
        array = Array(shape, NETWORK)
        self.plain[array] = self.make.values(*shape)
        return array

    def case(self, op, out, **given):
        """The case of a call: what the interpreter writes."""
        given["lengths"] = None
        if "w" not in given:  # of pools and upsampling
            given["out_lengths"] = None
        self.call = call = Call(op, out, given)
        for name, array in given.items():
            if isinstance(array, Array) and array.over == NETWORK:
                plain = self.plain[array]
                self.flat[array] = (
                    self.make.packed(self.form(array), plain)
                    if name == "w"
                    else self.make.vector(plain)
                )
        if given.get("storage"):  # the values that rounded weights have
            self.plain[given["w"]] = unpacked(self.form(None), self.flat[given["w"]])
        for array in out.values():
            self.write(array)
        BINDINGS[op].bind(self, call)
        found = {name: self._reader(array) for name, array in out.items()}
        scratch = frame_elements(SimpleNamespace(calls=[call]), self.dtype) if op in CALLS else 0
        splits = BY_ROWS if self.written else BY_CHUNKS
        zeros = tuple(self.written.values())
        return Case(self.op, self.operands, found, self._wanted(), splits, zeros, scratch=scratch)

    def _reader(self, array):
        if array in self.written:
            return always(self.written[array].values)
        flat, chunks = self.flat[array], -(-SAMPLES // MICRO_ROWS)
        if len(array.shape) == 1:
            return lambda program: flat.reshape(chunks, -1)[:, : array.width].copy()
        form = self.form(None)
        return lambda program: np.stack([unpacked(form, one) for one in flat.reshape(chunks, -1)])

    def _wanted(self):
        oracle = Windowed()
        oracle.chunk_rows = MICRO_ROWS
        oracle._shape = next(iter(self.call.out.values())).shape
        given = {
            name: self.plain[value].astype(float) if isinstance(value, Array) else value
            for name, value in self.call.given.items()
            if name != "storage"
        }
        found = getattr(oracle, self.call.op)(**given)
        return {
            name: found[name].reshape(-1, array.width) if array in self.written else found[name]
            for name, array in self.call.out.items()
        }


def convolved(make, channels, groups, storage=""):
    bench = Bench(make)
    w = bench.parameter(3, 2, channels // groups, O)
    given = {"w": w, "b": bench.parameter(O), "windows": CONVOLVED, "groups": groups}
    given["storage"] = storage
    out = {"out": Array((*CONVOLVED.counts, O))}
    return bench.case("convolve", out, x=bench.read(*SIZES, channels), floor=0.0, **given)


def convolve(make):
    return convolved(make, C, 1)


def depthwise(make):
    return convolved(make, O, O)


def sums(make, channels, groups, windows=CONVOLVED):
    bench = Bench(make)
    shape = (3, 2, channels // groups, O)
    given = {"w": bench.parameter(*shape), "windows": windows, "groups": groups}
    out = {"dw": Array(shape, CHUNKS), "db": Array((O,), CHUNKS)}
    x, dz = bench.read(*SIZES, channels), bench.read(*windows.counts, O)
    return bench.case("convolution_partials", out, x=x, dz=dz, **given)


def convolution_partials(make):
    return sums(make, C, 1)


def partials_without_a_frame(make):
    """Windows that read the samples where they lie."""
    return sums(make, padded(1, make.dtype), 1, POOLED)


def transposed_sums(make, filters, groups):
    """Those of a transposed convolution, from windows of the gradient by its output."""
    bench, shape = Bench(make), (3, 2, O // groups, filters)
    given = {"w": bench.parameter(*shape), "windows": CONVOLVED, "groups": groups}
    out = {"dw": Array(shape, CHUNKS), "db": Array((filters,), CHUNKS)}
    x, dz = bench.read(*CONVOLVED.counts, O), bench.read(*SIZES, filters)
    return bench.case("convolve_transposed_partials", out, x=x, dz=dz, **given)


def transposed_partials(make):
    return transposed_sums(make, C, 1)


def depthwise_partials(make):
    return sums(make, O, O)


def depthwise_partials_of_several(make):
    """Three filters of each channel."""
    return sums(make, O // 3, O // 3)


def transposed_depthwise_partials(make):
    return transposed_sums(make, O, O)


def back(make, channels):
    bench, shape = Bench(make), (*CONVOLVED.counts, O)
    given = {"w": bench.parameter(3, 2, channels, O), "windows": CONVOLVED, "groups": 1}
    out = {"dx": Array((*SIZES, channels))}
    return bench.case("convolve_backward", out, dz=bench.read(*shape), **given)


def convolve_columns(make):
    return back(make, C)


def convolve_backward(make):
    """Three vectors of channels: those of a tap begin within a panel of w^T."""
    return back(make, 3 * padded(1, make.dtype))


def convolve_backward_by_panels(make):
    """The channels of a tap are a whole panel."""
    return back(make, SHAPE.panel(make.dtype().itemsize))


def reduced_convolve(make):
    return convolved(make, C, 1, "int8")


def reduced_depthwise(make):
    return convolved(make, O, O, "bfloat16")


def scattered(make, storage="", windows=CONVOLVED, filters=O):
    bench = Bench(make)
    given = {"w": bench.parameter(3, 2, C, filters), "b": bench.parameter(filters)}
    given |= {"windows": windows, "groups": 1, "storage": storage}
    out = {"out": Array((*SIZES, filters))}
    return bench.case("convolve_transposed", out, x=bench.read(*windows.counts, C), **given)


def scatter(make):
    return scattered(make)


def scatter_without_padding(make):
    case = scattered(make, windows=POOLED)
    return case._replace(zeros=())  # it clears what is behind the padding too


def scatter_narrow(make):
    """To one channel, of which a vector holds several taps."""
    return scattered(make, filters=1)


def scatter_narrow_of_several(make):
    return scattered(make, filters=2)


def reduced_scatter(make):
    return scattered(make, "bfloat16")


def reduced_narrow(make):
    return scattered(make, "int8", filters=1)


for case in (reduced_convolve, reduced_depthwise, reduced_scatter, reduced_narrow):
    case.dtypes = [np.float32]


def max_pool(make):
    out = {name: Array((*POOLED.counts, O)) for name in ("out", "taken")}
    bench = Bench(make)
    return bench.case("max_pool", out, x=bench.read(*SIZES, O), windows=POOLED)


def max_pool_backward(make):
    bench, shape = Bench(make), (*POOLED.counts, O)
    taken = make.random.randint(POOLED.taps, size=(SAMPLES, *shape)).astype(make.dtype)
    given = {"dout": bench.read(*shape), "taken": bench.read(*shape, values=taken)}
    case = bench.case("max_pool_backward", {"dx": Array((*SIZES, O))}, windows=POOLED, **given)
    return case._replace(zeros=())  # it clears what is behind the padding too


def average_pool(make):
    out, bench = {"out": Array((*POOLED.counts, O))}, Bench(make)
    return bench.case("average_pool", out, x=bench.read(*SIZES, O), windows=POOLED)


def average_pool_backward(make):
    out, bench = {"dx": Array((*SIZES, O))}, Bench(make)
    dout = bench.read(*POOLED.counts, O)
    case = bench.case("average_pool_backward", out, dout=dout, windows=POOLED)
    return case._replace(zeros=())  # likewise


CASES = [
    *(convolve, convolution_partials, scatter, scatter_without_padding),
    *(convolve_columns, convolve_backward, convolve_backward_by_panels),
    *(scatter_narrow, scatter_narrow_of_several),
    *(partials_without_a_frame, transposed_partials),
    *(depthwise, depthwise_partials),
    *(depthwise_partials_of_several, transposed_depthwise_partials),
    *(reduced_convolve, reduced_depthwise, reduced_scatter, reduced_narrow),
    *(max_pool, max_pool_backward, average_pool, average_pool_backward),
]

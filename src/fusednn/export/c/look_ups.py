"""The calls of embeddings in C, of codes and numbers, and of a last layer that shares a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tied import Tied
from fusednn.graph.layers.token_embedding import TokenEmbedding

from .buffers import Buffer, pointer
from .calls import Calls
from .text import PER_LINE


class LookUps(Calls):
    """Adds the calls that read tables."""

    def _embedding(self, op: Embedding, x: Buffer):
        out, plain = self.buffers.place(op.fan_out), op.plain
        if plain:
            yield from self._pick(x, out, plain)
        labels = [f"table_{column}" for column in op.columns]
        tables = yield from self._vectors(labels, op)
        starts = accumulate(op.sizes, initial=len(plain))
        several = zip(tables, op.columns, op.categories, op.sizes, starts, strict=False)
        for table, column, count, size, start in several:
            self.functions.add("look_up")
            places = f"{pointer(x)}, {x.stride}, {pointer(out)} + {start}, {out.stride}"
            self.calls.append(f"NAME_look_up({places}, rows, {column}, {table}, {count}, {size});")
        self.buffers.release(x)
        return out

    def _periodic(self, op: Periodic, x: Buffer):
        out, plain = self.buffers.like(x, op.fan_out), op.plain
        if plain:
            yield from self._pick(x, out, plain)
        labels = [parameter.name for parameter in op.parameters()]
        names = yield from self._vectors(labels, op)
        if op.is_plr:
            names.insert(1, "NULL")
        chosen = f"NAME_chosen_{self._number}"
        yield from _numbers(chosen, op.columns)
        m = len(op.columns)
        self.maths.add("cos_turns")
        self._call("periodic", x, out, len(plain), chosen, m, op.frequencies, op.sums, *names)
        self.buffers.release(x)
        return out

    def _piecewise_linear(self, op: PiecewiseLinear, x: Buffer):
        out, plain = self.buffers.like(x, op.fan_out), op.plain
        if plain:
            yield from self._pick(x, out, plain)
        labels = [parameter.name for parameter in op.parameters()]
        names = yield from self._vectors(labels, op)
        chosen, each = f"NAME_chosen_{self._number}", f"NAME_bins_{self._number}"
        yield from _numbers(chosen, op.columns)
        yield from _numbers(each, op.bins)
        name, sizes = ("embed_bins", (op.size,)) if op.size else ("encode_bins", ())
        self.functions.add("bin_of")
        self._call(name, x, out, len(plain), chosen, len(op.columns), each, *sizes, *names)
        self.buffers.release(x)
        return out

    def _token_embedding(self, op: TokenEmbedding, x: Buffer):
        steps = "steps" if self._has_steps else ""
        out = self.buffers.place(op.size, op.fan_in, steps=steps)
        [table] = yield from self._vectors(["vectors"], op)
        self._table = table
        self._call_samples("look_up_tokens", x, out, out.each, table, op.categories, op.size)
        self.buffers.release(x)
        return out

    def _pick(self, x: Buffer, out: Buffer, columns: Sequence[int]):
        """Copies chosen columns of `x` to the first columns of `out`."""
        name = f"NAME_columns_{self._number}"
        yield from _numbers(name, columns)
        self._call("pick", x, out, len(columns), name)
        return out

    def _tied(self, op: Tied, x: Buffer) -> Buffer:
        out = self.buffers.like(x, op.fan_out)
        self._call("tied", x, out, op.fan_in, self._table, op.fan_out)
        self.buffers.release(x)
        return out


def _numbers(name: str, columns: Sequence[int]) -> Iterator[str]:
    """The definition of an array of numbers of columns."""
    yield f"static const uint32_t {name}[{len(columns)}] = {{\n"
    for first in range(0, len(columns), PER_LINE):
        yield "    " + ", ".join(map(str, columns[first : first + PER_LINE])) + ",\n"
    yield "};\n\n"

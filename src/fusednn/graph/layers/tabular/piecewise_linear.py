"""Piecewise-linear encodings and embeddings of numeric columns; the other columns are copied."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from fusednn.graph.arrays import CHUNKS, Array
from fusednn.graph.gradients import Partials
from fusednn.graph.layers.epilogue import NOTHING, Epilogue
from fusednn.graph.layers.layer import rowwise
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.graph.trace import Trace

from .chosen_columns import plain_of


@dataclass(frozen=True)
class PiecewiseLinear:
    """Parameters: edges, one after the other for all columns; of an embedding also weights and
    biases (columns, size) and tables (bins, size).

    Parameters
    ----------
    fan_in : int
    columns : tuple of int
        The columns that are encoded.
    bins : tuple of int
        How many each of them has; it has one more edge.
    size : int
        The numbers that a column becomes; 0: as many as it has bins, its encoding.
    after : Epilogue
    rate, decay : float
        Factors of the learning rate and of the decay, of all parameters but the edges.
    """

    fan_in: int
    columns: tuple[int, ...]
    bins: tuple[int, ...]
    size: int = 0
    after: Epilogue = NOTHING
    rate: float = 1.0
    decay: float = 1.0

    @property
    def plain(self) -> list[int]:
        """The columns that are copied."""
        return plain_of(self.fan_in, self.columns)

    @property
    def fan_out(self) -> int:
        made = len(self.columns) * self.size if self.size else sum(self.bins)
        return self.fan_in - len(self.columns) + made

    def parameters(self) -> list[Parameter]:
        m, all_bins = len(self.columns), sum(self.bins)
        facts = {"trained": False, "shown": False}  # layers_ shows them
        found = [Parameter("edges", (all_bins + m,), DRAWN, **facts)]
        if self.size:
            shapes = {"weights": (m, self.size), "biases": (m, self.size)}
            shapes["tables"] = (all_bins, self.size)
            found += [
                Parameter(name, shape, DRAWN, self.rate, self.decay)
                for name, shape in shapes.items()
            ]
        return found

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return rowwise(self.fan_in, self.fan_out, shape)

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        edges, *tables = trace.take(self.parameters())
        given: dict[str, Any] = {
            "x": x,
            "edges": edges,
            "columns": self.columns,
            "bins": self.bins,
        }
        out = Array((*x.shape[:-1], self.fan_out))
        if tables:
            given |= dict(zip("wbv", tables, strict=True))
            trace.call("embed_bins", {"out": out}, **given)
        else:
            trace.call("encode_bins", {"out": out}, **given)
        trace.tape.append(partial(self._back, trace, given))
        return self.after.trace(trace, out)

    @staticmethod
    def _back(trace: Trace, given: dict[str, Any], dout: Array) -> Array | None:
        x, given = given["x"], {**given, "dout": dout}
        tables = {f"d{name}": given.pop(name) for name in "wbv" if name in given}
        if any(map(trace.needs_gradient, tables.values())):
            sums = {name: Array(one.shape, CHUNKS) for name, one in tables.items()}
            trace.call("embed_bins_sums", sums, **given)
            for name, parameter in tables.items():
                trace.differentiate(parameter, Partials(sums[name]))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        if tables:
            read = {"w": tables["dw"], "v": tables["dv"]}
            trace.call("embed_bins_backward", {"dx": dx}, **given, **read)
        else:
            trace.call("encode_bins_backward", {"dx": dx}, **given)
        return dx

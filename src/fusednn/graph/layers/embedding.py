"""Columns of codes replaced by learned vectors; the other columns are copied."""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from typing import NamedTuple

from fusednn.graph.arrays import Array
from fusednn.graph.gradients import Lookups
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.graph.trace import Trace

from .epilogue import NOTHING, Epilogue
from .layer import distinct, rowwise


@distinct
class Embedding(NamedTuple):
    """Parameters: a table (categories, size) for each column of codes.

    Parameters
    ----------
    fan_in : int
    columns, categories, sizes : tuple of int
        The columns that hold codes; for each, the number of codes and the size of its vectors.
    after : Epilogue
    rate, decay : float
        Factors of the learning rate and of the weights' decay.
    """

    fan_in: int
    columns: tuple[int, ...]
    categories: tuple[int, ...]
    sizes: tuple[int, ...]
    after: Epilogue = NOTHING
    rate: float = 1.0
    decay: float = 1.0

    @property
    def plain(self) -> list[int]:
        """The columns without codes, which are copied."""
        codes = set(self.columns)
        return [column for column in range(self.fan_in) if column not in codes]

    @property
    def starts(self) -> list[int]:
        """The first column of the output that each table's vectors fill."""
        return list(accumulate(self.sizes[:-1], initial=self.fan_in - len(self.columns)))

    @property
    def fan_out(self) -> int:
        return self.fan_in - len(self.columns) + sum(self.sizes)

    def parameters(self) -> list[Parameter]:
        shapes = zip(self.categories, self.sizes, strict=True)
        return [
            Parameter(str(number), shape, DRAWN, self.rate, self.decay)
            for number, shape in enumerate(shapes)
        ]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return rowwise(self.fan_in, self.fan_out, shape)

    def products(self, shape: tuple[int, ...]) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        tables = trace.take(self.parameters())
        out = Array((*x.shape[:-1], self.fan_out))
        trace.call("embed_rows", {"out": out}, x=x, tables=tuple(tables), columns=self.columns)
        trace.tape.append(partial(self._back, trace, x, tables))
        return self.after.trace(trace, out)

    def _back(self, trace: Trace, x: Array, tables: list[Array], dout: Array) -> Array | None:
        for table, column, first in zip(tables, self.columns, self.starts, strict=True):
            trace.differentiate(table, Lookups(x, column, dout, first))
        if not trace.needs_gradient(x):
            return None
        dx = Array(x.shape)
        trace.call("embed_backward", {"dx": dx}, dout=dout, columns=self.columns)
        return dx

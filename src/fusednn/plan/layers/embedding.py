"""Columns of codes replaced by learned vectors; the others stay."""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from fusednn.kernels.ops import dense
from fusednn.kernels.ops import embedding as ops
from fusednn.plan.buffers import address_of, aligned_zeros
from fusednn.plan.data import DenseRows, Input, order_operands
from fusednn.plan.forms import Form, Table
from fusednn.plan.rows import Block, Gradient, Rows

from .epilogue import NOTHING, Epilogue


class Embedding(NamedTuple):
    """Parameters: a table (categories, size) for each column of codes.

    Parameters
    ----------
    fan_in : int
    columns, categories, sizes : tuple of int
        Which columns hold codes, and of each how many codes there are, and elements of a vector.
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
        """The columns that stay."""
        codes = set(self.columns)
        return [column for column in range(self.fan_in) if column not in codes]

    @property
    def fan_out(self) -> int:
        return self.fan_in - len(self.columns) + sum(self.sizes)

    def forms(self, dtype) -> list[Form]:
        tables = [Table(*shape, dtype) for shape in zip(self.categories, self.sizes, strict=True)]
        for table in tables:
            table.factors = self.rate, self.decay
        return [*tables]

    def products(self) -> tuple:
        return ()

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def lower(self, rows: Rows, x: Block | Input) -> Block:
        assert isinstance(x, Input)
        assert isinstance(x.source, DenseRows)
        numbers, out = rows.take(len(self.columns)), rows.block(self.fan_out)
        forms, plain = self.forms(rows.dtype), np.array([*self.plain, 0], np.int64)
        starts = list(accumulate(self.sizes[:-1], initial=len(self.plain)))
        tables = np.zeros((len(numbers), ops.TABLE_WIDTH), np.int64)
        for table, number, form, column, start in zip(
            tables, numbers, forms, self.columns, starts, strict=True
        ):
            assert isinstance(form, Table)
            table[ops.FIRST] = address_of(rows.parameter(number))
            table[ops.FROM], table[ops.TO] = column, start
            table[ops.ROWS], table[ops.SIZE], table[ops.STRIDE] = *form.shape, form.stride
        data = {
            ops.DATA: x.source.X,
            ops.DATA_STRIDE: x.source.X.strides[0] // x.source.X.itemsize,
            **order_operands(ops.ORDER, x.order),
        }
        rows.add(
            ops.embed_rows,
            {
                **data,
                ops.OUT: out.values,
                ops.OUT_STRIDE: out.stride,
                ops.PLAIN: plain,
                ops.N_PLAIN: len(plain) - 1,
                ops.N_TABLES: len(tables),
                ops.TABLES: tables.reshape(-1),
            },
        )
        if rows.trains:
            rows.tape.append(partial(self._back, rows, numbers, data, starts))
        return self.after.lower(rows, out)

    def _back(self, rows: Rows, numbers, data, starts, d: Block) -> None:
        for number, column, count, size, start in zip(
            numbers, self.columns, self.categories, self.sizes, starts, strict=True
        ):
            found = {
                ops.STARTS: aligned_zeros(count + 1, np.int64),
                ops.ENTRY_ROWS: aligned_zeros(rows.count, np.int32),
            }
            sort = {**data, ops.COLUMN: column, ops.COUNT: count, **found}
            rows.before.append(rows.program.record(ops.sort_codes, sort))
            rows.gradients[number] = Gradient(
                ops.update_table,
                {
                    dense.GRADIENT_DZ: d.values,
                    dense.GRADIENT_DZ_STRIDE: d.stride,
                    ops.VECTOR_SIZE: size,
                    ops.VECTOR_COLUMN: start,
                    **found,
                },
            )

"""Binds embeddings to kernels: columns of codes, and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fusednn.graph.calls import Call
from fusednn.kernels.ops.products import embedding, tied, tokens
from fusednn.plan.layout.forms import Table
from fusednn.plan.layout.turned_panels import Turned

from .data import DenseRows
from .lowering import Lowering


def embed(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """Copies the columns without codes, and the rows of the tables that the codes select."""
    source, columns = lowering.source, call.given["columns"]
    assert isinstance(source, DenseRows)
    tables = np.zeros((len(columns), embedding.TABLE_WIDTH), np.int64)
    plain = _plain_columns(columns, source.shape[1])
    start = plain["n_plain"]
    for table, array, column in zip(tables, call.given["tables"], columns, strict=True):
        form = lowering.form(array)
        assert isinstance(form, Table)
        lowering.program.point(table, embedding.FIRST, lowering.values(array))
        table[embedding.FROM], table[embedding.TO] = column, start
        table[embedding.CATEGORIES], table[embedding.SIZE] = form.shape
        table[embedding.STRIDE] = form.stride
        start += form.shape[1]
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "tables": tables.reshape(-1),
        "n_tables": len(tables),
        **plain,
        **source.read(lowering.orders["own"]),
    }
    return [lowering.program.record(embedding.embed_rows, operands)]


def embed_tokens(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The rows of the table that the codes of a sample select, one for each."""
    [table] = call.given["tables"]
    form, out = lowering.form(table), lowering.blocks[call.out["out"]]
    operands = {
        "out": out.by_sample,
        "out_row": out.stride,
        "lengths": lowering.lengths(call),
        **tokens_read(lowering, form.shape[0]),
    }
    if isinstance(form, Turned):
        operands |= form.look_up_operands(lowering.values(table))
        return [lowering.program.record(tied.embed_columns, operands)]
    assert isinstance(form, Table)
    operands |= {"table": lowering.values(table), "table_row": form.stride}
    return [lowering.program.record(tokens.embed_tokens, operands)]


def count_tokens(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The steps of each sample of tokens, up to the padding at its end."""
    padding = call.given["padding"]
    operands = {"counts": lowering.values(call.out["counts"]), "padding": padding}
    operands |= tokens_read(lowering, padding + 2)
    return [lowering.program.record(tokens.count_tokens, operands)]


def tokens_read(lowering: Lowering, count: int) -> dict[str, Any]:
    """How an op reads the codes of the data's samples; there are `count` codes."""
    source = lowering.source
    assert isinstance(source, DenseRows)
    name = source.X.dtype.name
    kind = 0 if source.X.dtype == lowering.dtype else 1 + tokens.INTEGERS.index(name)
    read = source.read(lowering.orders["own"])
    return {"kind": kind, "steps": source.shape[1], "count": count, **read}


def embed_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The gradient by the data, which is 0 in the columns of codes."""
    dx = lowering.blocks[call.out["dx"]]
    operands = {
        "dx": dx,
        "dout": lowering.blocks[call.given["dout"]].by_sample,
        **_plain_columns(call.given["columns"], dx.width),
    }
    return [lowering.program.record(embedding.embed_backward, operands)]


def _plain_columns(codes: Sequence[int], width: int) -> dict[str, Any]:
    """The columns of the data that hold no codes, and their number."""
    plain = [column for column in range(width) if column not in set(codes)]
    return {"plain": np.array([*plain, 0], np.int64), "n_plain": len(plain)}

"""Reads a network's ops from JSON values, and refuses those that do not fit or need too much."""

from __future__ import annotations

from itertools import accumulate
from math import prod
from operator import mul
from typing import Any

from fusednn.graph.layers.attention import Attention
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tied import Mirrored, Tied
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.windows import Windows

from . import windows_json
from .fields import Refused, flag, keyed, list_of, one_of, whole
from .op_fields import (
    ATTENTION_COLUMNS,
    MOST_DEPTH,
    MOST_OPS,
    MOST_WIDTH,
    NAMES,
    POSITIONS,
    fields_of,
    most_columns,
)

OUTPUT_AXES_SINCE = 6
"""The version whose networks may end with samples of several rows."""


class Budget:
    """How many columns the ops of a file may have together.

    Parameters
    ----------
    elements : int
        Elements of all tensors of the file.
    """

    def __init__(self, elements: int):
        self._columns = most_columns(elements)

    def take(self, columns: int, where: str) -> None:
        """Counts the columns of an op's output; refuses those beyond the most."""
        self._columns -= columns
        if self._columns < 0:
            raise Refused(f"{where} makes the network wider than its tensors can be")


def read_ops(
    value, where: str, elements: int, version: int, budget: Budget | None = None
) -> tuple[Layer, ...]:
    """Reads ops from a JSON value, and checks that their shapes fit together.

    Parameters
    ----------
    value : object
    where : str
        The value's place in the file.
    elements : int
        Elements of all tensors of the network; no op may be wider.
    version : int
        Version of the format.
    budget : Budget, optional
        That of a file of several networks.
    """
    reader = Reader(elements, version, budget or Budget(elements))
    ops = reader.ops(value, where)
    ends_with_axes = len(reader.check_shapes(ops, where, (ops[0].fan_in,))) > 1
    if ends_with_axes and version < OUTPUT_AXES_SINCE:
        raise Refused(f"{where} must end with one row for each sample")
    for at, (op, found) in enumerate(zip(ops, value, strict=True)):
        if isinstance(op, Dense) and found["last"] != (at == len(ops) - 1):
            raise Refused(f"{where}[{at}].last must be true of the last op alone")
        if isinstance(op, Tied):
            _check_tied(ops, at, where)
        if isinstance(op, Mirrored):
            _check_mirrored(ops, at, where)
    if isinstance(ops[0], Dense) and not value[0]["first"]:
        raise Refused(f"{where}[0].first must be true: it reads the data")
    return ops


def _check_tied(ops: tuple[Layer, ...], at: int, where: str) -> None:
    """Refuses a tied op that is not the last, behind a first op with its table."""
    op, first = ops[at], ops[0]
    table = (first.categories, first.size) if isinstance(first, TokenEmbedding) else None
    if at != len(ops) - 1 or table != (op.fan_out, op.fan_in):
        raise Refused(f"{where}[{at}] must be the last op, and have the vectors of the first")


def _check_mirrored(ops: tuple[Layer, ...], at: int, where: str) -> None:
    """Refuses an op whose weights are not those of an earlier dense layer, transposed."""
    op = ops[at]
    assert isinstance(op, Mirrored)
    found, other = None, ops[op.of] if op.of < at else None
    if isinstance(other, Dense) and not other.weight_norm:
        found = other.fan_out, other.fan_in
    if found != (op.fan_in, op.fan_out):
        raise Refused(f"{where}[{at}] must have the weights of an earlier Dense, transposed")


class Reader:
    """Reads ops, and counts them and their columns.

    Parameters
    ----------
    elements : int
        Elements of all tensors together.
    version : int
        Version of the format.
    budget : Budget
    """

    def __init__(self, elements: int, version: int, budget: Budget):
        self._version = version
        self._widest, self._depth, self._count = elements, 0, 0
        self._take = budget.take

    def ops(self, value, where: str, least: int = 1) -> tuple[Layer, ...]:
        """Reads a chain of `least` ops or more."""
        return list_of(self._op, least, MOST_OPS)(value, where)

    def check_shapes(
        self, ops: tuple[Layer, ...], where: str, shape: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Refuses ops that do not fit together; returns the shape of the last op's output."""
        for at, op in enumerate(ops):
            place = f"{where}[{at}]"
            if isinstance(op, Residual):
                shape = self._check_block(op, place, shape)
                continue
            if isinstance(op, Chain):
                shape = self.check_shapes(op.inner, f"{place}.inner", shape)
                continue
            if isinstance(op, Recurrent):  # each direction has the sums of all steps
                self._take(shape[0] * op.columns * op.directions, place)
            if isinstance(op, Attention):  # a block of queries has a weight of each step
                self._take(shape[0] * ATTENTION_COLUMNS, place)
            try:
                shape = op.out_shape(shape)
            except ValueError as error:
                raise Refused(f"{place} {error}") from None
            self._take(prod(shape) - op.fan_out, place)
        return shape

    def _check_block(self, op: Residual, where: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        found = self.check_shapes(op.inner, f"{where}.inner", shape)
        added = self.check_shapes(op.shortcut, f"{where}.shortcut", shape)
        if found == added:
            return found
        if op.shortcut:
            raise Refused(f"{where}.shortcut must have the outputs of {where}.inner")
        raise Refused(f"{where}.inner must have as many outputs as inputs")

    def shape(self, value, where: str) -> tuple[int, ...]:
        """Reads sizes of axes; refuses a product that exceeds the most columns of a network."""
        sizes, most = list_of(whole(1, MOST_WIDTH), 1)(value, where), most_columns(self._widest)
        if any(count > most for count in accumulate(sizes, mul)):
            raise Refused(f"{where} has more elements than a network of its tensors can have")
        return sizes

    def windows(self, value, where: str) -> Windows:
        """Reads windows; refuses those that would need more memory than a network can have."""
        return windows_json.read(value, where, most_columns(self._widest))

    def inner(self, value, where: str, least: int) -> tuple[Layer, ...]:
        """Reads a chain of `least` ops or more inside a residual block."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise Refused(f"its residual blocks are deeper than {MOST_DEPTH}")
        ops = self.ops(value, where, least)
        self._depth -= 1
        if any(
            isinstance(op, Dense) and found["last"] for op, found in zip(ops, value, strict=True)
        ):
            raise Refused(f"{where} must not hold the last op")
        return ops

    def _op(self, value, where: str) -> Layer:
        self._count += 1
        if self._count > MOST_OPS:
            raise Refused(f"there are more than {MOST_OPS} ops")
        name = value.get("op") if type(value) is dict else None
        kind = NAMES[one_of(NAMES)(name, f"{where}.op")]
        fields = fields_of(kind, self._version)
        positions = POSITIONS if kind is Dense else ()
        found = keyed(value, where, ("op", *fields, *positions))
        for key in positions:
            flag(found[key], f"{where}.{key}")
        parts = {
            key: field.read(found[key], f"{where}.{key}", self) for key, field in fields.items()
        }
        self._check_widths(parts, where)
        if kind is Embedding:
            self._check_embedding(parts, where)
        if kind is TokenEmbedding:
            self._check_tokens(parts, where)
        if kind is PiecewiseLinear:
            self._check_bins(parts, where)
        if kind is Periodic:
            self._check_periodic(parts, where)
        if kind is Tied and self._depth:
            raise Refused(f"{where} must be the last op")
        if kind is Mirrored and self._depth:
            raise Refused(f"{where} must not be inside another op")
        if kind is Attention:
            _check_attention(parts, where)
        if kind in windows_json.CHECKS:
            most = most_columns(self._widest)
            self._take(windows_json.CHECKS[kind](parts, where, most), where)
        op = kind(**parts)
        self._take(op.fan_out, where)
        return op

    def _check_widths(self, parts: dict[str, Any], where: str) -> None:
        """Refuses widths that are too large, before memory is allocated for them."""
        for key in ("fan_in", "fan_out", "width", "units"):
            if parts.get(key, 0) > self._widest:
                raise Refused(f"{where}.{key} is more than the tensors have elements")

    def _check_embedding(self, parts: dict[str, Any], where: str) -> None:
        if self._depth or self._count > 1:
            raise Refused(f"{where} must be the first op")
        if len({len(parts[key]) for key in ("columns", "categories", "sizes")}) > 1:
            raise Refused(f"{where} must have as many categories and sizes as columns")
        _check_columns(parts, where)
        if sum(parts["sizes"]) > self._widest:
            raise Refused(f"{where}.sizes are more than the tensors have elements")

    def _check_periodic(self, parts: dict[str, Any], where: str) -> None:
        _check_columns(parts, where)
        if parts["size"] < 2 and not parts["is_plr"]:
            raise Refused(f"{where}.size must be 2 or more, since it has the columns themselves")
        for key in ("frequencies", "size"):
            if parts[key] * len(parts["columns"]) > self._widest:
                raise Refused(f"{where}.{key} are more than the tensors have elements")

    def _check_bins(self, parts: dict[str, Any], where: str) -> None:
        _check_columns(parts, where)
        if len(parts["bins"]) != len(parts["columns"]):
            raise Refused(f"{where} must have as many bins as columns")
        if max(sum(parts["bins"]), parts["size"] * len(parts["columns"])) > self._widest:
            raise Refused(f"{where} makes more numbers than the tensors have elements")

    def _check_tokens(self, parts: dict[str, Any], where: str) -> None:
        if self._depth or self._count > 1:
            raise Refused(f"{where} must be the first op")
        if parts["categories"] * parts["size"] > self._widest:
            raise Refused(f"{where} has more vectors than the tensors have elements")
        if (parts["padding"] or 0) >= parts["categories"]:
            raise Refused(f"{where}.padding must be one of its {parts['categories']} codes")


def _check_columns(parts: dict[str, Any], where: str) -> None:
    columns = parts["columns"]
    if len(set(columns)) != len(columns) or max(columns) >= parts["fan_in"]:
        raise Refused(f"{where}.columns must be different ones of its {parts['fan_in']}")


def _check_attention(parts: dict[str, Any], where: str) -> None:
    if parts["heads"] % parts["key_heads"]:
        raise Refused(f"{where}.key_heads must divide its heads")
    if parts["base"] > 0 and parts["size"] % 2:
        raise Refused(f"{where}.size must be even, since it has a base")

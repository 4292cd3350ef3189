"""Converts a network's ops to JSON values and back.

Names in a file are only looked up in the tables below; nothing is imported or called by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from math import prod
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.recurrent import GATES, Recurrent
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.untrained import GaussianNoise, Identity, Standardize
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.parameters import Parameter
from fusednn.graph.windows import Windows
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.plan.binding.activations import epilogue

from . import windows_json
from .fields import Refused, flag, keyed, list_of, number, one_of, optional, whole

MOST_OPS = 4096
MOST_DEPTH = 32
"""The deepest nesting of residual blocks."""

MOST_WIDTH = (1 << 31) - 1
SPARE_WIDTHS = 1 << 24
WIDTHS_PER_ELEMENT = 16
"""Ops without parameters could have any width, and convolutions any number of pixels. The columns
of all ops together are limited to this number per element of the tensors, plus `SPARE_WIDTHS`, so
a small file cannot need much memory. The latter allows some ten layers over 224 x 224 pixels."""


ATTENTION_COLUMNS = 64
"""The columns for each step that attention counts as: at most two panels of weights."""


def most_columns(elements: int) -> int:
    """The most columns that all ops together may have, given the elements of all tensors."""
    return WIDTHS_PER_ELEMENT * elements + SPARE_WIDTHS


class Kind(NamedTuple):
    """Functions that write and read a field of an op."""

    write: Callable[[Any], Any]
    read: Callable[[Any, str, Reader], Any]


def _plain(check) -> Kind:
    return Kind(lambda value: value, lambda value, where, reader: check(value, where))


def _written_after(after: Epilogue) -> dict[str, Any]:
    return {"activation": after.activation, "constants": list(after.constants)}


def _read_after(value, where: str, reader: Reader) -> Epilogue:
    found = keyed(value, where, ("activation", "constants"))
    name = one_of(ACTIVATIONS)(found["activation"], f"{where}.activation")
    count = len(ACTIVATIONS[name].constants)
    constants = list_of(number(-1e30, 1e30))(found["constants"], f"{where}.constants")
    if len(constants) not in (0, count):
        raise Refused(f"{where}.constants must be {count} for {name}, or none")
    return epilogue(name, constants)


SIZE = _plain(whole(1, MOST_WIDTH))
SIZES = Kind(list, lambda value, where, _: list_of(whole(1, MOST_WIDTH), 1)(value, where))
NUMBERS = Kind(list, lambda value, where, _: list_of(whole(0, MOST_WIDTH), 1)(value, where))
PERHAPS_NUMBER = _plain(optional(whole(0, MOST_WIDTH)))
SHAPE = Kind(list, lambda value, where, reader: reader.shape(value, where))
FLAG = _plain(flag)
CELL = _plain(one_of(GATES))
EPSILON = _plain(number(1e-30, 1e30))
BASE = _plain(number(0.0, 1e30))
WINDOWS = Kind(windows_json.written, lambda value, where, reader: reader.windows(value, where))
AFTER = Kind(_written_after, _read_after)
OPS = Kind(list, lambda value, where, reader: reader.inner(value, where, 1))
PERHAPS_OPS = Kind(list, lambda value, where, reader: reader.inner(value, where, 0))
CONVOLUTION = {
    "fan_in": SIZE,
    "fan_out": SIZE,
    "windows": WINDOWS,
    "groups": SIZE,
    "after": AFTER,
}

FIELDS: dict[type, dict[str, Kind]] = {
    Dense: {
        "fan_in": SIZE,
        "fan_out": SIZE,
        "after": AFTER,
        "weight_norm": FLAG,
    },
    BatchNorm: {"width": SIZE, "after": AFTER, "epsilon": EPSILON},
    LayerNorm: {"width": SIZE, "after": AFTER, "centered": FLAG, "epsilon": EPSILON},
    PReLU: {"width": SIZE, "after": AFTER},
    Standardize: {"width": SIZE, "after": AFTER},
    Rescale: {"width": SIZE, "after": AFTER},
    Identity: {"width": SIZE, "after": AFTER},
    GaussianNoise: {"width": SIZE, "after": AFTER},
    Embedding: {
        "fan_in": SIZE,
        "columns": NUMBERS,
        "categories": SIZES,
        "sizes": SIZES,
        "after": AFTER,
    },
    TokenEmbedding: {
        "fan_in": SIZE,
        "categories": SIZE,
        "size": SIZE,
        "padding": PERHAPS_NUMBER,
        "after": AFTER,
    },
    Residual: {"inner": OPS, "shortcut": PERHAPS_OPS, "after": AFTER},
    Reshape: {"shape": SHAPE, "channels_first": FLAG, "after": AFTER},
    Convolution: CONVOLUTION,
    TransposedConvolution: CONVOLUTION,
    UpSampling: {"shape": SHAPE, "factors": SIZES, "after": AFTER},
    Pooling: {
        "width": SIZE,
        "windows": WINDOWS,
        "largest": FLAG,
        "is_whole": FLAG,
        "after": AFTER,
    },
    Recurrent: {
        "fan_in": SIZE,
        "units": SIZE,
        "cell": CELL,
        "sequences": FLAG,
        "both": FLAG,
        "after": AFTER,
    },
    Chain: {"inner": OPS, "after": AFTER},
    Attention: {
        "size": SIZE,
        "heads": SIZE,
        "key_heads": SIZE,
        "causal": FLAG,
        "base": BASE,
        "after": AFTER,
    },
    Positions: {"steps": SIZE, "width": SIZE, "learned": FLAG, "after": AFTER},
    Gate: {"width": SIZE, "after": AFTER},
}
"""The fields of each op that affect its outputs."""

SINCE: dict[type, int] = {
    Reshape: 3,
    Convolution: 4,
    TransposedConvolution: 4,
    UpSampling: 4,
    Pooling: 4,
    Recurrent: 6,
    TokenEmbedding: 6,
    Chain: 7,
    Attention: 7,
    Positions: 7,
    Gate: 7,
}
"""The version of the format that introduced an op, if it is not the first."""

SHORTCUT_SINCE = 4
"""The version that introduced `shortcut`; residual blocks of earlier files add their input."""

OUTPUT_AXES_SINCE = 6
"""The version whose networks may end with samples of several rows."""

POSITIONS = "first", "last"
"""Keys of a dense layer: whether no trained op comes before it, and whether it yields the logits.
They are redundant, because the list of ops shows the same; the format has them since version 1."""

FILE_NAMES: dict[type, str] = {
    **{kind: kind.__name__ for kind in FIELDS},
    **{Identity: "Through", GaussianNoise: "Noise", Standardize: "Scale"},
}
"""Names of the ops in files. Three keep older names."""

NAMES = {name: kind for kind, name in FILE_NAMES.items()}
TRAINING_ONLY = GaussianNoise
"""Folding removes these ops, and `weight_norm`."""


def fields_of(kind: type, version: int) -> dict[str, Kind]:
    """The fields of an op in a version of the format."""
    fields = FIELDS[kind]
    if kind is Residual and version < SHORTCUT_SINCE:
        return {name: field for name, field in fields.items() if name != "shortcut"}
    return fields


def written_ops(ops: tuple[Layer, ...], version: int) -> list[dict[str, Any]]:
    """Converts ops to JSON values.

    Parameters
    ----------
    ops : tuple of Layer
    version : int
        A version of the format that supports them.

    Raises
    ------
    KeyError
        If the tables lack an op.
    """
    return _written(ops, version, last=ops[-1], bare=True)


def _written(
    ops: tuple[Layer, ...], version: int, last: Layer | None, bare: bool
) -> list[dict[str, Any]]:
    """`bare`: no trained op comes before; `last`: the op that yields the logits."""
    found = []
    for op in ops:
        value: dict[str, Any] = {"op": FILE_NAMES[type(op)]}
        for name, kind in fields_of(type(op), version).items():
            part = getattr(op, name)
            is_chain = kind in (OPS, PERHAPS_OPS)
            value[name] = _written(part, version, None, bare) if is_chain else kind.write(part)
        if isinstance(op, Dense):
            value |= zip(POSITIONS, (bare, op is last), strict=True)
        bare = bare and not any(parameter.trained for parameter in op.parameters())
        found.append(value)
    return found


def read_ops(value, where: str, elements: int, version: int) -> tuple[Layer, ...]:
    """Reads ops from a JSON value, and checks that their shapes fit together.

    Parameters
    ----------
    value : object
    where : str
        The value's place in the file.
    elements : int
        Elements of all tensors together; no op may be wider.
    version : int
        Version of the format.
    """
    reader = Reader(elements, version)
    ops = reader.ops(value, where)
    ends_with_axes = len(reader.check_shapes(ops, where, (ops[0].fan_in,))) > 1
    if ends_with_axes and version < OUTPUT_AXES_SINCE:
        raise Refused(f"{where} must end with one row for each sample")
    for at, (op, found) in enumerate(zip(ops, value, strict=True)):
        if isinstance(op, Dense) and found["last"] != (at == len(ops) - 1):
            raise Refused(f"{where}[{at}].last must be true of the last op alone")
    if isinstance(ops[0], Dense) and not value[0]["first"]:
        raise Refused(f"{where}[0].first must be true: it reads the data")
    return ops


class Reader:
    """Reads ops, and counts them and their columns.

    Parameters
    ----------
    elements : int
        Elements of all tensors together.
    version : int
        Version of the format.
    """

    def __init__(self, elements: int, version: int):
        self._version = version
        self._widest, self._depth, self._count = elements, 0, 0
        self._columns = most_columns(elements)

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
        if kind is Attention:
            _check_attention(parts, where)
        if kind in windows_json.CHECKS:
            most = most_columns(self._widest)
            self._take(windows_json.CHECKS[kind](parts, where, most), where)
        op = kind(**parts)
        self._take(op.fan_out, where)
        return op

    def _take(self, columns: int, where: str) -> None:
        """Counts the columns of an op's output."""
        self._columns -= columns
        if self._columns < 0:
            raise Refused(f"{where} makes the network wider than its tensors can be")

    def _check_widths(self, parts: dict[str, Any], where: str) -> None:
        """Refuses widths that are too large, before memory is allocated for them."""
        for key in ("fan_in", "fan_out", "width", "units"):
            if parts.get(key, 0) > self._widest:
                raise Refused(f"{where}.{key} is more than the tensors have elements")

    def _check_embedding(self, parts: dict[str, Any], where: str) -> None:
        if self._depth or self._count > 1:
            raise Refused(f"{where} must be the first op")
        columns = parts["columns"]
        if len({len(parts[key]) for key in ("columns", "categories", "sizes")}) > 1:
            raise Refused(f"{where} must have as many categories and sizes as columns")
        if len(set(columns)) != len(columns) or max(columns) >= parts["fan_in"]:
            raise Refused(f"{where}.columns must be different ones of its {parts['fan_in']}")
        if sum(parts["sizes"]) > self._widest:
            raise Refused(f"{where}.sizes are more than the tensors have elements")

    def _check_tokens(self, parts: dict[str, Any], where: str) -> None:
        if self._depth or self._count > 1:
            raise Refused(f"{where} must be the first op")
        if parts["categories"] * parts["size"] > self._widest:
            raise Refused(f"{where} has more vectors than the tensors have elements")
        if (parts["padding"] or 0) >= parts["categories"]:
            raise Refused(f"{where}.padding must be one of its {parts['categories']} codes")


def _check_attention(parts: dict[str, Any], where: str) -> None:
    if parts["heads"] % parts["key_heads"]:
        raise Refused(f"{where}.key_heads must divide its heads")
    if parts["base"] > 0 and parts["size"] % 2:
        raise Refused(f"{where}.size must be even, since it has a base")


def has_training_ops(ops: tuple[Layer, ...]) -> bool:
    """Whether there are ops or settings that folding would have removed."""
    return any(
        isinstance(op, TRAINING_ONLY)
        or (isinstance(op, Dense) and op.weight_norm)
        or (isinstance(op, Residual | Chain) and has_training_ops(op.ops))
        for op in ops
    )


def version_of_ops(ops: tuple[Layer, ...]) -> int:
    """The first version of the format that supports all of the ops."""
    return max(map(_version_of, ops))


def _version_of(op: Layer) -> int:
    if not isinstance(op, Residual):
        return SINCE.get(type(op), 1)
    return max(version_of_ops(op.ops), SHORTCUT_SINCE if op.shortcut else 1)


def named_parameters(
    ops: tuple[Layer, ...], where: str = "ops"
) -> Iterator[tuple[str, Parameter]]:
    """Yields the parameters with names such as `ops.0.weights`, in the order of the ops."""
    for at, op in enumerate(ops):
        if isinstance(op, Residual):
            yield from named_parameters(op.inner, f"{where}.{at}.inner")
            yield from named_parameters(op.shortcut, f"{where}.{at}.shortcut")
            continue
        if isinstance(op, Chain):
            yield from named_parameters(op.inner, f"{where}.{at}.inner")
            continue
        for parameter in op.parameters():
            yield f"{where}.{at}.{parameter.name}", parameter


def check_values(name: str, parameter: Parameter, array: np.ndarray) -> None:
    """Refuses values that a parameter cannot have."""
    if not parameter.finite:  # may be infinite
        if np.isnan(array).any():
            raise Refused(f"tensor {name!r} holds NaN")
    elif not np.isfinite(array).all():
        raise Refused(f"tensor {name!r} holds NaN or infinity")
    if array.min(initial=np.inf) < parameter.least:
        raise Refused(f"tensor {name!r} holds a {parameter.name} below {parameter.least:g}")

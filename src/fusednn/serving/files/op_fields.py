"""The closed table of ops and their fields in files.

Names in a file are only looked up in the tables below; nothing is imported or called by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fusednn.graph.layers.attention import Attention, Gate, Positions
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.latent import Latent
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.prelu import PReLU
from fusednn.graph.layers.recurrent import GATES, Recurrent
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tabular.parametric import Parametric
from fusednn.graph.layers.tabular.periodic import Periodic
from fusednn.graph.layers.tabular.piecewise_linear import PiecewiseLinear
from fusednn.graph.layers.tabular.scaling import Scaling
from fusednn.graph.layers.tied import Mirrored, Tied
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.untrained import GaussianNoise, Identity, Standardize
from fusednn.graph.layers.upsampling import UpSampling
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
    read: Callable[[Any, str, Any], Any]


def _plain(check) -> Kind:
    return Kind(lambda value: value, lambda value, where, reader: check(value, where))


def _written_after(after: Epilogue) -> dict[str, Any]:
    return {"activation": after.activation, "constants": list(after.constants)}


def _read_after(value, where: str, reader: Any) -> Epilogue:
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
NUMBER = _plain(whole(0, MOST_WIDTH))
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
    Parametric: {"width": SIZE, "function": AFTER, "after": AFTER},
    Periodic: {
        "fan_in": SIZE,
        "columns": NUMBERS,
        "frequencies": SIZE,
        "size": SIZE,
        "is_plr": FLAG,
        "after": AFTER,
    },
    PiecewiseLinear: {
        "fan_in": SIZE,
        "columns": NUMBERS,
        "bins": SIZES,
        "size": NUMBER,
        "after": AFTER,
    },
    Scaling: {"width": SIZE, "after": AFTER},
    Standardize: {"width": SIZE, "after": AFTER},
    Rescale: {"width": SIZE, "after": AFTER},
    Identity: {"width": SIZE, "after": AFTER},
    GaussianNoise: {"width": SIZE, "after": AFTER},
    Latent: {"width": SIZE, "after": AFTER},
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
    Tied: {"fan_in": SIZE, "fan_out": SIZE, "after": AFTER},
    Mirrored: {"fan_in": SIZE, "fan_out": SIZE, "of": NUMBER, "after": AFTER},
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
    Latent: 8,
    Tied: 8,
    Mirrored: 8,
    Scaling: 9,
    Parametric: 9,
    Periodic: 9,
    PiecewiseLinear: 9,
}
"""The version of the format that introduced an op, if it is not the first."""

SHORTCUT_SINCE = 4
"""The version that introduced `shortcut`; residual blocks of earlier files add their input."""

POSITIONS = "first", "last"
"""Keys of a dense layer: whether no trained op comes before it, and whether it yields the logits.
They are redundant, because the list of ops shows the same; the format has them since version 1."""

FILE_NAMES: dict[type, str] = {
    **{kind: kind.__name__ for kind in FIELDS},
    **{Identity: "Through", GaussianNoise: "Noise", Standardize: "Scale"},
}
"""Names of the ops in files. Three keep older names."""

NAMES = {name: kind for kind, name in FILE_NAMES.items()}


def fields_of(kind: type, version: int) -> dict[str, Kind]:
    """The fields of an op in a version of the format."""
    fields = FIELDS[kind]
    if kind is Residual and version < SHORTCUT_SINCE:
        return {name: field for name, field in fields.items() if name != "shortcut"}
    return fields

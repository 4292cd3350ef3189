"""Reads models from safetensors files with a plan in the header; docs/files.md has the format."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from math import prod
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.layers.layer import Layer
from fusednn.serving.model import COLUMNS, MULTILABEL, Columns, Head, Model, output_axes

from .description import check_values, has_training_ops, named_parameters, version_of_ops
from .fields import Check, Refused, keyed, list_of, one_of, optional, record, text, whole
from .head_json import read_head
from .op_fields import MOST_WIDTH, most_columns
from .paths import path_of
from .reading_ops import read_ops
from .tensors import Entries, Tensors, parsed

VERSION = 10
"""The newest version of the format. All earlier ones are read. A file is written in the first
version that can hold it."""

KEY = "fusednn"
"""The plan's key in the header's metadata."""

PREDICTOR, ESTIMATOR, ENSEMBLE = KINDS = "predictor", "estimator", "ensemble"
ENSEMBLES_SINCE = 10
"""The first version that has files of several networks behind a preparation of tables."""
GAMES = ("GAN",)
"""Estimators whose file holds a network that makes samples, and behind it one that judges them."""

TWO_NETWORKS = "has two networks: take its generator_ or its discriminator_, which are predictors"
"""Why the whole is no predictor."""

TRAINING = "training."
"""Prefix of the names of tensors that only training needs."""

_FIRST = "version", "kind", "dtype", "ops", "head", "names", "features", "notes"
_SECOND = *_FIRST, "columns"
_FIFTH = *_SECOND, "axes"
KEYS = {1: _FIRST, **dict.fromkeys((2, 3, 4), _SECOND), **dict.fromkeys(range(5, 11), _FIFTH)}
"""The keys of each version of the format."""

DTYPES = {name: np.dtype(name) for name in ("float32", "float64")}
"""The types of networks."""
FEATURES: Check = optional(list_of(text))
_COLUMNS: Check = optional(
    record({"inputs": whole(1, MOST_WIDTH), "chosen": list_of(whole(0, MOST_WIDTH), 1)})
)

_AXES: Check = optional(list_of(whole(1, MOST_WIDTH), 2, 3))


@contextmanager
def opened(path) -> Iterator[BufferedIOBase]:
    """Opens a file; `Refused` becomes a ValueError that names the file."""
    path = path_of(path)
    with open(path, "rb") as file:
        try:
            yield file
        except Refused as error:
            raise ValueError(f"{path} cannot be loaded: {error}.") from None


class Plan(NamedTuple):
    """What every file begins with.

    Parameters
    ----------
    version : int
        Version of the format.
    kind : str
        One of `KINDS`.
    values : dict
        The plan; only these two keys have been checked.
    tensors : Tensors
    """

    version: int
    kind: str
    values: dict[str, Any]
    tensors: Any

    @classmethod
    def of(cls, file: BufferedIOBase) -> Plan:
        """Reads the header of a file."""
        tensors = Tensors(file)
        if set(tensors.metadata) != {KEY}:
            raise Refused("it is a safetensors file, but not one of fusednn")
        plan = parsed(tensors.metadata[KEY], "its plan")
        version = plan.get("version")
        if type(version) is int and version > VERSION:
            raise Refused(
                f"its format is of version {reprlib.repr(version)}, and this fusednn reads up to"
                f" {VERSION}: a later fusednn can"
            )
        if type(version) is not int or version not in KEYS:
            raise Refused("its plan has no version that is known")
        kinds = KINDS if version >= ENSEMBLES_SINCE else KINDS[:-1]
        return cls(version, one_of(kinds)(plan.get("kind"), "kind"), plan, tensors)


class Contents(NamedTuple):
    """The checked header of a file, before its tensors are read.

    Parameters
    ----------
    version : int
        Version of the format.
    kind : {"predictor", "estimator"}
    ops : tuple of Layer
        A predictor's are folded; an estimator's are as trained.
    head : Head
    dtype : dtype
        float32 or float64.
    names, features, notes, columns, axes
        See `Model`.
    estimator : object
        JSON that only estimators read; None for a predictor.
    tensors : Tensors
    """

    version: int
    kind: str
    ops: tuple[Layer, ...]
    head: Head
    dtype: np.dtype
    names: tuple[str, str]
    features: tuple[str, ...] | None
    notes: dict[str, Any]
    columns: Columns | None
    axes: tuple[int, ...] | None
    estimator: Any
    tensors: Tensors

    @classmethod
    def of(cls, file: BufferedIOBase) -> Contents:
        """Reads the header of a file of one network and checks it."""
        return cls.of_plan(Plan.of(file))

    @classmethod
    def of_plan(cls, begun: Plan) -> Contents:
        """Checks a header."""
        version, kind, plan, tensors = begun
        if kind == ENSEMBLE:
            raise Refused("it holds a model of several networks")
        keys = KEYS[version]
        keyed(plan, "its plan", keys if kind == PREDICTOR else (*keys, "estimator"))
        ops = read_ops(plan["ops"], "ops", tensors.elements, version)
        if version_of_ops(ops) > version:
            raise Refused(f"its ops have some that version {version} of its format has not")
        if kind == PREDICTOR and has_training_ops(ops):
            raise Refused("its ops have some that only training needs")
        columns = read_columns(plan.get("columns"), ops[0].fan_in, tensors.elements)
        if kind == ESTIMATOR and columns is not None:
            raise Refused("columns are of predictors alone")
        inputs = ops[0].fan_in if columns is None else columns.inputs
        features = FEATURES(plan["features"], "features")
        if features is not None and len(features) != inputs:
            raise Refused(f"its features must be {inputs}, the columns of the rows")
        axes = read_axes(plan.get("axes"), inputs)
        if axes is not None and columns is not None:
            raise Refused("axes are of samples whose columns are not chosen")
        if type(plan["notes"]) is not dict:
            raise Refused("its notes must be an object")
        first, last = list_of(text, 2, 2)(plan["names"], "names")
        contents = cls(
            version,
            kind,
            ops,
            read_head(plan["head"], "head", ops[-1].fan_out, version),
            DTYPES[one_of(DTYPES)(plan["dtype"], "dtype")],
            (first, last),
            features,
            plan["notes"],
            columns,
            axes,
            plan.get("estimator"),
            tensors,
        )
        check_outputs(ops, contents.head)
        contents._check_tensors()
        return contents

    def _check_tensors(self) -> None:
        """Compares the file's tensors with the ops' parameters."""
        expected = check_parameters(self.tensors, self.ops, self.dtype)
        check_no_others(self.tensors, expected, self.kind == ESTIMATOR)

    def model(self) -> Model:
        """The model. Iterating over its arrays reads them from the file, which must be open."""
        return Model(
            self.ops,
            read_parameters(self.tensors, self.ops),
            self.head,
            self.dtype,
            self.names,
            self.features,
            self.notes,
            self.columns,
            self.axes,
        )


def check_parameters(
    tensors: Entries, ops: tuple[Layer, ...], dtype: np.dtype, where: str = "ops"
) -> set[str]:
    """Refuses ops without fitting tensors; returns their names, which begin with `where`."""
    expected = dict(named_parameters(ops, where))
    for name, parameter in expected.items():
        tensors.check(name, parameter.shape, np.dtype(float) if parameter.exact else dtype)
    return set(expected)


def check_no_others(tensors: Entries, expected: set[str], for_training: bool) -> None:
    """Refuses other tensors than those expected, and perhaps those that only training needs."""
    for name in tensors.entries:
        if name not in expected and not (for_training and name.startswith(TRAINING)):
            raise Refused(f"it has an unexpected tensor, {name[:80]!r}")


def read_parameters(
    tensors: Tensors, ops: tuple[Layer, ...], where: str = "ops"
) -> Iterator[np.ndarray]:
    """Reads the parameters of ops one by one, and refuses values that they cannot have."""
    for name, parameter in named_parameters(ops, where):
        array = tensors.read(name)
        check_values(name, parameter, array)
        yield array


def check_outputs(ops: tuple[Layer, ...], head: Head) -> None:
    """Refuses ops that end with samples of several rows before a head that takes one row."""
    if output_axes(ops) and head.kind in (MULTILABEL, COLUMNS):
        raise Refused(f"its ops must end with one row for each sample, for {head.kind}")


def read_axes(value, inputs: int) -> tuple[int, ...] | None:
    """Reads the axes of a sample, which has so many elements."""
    axes = _AXES(value, "axes")
    if axes is not None and prod(axes) != inputs:
        raise Refused(f"axes must have the {inputs} elements of a row")
    return axes


def read_columns(value, width: int, elements: int) -> Columns | None:
    """Reads the columns that a network of `width` inputs and `elements` tensor elements uses."""
    found = _COLUMNS(value, "columns")
    if found is None:
        return None
    columns = Columns(**found)
    if len(columns.chosen) != width or max(columns.chosen) >= columns.inputs:
        raise Refused(f"columns.chosen must be {width} of the {columns.inputs} columns")
    if columns.inputs > most_columns(elements):
        raise Refused("columns.inputs are more columns than a network of its tensors can have")
    return columns

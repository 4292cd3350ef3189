"""Writes models to files, in the first version of the format that can hold them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fusednn.serving.model import Columns, Model, output_axes

from .description import check_values, named_parameters, version_of_ops, written_ops
from .fields import Refused
from .head_json import read_head, version_of, written_head
from .reading import (
    ESTIMATOR,
    FEATURES,
    KEY,
    KEYS,
    PREDICTOR,
    check_outputs,
    read_axes,
    read_columns,
)
from .reading_ops import OUTPUT_AXES_SINCE, read_ops
from .replacing import write_tensors
from .tensors import MOST_HEADER, parsed


def save_model(
    model: Model,
    path,
    estimator: dict[str, Any] | None = None,
    tensors: Mapping[str, np.ndarray] | None = None,
    version: int = 1,
) -> None:
    """Writes the model of a predictor or of an estimator.

    Parameters
    ----------
    model : Model
    path : str, bytes or os.PathLike
    estimator : dict, optional
        Values of an estimator, which `Contents.estimator` returns.
    tensors : mapping of str to ndarray, optional
        Tensors that `estimator` refers to.
    version : int
        The first version of the format that supports `estimator`.

    Raises
    ------
    ValueError
        If the format cannot express the model.
    OSError
        If the file cannot be written; an existing file is then unchanged.
    """
    kind = PREDICTOR if estimator is None else ESTIMATOR
    version = max(
        version,
        version_of(model.head),
        version_of_ops(model.ops),
        1 if model.columns is None else 2,
        1 if model.axes is None else 5,
        OUTPUT_AXES_SINCE if output_axes(model.ops) else 1,
    )
    plan: dict[str, Any] = {"version": version, "kind": kind}
    plan |= {key: write(model, version) for key, write in _WRITERS.items() if key in KEYS[version]}
    plan["head"] = _head(model, version)
    if estimator is not None:
        plan["estimator"] = estimator
    try:
        arrays = _checked(model, plan)
    except Refused as error:
        raise ValueError(f"save cannot write this model: {error}.") from None
    write_plan(path, plan, arrays | dict(tensors or {}))


def write_plan(path, plan: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a file with a plan that has been checked; see `save_model` for the errors."""
    try:
        header = json.dumps(plan, allow_nan=False, separators=(",", ":"))
        parsed(header, "its plan")
    except Refused as error:
        raise ValueError(f"save cannot write this model: {error}.") from None
    # the file's header escapes each quote of the plan, and also holds the tensors' names
    if len(json.dumps(header)) + sum(200 + len(name) for name in arrays) > MOST_HEADER:
        raise ValueError(
            f"save cannot write a header of more than {MOST_HEADER} bytes: labels, names of"
            " features, or notes are too many or too long."
        )
    write_tensors(path, arrays, {KEY: header})


def _checked(model: Model, plan: dict[str, Any]) -> dict[str, np.ndarray]:
    """The model's arrays by name; refuses whatever `load` would refuse."""
    arrays = {}
    for (name, parameter), array in zip(named_parameters(model.ops), model.arrays, strict=True):
        check_values(name, parameter, array)
        arrays[name] = array
    elements = sum(array.size for array in arrays.values())
    ops = read_ops(plan["ops"], "ops", elements, plan["version"])
    read_columns(plan.get("columns"), ops[0].fan_in, elements)
    read_axes(plan.get("axes"), model.inputs)
    head = read_head(plan["head"], "head", ops[-1].fan_out, plan["version"])
    check_outputs(ops, head)
    FEATURES(plan["features"], "features")
    return arrays


def _head(model: Model, version: int) -> dict[str, Any]:
    try:
        return written_head(model.head, version)
    except TypeError as error:
        raise ValueError(f"save cannot write classes that are {error}.") from None


def written_notes(notes: dict[str, Any] | None) -> dict[str, Any]:
    """A user's notes, or none, as JSON has them; raises ValueError if it cannot."""
    notes = {} if notes is None else notes
    if not isinstance(notes, dict):
        raise ValueError(f"notes must be a dict, not {type(notes).__name__}.")
    try:
        return json.loads(json.dumps(notes, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"notes must be what JSON can write: {error}.") from None


def _columns(columns: Columns | None) -> dict[str, Any] | None:
    if columns is None:
        return None
    return {"inputs": columns.inputs, "chosen": list(columns.chosen)}


_WRITERS: dict[str, Callable[[Model, int], Any]] = {
    "dtype": lambda model, version: model.dtype.name,
    "ops": lambda model, version: written_ops(model.ops, version),
    "names": lambda model, version: list(model.names),
    "features": lambda model, version: None if model.features is None else list(model.features),
    "notes": lambda model, version: written_notes(model.notes),
    "columns": lambda model, version: _columns(model.columns),
    "axes": lambda model, version: None if model.axes is None else list(model.axes),
}
"""Writers of the plan's keys, except the head, in a version of the format."""

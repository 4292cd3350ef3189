"""The plan of an ensemble's file: from values to JSON, and back with every value checked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.layers.layer import Layer
from fusednn.serving.files import label_json
from fusednn.serving.files.description import has_training_ops, version_of_ops, written_ops
from fusednn.serving.files.fields import (
    Check,
    Refused,
    flag,
    keyed,
    list_of,
    number,
    one_of,
    record,
    refuse,
    text,
)
from fusednn.serving.files.op_fields import MOST_WIDTH
from fusednn.serving.files.reading import (
    DTYPES,
    ENSEMBLE,
    ENSEMBLES_SINCE,
    Plan,
    check_no_others,
    check_parameters,
    read_parameters,
)
from fusednn.serving.files.reading_ops import Budget, read_ops
from fusednn.serving.files.tensors import Entries
from fusednn.tables.errors import TableError
from fusednn.tables.preparing.notes import KEY as PREPARATION
from fusednn.tables.preparing.notes import from_notes, to_notes
from fusednn.tables.preparing.preparation import Preparation

from .ensemble import Ensemble, Member, Target, check_weights, fitting_member, head_of, model_of
from .targets import Classes, Quantities, Spread

KEYS = (
    *("version", "kind", "dtype", "name", PREPARATION, "target", "members", "notes"),
    "estimator",
)
MOST_MEMBERS = 4096
LARGEST = 1e300
"""Numbers of a target are smaller, so that what is computed of them is finite."""

_NUMBERS = list_of(number(-LARGEST, LARGEST), 1, MOST_WIDTH)
_SPREAD = record({"centers": _NUMBERS, "deviations": list_of(number(0, LARGEST), 1, MOST_WIDTH)})
_QUANTITIES: dict[str, Check] = {
    "means": _NUMBERS,
    "factors": list_of(number(1e-300, LARGEST), 1, MOST_WIDTH),
    "least": _NUMBERS,
    "most": _NUMBERS,
    "quantiles": list_of(number(0, 1), 0, MOST_WIDTH),
    "column": flag,
    "spreads": list_of(_SPREAD, 0, MOST_WIDTH),
}


class Contents(NamedTuple):
    """The checked header of an ensemble's file, before its tensors are read.

    Parameters
    ----------
    preparation : Preparation
    target : Classes or Quantities
    ops : tuple of tuple of Layer
        Those of each member.
    weights : tuple of float
    dtype : dtype
    name : str
    notes : dict
    estimator : object
        JSON that only estimators read; None for a predictor.
    tensors : Tensors
        Or `Entries`, for a file that is to be written.
    """

    preparation: Preparation
    target: Target
    ops: tuple[tuple[Layer, ...], ...]
    weights: tuple[float, ...]
    dtype: np.dtype
    name: str
    notes: dict[str, Any]
    estimator: Any
    tensors: Any

    @classmethod
    def of(cls, begun: Plan) -> Contents:
        """Checks a header; raises `Refused`."""
        version, _, plan, tensors = begun
        keyed(plan, "its plan", KEYS)
        name, dtype = text(plan["name"], "name"), DTYPES[one_of(DTYPES)(plan["dtype"], "dtype")]
        preparation = _read_preparation(plan[PREPARATION])
        target = _read_target(plan["target"])
        if type(plan["notes"]) is not dict:
            raise Refused("its notes must be an object")
        if plan["estimator"] is not None and type(plan["estimator"]) is not dict:
            raise Refused("estimator must be null or an object")
        members = list_of(_member, 1, MOST_MEMBERS)(plan["members"], "members")
        weights = tuple(
            number(0, 1)(member["weight"], f"members[{at}].weight")
            for at, member in enumerate(members)
        )
        try:
            check_weights(weights)
        except ValueError as error:
            raise Refused(str(error)) from None
        found, expected, budget = [], set(), Budget(tensors.elements)
        elements = _elements(tensors)
        for at, member in enumerate(members):
            where = f"members[{at}].ops"
            ops = read_ops(member["ops"], where, elements.get(str(at), 0), version, budget)
            if version_of_ops(ops) > version:
                raise Refused(f"{where} has some that version {version} of its format has not")
            if has_training_ops(ops):
                raise Refused(f"{where} has some that only training needs")
            try:
                model = model_of(ops, (), head_of(target, ops), dtype, name)
                fitting_member(model, preparation, target, f"members[{at}]")
            except ValueError as error:
                raise Refused(str(error)) from None
            expected |= check_parameters(tensors, ops, dtype, tensors_of(at))
            found.append(ops)
        check_no_others(tensors, expected, plan["estimator"] is not None)
        return cls(
            preparation, target, tuple(found), weights, dtype, name, plan["notes"],
            plan["estimator"], tensors,
        )  # fmt: skip

    def ensemble(self) -> Ensemble:
        """The ensemble. Iterating over its arrays reads them from the file, which must be open."""
        members = []
        for at, (ops, weight) in enumerate(zip(self.ops, self.weights, strict=True)):
            arrays = read_parameters(self.tensors, ops, tensors_of(at))
            model = model_of(ops, arrays, head_of(self.target, ops), self.dtype, self.name)
            members.append(Member(model, weight))
        return Ensemble(self.preparation, tuple(members), self.target, self.name, self.notes)


def tensors_of(member: int) -> str:
    """Where the names of a member's tensors begin."""
    return f"members.{member}.ops"


def written_plan(
    ensemble: Ensemble, notes: dict[str, Any], estimator: dict[str, Any] | None
) -> dict[str, Any]:
    """
    The plan of an ensemble's file.

    Raises
    ------
    TypeError
        If labels are neither numbers, bools nor strings.
    """
    all_ops = [member.model.ops for member in ensemble.members]
    version = max(ENSEMBLES_SINCE, *map(version_of_ops, all_ops))
    return {
        "version": version,
        "kind": ENSEMBLE,
        "dtype": np.dtype(ensemble.members[0].model.dtype).name,
        "name": ensemble.name,
        **to_notes(ensemble.preparation),
        "target": _written_target(ensemble.target),
        "members": [
            {"weight": float(member.weight), "ops": written_ops(member.model.ops, version)}
            for member in ensemble.members
        ],
        "notes": notes,
        "estimator": estimator,
    }


def _member(value, where: str) -> dict[str, Any]:
    return keyed(value, where, ("weight", "ops"))


def _elements(tensors: Entries) -> dict[str, int]:
    """The elements of the tensors of each member, by its number."""
    found: dict[str, int] = {}
    for name, entry in tensors.entries.items():
        first, _, rest = name.partition(".")
        if first == "members":
            at = rest.partition(".")[0]
            found[at] = found.get(at, 0) + int(np.prod(entry.shape, dtype=object))
    return found


def _read_preparation(value) -> Preparation:
    if type(value) is not dict:
        raise refuse(PREPARATION, "an object", value)
    try:
        found = from_notes({PREPARATION: value}, "it")
    except TableError as error:
        raise Refused(str(error)) from None
    if to_notes(found)[PREPARATION] != value:  # further keys, or values of other types
        raise Refused("it has damaged notes on its table")
    return found


def _read_target(value) -> Target:
    if type(value) is dict and "classes" in value:
        found = keyed(value, "target", ("classes",))
        labels = label_json.read(found["classes"], "target.classes")
        if len(labels) < 2 or len(np.unique(labels)) < len(labels):
            raise Refused("target.classes must be two or more different labels")
        return Classes(labels)
    found = keyed(value, "target", _QUANTITIES)
    read = {key: check(found[key], f"target.{key}") for key, check in _QUANTITIES.items()}
    read["spreads"] = tuple(Spread(**spread) for spread in read["spreads"])
    target = Quantities(**read)
    counts = {len(part) for part in (target.means, target.factors, target.least, target.most)}
    ranges = zip(target.least, target.most, strict=False)
    if len(counts) > 1 or any(least > most for least, most in ranges):
        raise Refused("target must have a mean, a factor and a range for each quantity")
    if list(target.quantiles) != sorted(set(target.quantiles)):
        raise Refused("target.quantiles must ascend")
    if target.column and len(target.means) > 1:
        raise Refused("target.column is of one quantity")
    _check_spreads(target)
    return target


def _check_spreads(target: Quantities) -> None:
    counts = (0,) if target.quantiles else (0, len(target.means))
    if len(target.spreads) not in counts:
        raise Refused("target.spreads must be one for each quantity, or none")
    for spread in target.spreads:
        fits = len(spread.centers) == len(spread.deviations)
        if not fits or list(spread.centers) != sorted(spread.centers):
            raise Refused("target.spreads must have a deviation for each of ascending numbers")


def _written_target(target: Target) -> dict[str, Any]:
    if isinstance(target, Classes):
        return {"classes": label_json.written(target.labels)}
    numbers = "means", "factors", "least", "most", "quantiles"
    written: dict[str, Any] = {key: list(map(float, getattr(target, key))) for key in numbers}
    spreads = [
        {key: list(map(float, part)) for key, part in spread._asdict().items()}
        for spread in target.spreads
    ]
    return written | {"column": target.column, "spreads": spreads}

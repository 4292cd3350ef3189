"""Writes ensembles to files: all members' tensors, and the plan with the preparation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fusednn.serving.files.description import check_values, named_parameters
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import ENSEMBLE, Plan
from fusednn.serving.files.tensors import Entries, Entry
from fusednn.serving.files.writing import write_plan, written_notes

from .contents import Contents, tensors_of, written_plan
from .ensemble import Ensemble


def save_ensemble(
    ensemble: Ensemble,
    path,
    estimator: dict[str, Any] | None = None,
    tensors: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes an ensemble, and perhaps the estimator that has made it.

    Parameters
    ----------
    ensemble : Ensemble
    path : str, bytes or os.PathLike
    estimator : dict, optional
        Values of an estimator, which `Contents.estimator` returns.
    tensors : mapping of str to ndarray, optional
        Tensors that `estimator` refers to.

    Raises
    ------
    ValueError
        If the format cannot express the ensemble.
    OSError
        If the file cannot be written; an existing file is then unchanged.
    """
    notes = written_notes(ensemble.notes)
    try:
        plan = written_plan(ensemble, notes, estimator)
    except TypeError as error:
        raise ValueError(f"save cannot write classes that are {error}.") from None
    arrays = dict(tensors or {})
    try:
        for at, member in enumerate(ensemble.members):
            named = named_parameters(member.model.ops, tensors_of(at))
            for (name, parameter), array in zip(named, member.model.arrays, strict=True):
                check_values(name, parameter, array)
                arrays[name] = array
        entries = {name: Entry(one.dtype, one.shape, 0, 0) for name, one in arrays.items()}
        Contents.of(Plan(plan["version"], ENSEMBLE, plan, Entries(entries)))  # as `load` checks
    except Refused as error:
        raise ValueError(f"save cannot write this model: {error}.") from None
    write_plan(path, plan, arrays)

"""Saves estimators of raw tables to files, and loads them.

The ensemble has the format of a predictor's file, so `fusednn.load` reads the file too. What only
the estimator needs is in the entry `estimator` of the plan; docs/files.md describes it.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from fusednn.estimators.files.json_values import Reader, Unwritable, Writer
from fusednn.serving.ensembles.contents import Contents
from fusednn.serving.ensembles.writing import save_ensemble
from fusednn.serving.files.fields import Refused, keyed, one_of
from fusednn.serving.files.reading import ENSEMBLE, TRAINING, Plan, opened

from .answers import QuantityTarget
from .freezing import attributes_of, ensemble_of

CLASSES = "TabularClassifier", "TabularRegressor"
KEYS = "class", "params", "attributes"


def _is_answers(value) -> bool:
    return value is None or (type(value) is np.ndarray and value.dtype == float and value.ndim > 0)


def _is_history(value) -> bool:
    return type(value) is list and all(
        type(one) is dict
        and all(type(key) is str and isinstance(part, Real | str) for key, part in one.items())
        for one in value
    )


def _is_importances(value) -> bool:
    return type(value) is np.ndarray and value.dtype == float and value.ndim == 1


def _is_names(value) -> bool:
    return type(value) is tuple and all(type(name) is str for name in value)


ATTRIBUTES: dict[str, Callable[[Any], bool]] = {
    "oof_": _is_answers,
    "history_": _is_history,
    "feature_importances_": _is_importances,
    "target_names": _is_names,
}
"""What files hold besides the ensemble, each with the check of a value from a file."""
NEEDED = "oof_", "history_"


def save_estimator(estimator, path, notes=None) -> None:
    """Writes a fitted estimator; see `FilesMixin.save` for the errors."""
    ensemble = ensemble_of(estimator)._replace(notes=notes)
    estimator._validate_params()
    writer = Writer()
    params = estimator.get_params(deep=False)
    own = {name: getattr(estimator, name) for name in ATTRIBUTES if hasattr(estimator, name)}
    if isinstance(estimator._target, QuantityTarget):
        own["target_names"] = tuple(map(str, estimator._target.names))
    try:
        written = {
            "class": _class_name(type(estimator)),
            "params": {name: writer.write(_listed(value), name) for name, value in params.items()},
            "attributes": {name: writer.write(value, name) for name, value in own.items()},
        }
    except Unwritable as error:
        raise ValueError(
            f"save cannot write without pickle: the estimator has {error}. Use numbers, strings or"
            " lists of them, or save fusednn.freeze(estimator), which only predicts."
        ) from None
    save_ensemble(ensemble, path, written, writer.tensors)


def _listed(value: Any) -> Any:
    """An index or a series, such as columns of a frame, as a list; else the value."""
    return value.to_numpy().tolist() if hasattr(value, "to_numpy") else value


def load_estimator(cls, path):
    """Loads a file that `save_estimator` wrote; see `FilesMixin.load` for the errors."""
    with opened(path) as file:
        return read_estimator(cls, Plan.of(file))


def read_estimator(cls, plan: Plan):
    """Reads an estimator from an open file; raises `Refused` if it is of another class."""
    if plan.kind != ENSEMBLE:
        raise Refused("it holds no model of raw tables: fusednn.load reads it")
    contents = Contents.of(plan)
    if contents.estimator is None:
        raise Refused("it holds a predictor, which fusednn.load reads")
    written = keyed(contents.estimator, "estimator", KEYS)
    name = one_of(CLASSES)(written["class"], "estimator.class")
    if name != _class_name(cls):
        raise Refused(f"it holds a {name}, which {name}.load reads, not {cls.__name__}.load")
    reader = Reader(contents.tensors)
    estimator = _made(cls, written["params"], reader)
    own = _attributes(written["attributes"], reader)
    ensemble = contents.ensemble()
    names = own.pop("target_names", ())
    found = attributes_of(ensemble, names, estimator.n_jobs)
    is_classifier = "classes_" in found
    if is_classifier != estimator._classify:
        raise Refused(f"its target is not that of a {name}")
    _check_sizes(own, found, names)
    unused = {name for name in contents.tensors.entries if name.startswith(TRAINING)}
    if unused - reader.used:
        raise Refused(f"it has an unexpected tensor, {min(unused - reader.used)!r}")
    vars(estimator).update(found | own)
    return estimator


def _class_name(cls) -> str:
    """The name in `CLASSES` of a class or its base class."""
    return next(base.__name__ for base in cls.__mro__ if base.__name__ in CLASSES)


def _made(cls, given, reader: Reader):
    if type(given) is not dict or not set(given) <= set(cls._get_param_names()):
        raise Refused(f"its parameters are not those of {cls.__name__}")
    params = {name: reader.read(value, f"params.{name}") for name, value in given.items()}
    estimator = cls(**params)
    try:
        estimator._validate_params()
    except ValueError as error:  # the second sentence of scikit-learn's message has the value
        raise Refused(f"its parameters are refused: {str(error).split('. ')[0]}") from None
    return estimator


def _attributes(given, reader: Reader) -> dict[str, Any]:
    if type(given) is not dict:
        raise Refused("its attributes must be an object")
    found = {}
    for name, value in given.items():
        if name not in ATTRIBUTES:
            raise Refused(f"it has an unknown attribute, {name[:80]!r}")
        found[name] = reader.read(value, f"attributes.{name}")
        if not ATTRIBUTES[name](found[name]):
            raise Refused(f"its attribute {name} is not of the right kind")
    for name in NEEDED:
        if name not in found:
            raise Refused(f"it has no attribute {name}")
    return found


def _check_sizes(own: dict[str, Any], found: dict[str, Any], names: tuple[str, ...]) -> None:
    """Refuses attributes of another number of columns or targets."""
    importances = own.get("feature_importances_")
    if importances is not None and len(importances) != found["n_features_in_"]:
        raise Refused("its feature_importances_ are not one for each column")
    targets = len(getattr(found["_target"], "mean", ()))
    if names and len(names) != targets:
        raise Refused("its target_names are not one for each target")

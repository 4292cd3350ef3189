"""Saves estimators to files: parameters, fitted attributes, and the state that training needs.

The network and the meaning of its outputs have the format of a predictor's file, so `fusednn.load`
reads the file too. The rest is in the entry `estimator` of the plan; docs/files.md describes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fusednn.estimators.input.label_columns import MultioutputLabels
from fusednn.estimators.input.steps import axes_of
from fusednn.serving.files import label_json as label_values
from fusednn.serving.files.description import named_parameters
from fusednn.serving.files.reading import TRAINING
from fusednn.serving.files.writing import save_model
from fusednn.serving.model import Model
from fusednn.training.optimizer_state import OptimizerState

from .fitted_network import fitted_network_of
from .json_values import Unwritable, Writer
from .saved_attributes import ATTRIBUTES, ELSEWHERE, OPTIMIZER, as_list, class_name

ONLY_PREDICT = "or save fusednn.freeze(estimator), which only predicts"
LATER = {"augment": (4, None), "best_epoch": (10, "first")}
"""Parameters that estimators did not always have, the versions that introduced them, and their
defaults."""
CYCLES_SINCE = 10
"""The version that introduced `n_iter_no_change="cycle"`."""
REMEDIES = {
    "loss": f"Use a loss of fusednn.losses, {ONLY_PREDICT}.",
    "learning_rate": f"Use a schedule of fusednn.schedules, {ONLY_PREDICT}.",
    "scoring": f"Use the name of a scorer, {ONLY_PREDICT}.",
}


def save_estimator(estimator, path, notes=None) -> None:
    """Writes a fitted estimator; see `FilesMixin.save` for the errors."""
    estimator._check_fitted()
    estimator._validate_params()
    writer = Writer()
    written: dict[str, Any] = {"class": class_name(type(estimator))}
    params = estimator.get_params(deep=False)
    written["params"] = _written_params(writer, params)
    own = {name: value for name, value in vars(estimator).items() if name not in params}
    if "input_shape_" in own:  # the network says whether steps are free
        own["input_shape_"] = axes_of(estimator)
    written["attributes"] = {name: _written(writer, name, value) for name, value in _values(own)}
    found = fitted_network_of(estimator)
    dtype = estimator._network_dtype()
    written["labels"] = _written_labels(own)
    written["optimizer"] = None
    if "_optimizer" in own:
        written["optimizer"] = _written_optimizer(
            writer, own["_optimizer"], found.network.ops, dtype
        )
    names = getattr(estimator, "feature_names_in_", None)
    reads_noise = getattr(estimator, "_reads_noise", False)  # a generator does
    model = Model(
        found.network.ops,
        found.arrays,
        found.head,
        np.dtype(dtype),
        (type(estimator).__name__,) * 2,
        None if names is None or reads_noise else tuple(map(str, names)),
        notes,
        axes=None if reads_noise else own.get("input_shape_"),
    )
    _check_rebuilt(estimator, own)
    save_model(model, path, written, writer.tensors, writer.version)


def _values(own: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields the attributes that are written as values; raises ValueError for unknown ones."""
    for name, value in own.items():
        if name in ATTRIBUTES:
            yield name, value
        elif "callback" in name:
            if value:
                raise ValueError(
                    "save cannot write callbacks: remove them with set_callbacks(), and set"
                    " them again after loading."
                )
        elif name == "_metadata_request":
            raise ValueError(
                "save cannot write metadata requests: delete the attribute _metadata_request, and"
                " set them again after loading."
            )
        elif name not in ELSEWHERE:
            raise ValueError(
                f"save cannot write the attribute {name}, which is not of the estimator's own:"
                " delete it, and set it again after loading."
            )


def _written(writer: Writer, name: str, value: Any) -> Any:
    try:
        return writer.write(value, name)
    except Unwritable as error:
        if name == "_class_list":
            raise ValueError(
                f"save cannot write classes_ without pickle: it has {error}. Fit to numbers or"
                " strings, or save generator_ and discriminator_, which need no classes."
            ) from None
        remedy = REMEDIES.get(name, f"Use numbers, strings or lists of them, {ONLY_PREDICT}.")
        raise ValueError(
            f"save cannot write the parameter {name} without pickle: it has {error}. {remedy}"
        ) from None


def _written_params(writer: Writer, params: dict[str, Any]) -> dict[str, Any]:
    """The parameters; those of a later version of the format only if they are in use."""
    later = {
        name: since
        for name, (since, default) in LATER.items()
        if name in params and not _is_same(params[name], default)
    }
    if isinstance(params.get("n_iter_no_change"), str):  # "cycle"
        later["n_iter_no_change"] = CYCLES_SINCE
    writer.version = max(writer.version, *later.values(), 1)
    kept = {name: value for name, value in params.items() if name in later or name not in LATER}
    return {name: _written(writer, name, value) for name, value in kept.items()}


def _is_same(value: Any, default: str | None) -> bool:
    return value is default or (isinstance(value, str) and value == default)


def _written_labels(own: dict[str, Any]) -> dict[str, Any] | None:
    found = own.get("_labels")
    if found is None:
        return None
    several = isinstance(found, MultioutputLabels)
    try:
        written = [label_values.written(part) for part in as_list(found.classes)]
        shown = [label_values.written(np.asarray(part)) for part in as_list(own["classes_"])]
    except TypeError as error:
        raise ValueError(f"save cannot write classes that are {error}.") from None
    sparse = not several and found.is_multilabel and bool(found._binarizer.sparse_input_)
    return {"kind": found.kind, "classes": written, "classes_": shown, "sparse": sparse}


def _written_optimizer(writer: Writer, state: OptimizerState, ops, dtype) -> dict[str, Any]:
    named = list(named_parameters(ops))

    def keep(part: str, arrays) -> None:
        for (name, parameter), array in zip(named, arrays, strict=True):
            if np.shape(array) != parameter.shape:
                raise ValueError(
                    "save cannot write an optimizer's state for weights of other shapes than the"
                    " estimator's: fit it again."
                )
            writer.tensors[f"{TRAINING}{part}.{name}"] = np.asarray(array, dtype)

    for at, moment in enumerate(state.moments):
        keep(f"moments.{at}", moment)
    digest = None
    if state.raw is not None:
        raw, known = state.raw
        keep("raw", raw)
        digest = known.hex()
    return {
        "rule": [state.rule.optimizer, list(map(float, state.rule.constants))],
        "values": {
            name: _written(writer, name.strip("_"), getattr(state, name)) for name in OPTIMIZER
        },
        "moments": len(state.moments),
        "digest": digest,
    }


def _check_rebuilt(estimator, own: dict[str, Any]) -> None:
    """Raises ValueError if loading would rebuild another network, since parameters changed."""
    other = type(estimator)(**estimator.get_params(deep=False))
    vars(other).update({name: value for name, value in own.items() if name != "_built_layers"})
    other._restore(estimator._parameters())
    if other._network().ops != estimator._network().ops:
        raise ValueError(
            "save cannot write a network of other parameters than the estimator has now: some were"
            " set after it was fitted."
        )

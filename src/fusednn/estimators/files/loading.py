"""Loads estimators from files; checks every value before it is used."""

from __future__ import annotations

from io import BufferedIOBase
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from fusednn.estimators.input.label_columns import MultioutputLabels
from fusednn.estimators.input.labels import Labels
from fusednn.kernels.optimizers import OPTIMIZERS
from fusednn.optimizers import NAdam
from fusednn.plan.updating.rule import Rule
from fusednn.serving.files import label_json as label_values
from fusednn.serving.files.description import named_parameters, written_ops
from fusednn.serving.files.fields import (
    Refused,
    flag,
    keyed,
    list_of,
    number,
    one_of,
    record,
    text,
)
from fusednn.serving.files.head_json import written_head
from fusednn.serving.files.reading import ESTIMATOR, TRAINING, VERSION, Contents, opened
from fusednn.serving.model import output_axes
from fusednn.training.optimizer_state import OptimizerState

from .fitted_network import fitted_network_of
from .json_values import Reader
from .saved_attributes import ATTRIBUTES, CLASSES, NEEDED, OPTIMIZER, as_list, class_name

MOST_STEPS = 1 << 24
"""The most steps for which a file of NAdam may lack the product of its momenta.

NAdam would multiply them again, which takes time in proportion to the steps.
"""

_ESTIMATOR = ("class", "params", "attributes", "labels", "optimizer")
_LABELS = record(
    {
        "kind": text,
        "classes": list_of(label_values.read, 1),
        "classes_": list_of(label_values.read, 1),
        "sparse": flag,
    }
)


def load_estimator(cls, path):
    """Loads a file that `save_estimator` wrote; see `FilesMixin.load` for the errors."""
    with opened(path) as file:
        return read_estimator(cls, file)


def read_estimator(cls, file: BufferedIOBase):
    """Reads an estimator from an open file; raises `Refused` if it is of another class."""
    contents = Contents.of(file)
    if contents.kind != ESTIMATOR:
        raise Refused("it holds a predictor, which fusednn.load reads")
    written = keyed(contents.estimator, "estimator", _ESTIMATOR)
    name = one_of(CLASSES)(written["class"], "estimator.class")
    if name != class_name(cls):
        article = "an" if name[0] in "AEIOU" else "a"
        raise Refused(
            f"it holds {article} {name}, which {name}.load reads, not {cls.__name__}.load"
        )
    reader = Reader(contents.tensors)
    estimator = _made(cls, written["params"], reader)
    _set_attributes(estimator, written["attributes"], reader, contents)
    arrays = list(contents.model().arrays)
    if written["labels"] is not None:
        _set_labels(estimator, _LABELS(written["labels"], "labels"))
    _set_network(estimator, arrays, contents)
    if written["optimizer"] is not None:
        _set_optimizer(estimator, written["optimizer"], reader, contents)
    unused = {name for name in contents.tensors.entries if name.startswith(TRAINING)}
    if unused - reader.used:
        raise Refused(f"it has an unexpected tensor, {min(unused - reader.used)!r}")
    return estimator


def _made(cls, given, reader: Reader):
    known = cls._get_param_names()
    if type(given) is not dict or not set(given) <= set(known):
        raise Refused(f"its parameters are not those of {cls.__name__}")
    params = {name: reader.read(value, f"params.{name}") for name, value in given.items()}
    estimator = cls(**params)
    try:
        estimator._validate_params()
    except ValueError as error:  # the second sentence of scikit-learn's message has the value
        raise Refused(f"its parameters are refused: {str(error).split('. ')[0]}") from None
    return estimator


def _set_attributes(estimator, given, reader: Reader, contents: Contents) -> None:
    if type(given) is not dict:
        raise Refused("its attributes must be an object")
    for name, value in given.items():
        if name not in ATTRIBUTES:
            raise Refused(f"it has an unknown attribute, {name[:80]!r}")
        found = reader.read(value, f"attributes.{name}")
        if not ATTRIBUTES[name](found):
            raise Refused(f"its attribute {name} is not of the right kind")
        vars(estimator)[name] = found
    for name in NEEDED:
        if name not in given:
            raise Refused(f"it has no attribute {name}")
    sizes = getattr(estimator, "_ends", None)  # of networks that read noise
    reads_noise = sizes is not None
    sizes = sizes or (estimator.n_features_in_, estimator.n_outputs_)
    if sizes != (contents.ops[0].fan_in, contents.ops[-1].fan_out):
        raise Refused("its attributes are of a network of other sizes")
    if getattr(estimator, "output_shape_", ()) != output_axes(contents.ops):
        raise Refused("its output_shape_ is not that of its network")
    names = None if reads_noise else getattr(estimator, "feature_names_in_", None)
    if (None if names is None else tuple(names)) != contents.features:
        raise Refused("its feature_names_in_ are not its features")


def _set_labels(estimator, given: dict[str, Any]) -> None:
    kind, classes = given["kind"], list(given["classes"])
    try:
        if kind == MultioutputLabels.kind:
            found: Any = MultioutputLabels(classes)
        elif kind.startswith("multilabel"):
            indicator = np.array([[0] * len(classes[0]), [1] * len(classes[0])])
            found = Labels(csr_matrix(indicator) if given["sparse"] else indicator)
        else:
            found = Labels(classes[0])
    except ValueError:
        raise Refused("its labels are invalid") from None
    if found.kind != kind or not _are_same(as_list(found.classes), classes):
        raise Refused("its labels do not fit together")
    shown = list(given["classes_"])
    estimator._labels = found
    estimator.classes_ = shown if kind == MultioutputLabels.kind else shown[0]
    if _are_same(shown, classes):
        estimator.classes_ = found.classes


def _are_same(one, other) -> bool:
    return len(one) == len(other) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True)
    )


def _set_network(estimator, arrays, contents: Contents) -> None:
    """Rebuilds the network from the parameters; it must equal the one that the file describes."""
    try:
        estimator._restore(arrays)
        found = fitted_network_of(estimator)
        ops = [written_ops(network, VERSION) for network in (found.network.ops, contents.ops)]
        heads = [written_head(head, contents.version) for head in (found.head, contents.head)]
        same = ops[0] == ops[1] and heads[0] == heads[1]
        same = same and len(found.arrays) == len(arrays)
    except Exception:  # invalid parameters may raise anything; they have no side effects
        raise Refused("its parameters are not of the network that it describes") from None
    if not same:
        raise Refused("its parameters are not of the network that it describes")


def _set_optimizer(estimator, given, reader: Reader, contents: Contents) -> None:
    found = keyed(given, "optimizer", ("rule", "values", "moments", "digest"))
    values = keyed(found["values"], "optimizer.values", OPTIMIZER)
    state = {key: reader.read(part, f"optimizer.{key}") for key, part in values.items()}
    for name, is_right in OPTIMIZER.items():
        if not is_right(state[name]):
            raise Refused(f"its optimizer's {name.strip('_')} is not of the right kind")
    known, _ = state["_product_before"]
    if isinstance(state["solver"], NAdam) and known != state["t"] > MOST_STEPS:
        raise Refused("its optimizer's product is not of its steps")
    made = OptimizerState(
        state["solver"],
        _rule(estimator, state["solver"], found["rule"]),
        state["learning_rate_init"],
        state["schedule"],
        state["power_t"],
    )
    vars(made).update(state)

    def kept(part: str):
        arrays = []
        for name, parameter in named_parameters(contents.ops):
            full = f"{TRAINING}{part}.{name}"
            contents.tensors.check(full, parameter.shape, contents.dtype)
            arrays.append(reader.tensor(full, "optimizer"))
        return arrays

    assert made.rule.optimizer is not None
    if found["moments"] not in (0, OPTIMIZERS[made.rule.optimizer].states):
        raise Refused("its optimizer has another number of moments")
    made.moments = [kept(f"moments.{at}") for at in range(found["moments"])]
    if found["digest"] is not None:
        made.raw = kept("raw"), _digest(found["digest"])
    estimator._optimizer = made


def _rule(estimator, solver, given) -> Rule:
    """Reads the optimizer's rule, which must fit the solver in name and number of constants."""
    try:
        expected = estimator._rule_of(solver)
    except AttributeError:
        raise Refused("its optimizer is not one of this estimator") from None
    name, constants = list_of(lambda value, where: value, 2, 2)(given, "optimizer.rule")
    alike = {"sgd", "nesterov"}
    names = alike if expected.optimizer in alike else {expected.optimizer}
    count = len(expected.constants)
    return Rule(
        one_of(sorted(names))(name, "optimizer.rule"),
        list_of(number(-1e300, 1e300), count, count)(constants, "optimizer.rule"),
    )


def _digest(value) -> bytes:
    try:
        return bytes.fromhex(text(value, "optimizer.digest"))
    except ValueError:
        raise Refused("its optimizer's digest is not hexadecimal") from None

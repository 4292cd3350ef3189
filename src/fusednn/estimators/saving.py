"""Estimators as files: parameters, what was learned, and all that training goes on from.

The network and the meaning of its outputs stand in the file as a predictor's do, so `fusednn.load`
reads it too; the rest is the `estimator` of its plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from fusednn import layers as specs
from fusednn.kernels.optimizers import OPTIMIZERS
from fusednn.optimizers import Optimizer
from fusednn.plan.parameters import ParameterLayout
from fusednn.plan.rule import Rule
from fusednn.schedules import Schedule
from fusednn.serving import labels as label_values
from fusednn.serving.description import named_forms, written_head, written_ops
from fusednn.serving.fields import Refused, keyed, list_of, number, one_of, record, text
from fusednn.serving.files import ESTIMATOR, TRAINING, Contents, opened, save_model
from fusednn.serving.model import Model
from fusednn.training.optimizer_state import OptimizerState

from .freezing import network_of_ours
from .labels import Labels, MultioutputLabels
from .values import Reader, Unwritable, Writer

CLASSES = "MLPClassifier", "MLPRegressor", "NetworkClassifier", "NetworkRegressor"
ONLY_PREDICT = "or save fusednn.freeze(estimator), which only predicts"
REMEDIES = {
    "loss": f"Use a loss of fusednn.losses, {ONLY_PREDICT}.",
    "learning_rate": f"Use a schedule of fusednn.schedules, {ONLY_PREDICT}.",
    "scoring": f"Use the name of a scorer, {ONLY_PREDICT}.",
}


# -- what attributes there are -----------------------------------------------------------


def _is_count(value) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _is_real(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_real_or_none(value) -> bool:
    return value is None or _is_real(value)


def _is_curve(value) -> bool:
    return value is None or (type(value) is list and all(map(_is_real, value)))


def _is_names(value) -> bool:
    return type(value) is list and all(type(name) is str for name in value)


def _is_floats(dimensions: int) -> Callable[[Any], bool]:
    return lambda value: (
        type(value) is np.ndarray and value.dtype.kind == "f" and value.ndim == dimensions
    )


ATTRIBUTES: dict[str, Callable[[Any], bool]] = {
    "n_features_in_": _is_count,
    "feature_names_in_": lambda value: type(value) is np.ndarray and value.dtype == object,
    "n_outputs_": _is_count,
    "n_layers_": _is_count,
    "out_activation_": lambda value: type(value) is str,
    "n_iter_": _is_count,
    "t_": _is_count,
    "loss_": _is_real,
    "loss_curve_": _is_curve,
    "best_loss_": _is_real_or_none,
    "validation_scores_": _is_curve,
    "validation_loss_curve_": _is_curve,
    "best_validation_score_": _is_real_or_none,
    "gradient_norms_": _is_floats(2),
    "activation_stats_": _is_floats(3),
    "diagnosed_layers_": _is_names,
    "diagnosed_weights_": _is_names,
    "layers_": lambda value: (
        type(value) is tuple and all(isinstance(layer, specs.Layer) for layer in value)
    ),
    "feature_means_": _is_floats(1),
    "feature_factors_": _is_floats(1),
    "_norm": lambda value: value in (None, "batch", "layer", "rms"),
    "_no_improvement_count": _is_count,
    "_score_kind": lambda value: type(value) is tuple and len(value) == 2,
    "_troubles": _is_names,
}
"""The fitted attributes that are written as values, and what each must be."""

NEEDED = "n_features_in_", "n_outputs_", "out_activation_", "n_iter_", "t_"
ELSEWHERE = {
    *("classes_", "_labels", "_optimizer"),  # in parts of the file of their own
    *("coefs_", "intercepts_", "norms_", "_matrices", "_vectors"),  # the network's tensors
    *("_chain", "_watcher"),  # made anew
}

OPTIMIZER: dict[str, Callable[[Any], bool]] = {
    "solver": lambda value: value in ("sgd", "adam") or isinstance(value, Optimizer),
    "schedule": lambda value: type(value) is str or isinstance(value, Schedule),
    "learning_rate_init": _is_real,
    "learning_rate": _is_real,
    "power_t": _is_real,
    "t": _is_count,
    "passes": _is_count,
    "total": _is_count,
    "_factor": _is_real,
    "_best": _is_real,
    "_idle": _is_count,
    "_product_before": lambda value: (
        type(value) is tuple and len(value) == 2 and _is_count(value[0]) and _is_real(value[1])
    ),
}
"""What an optimizer remembers besides its rule, moments and what is trained."""


# -- writing -----------------------------------------------------------------------------


def save_estimator(estimator, path, notes=None) -> None:
    """Writes a fitted estimator; `BaseNetwork.save` says what is refused."""
    estimator._check_fitted()
    estimator._validate_params()
    writer = Writer()
    written: dict[str, Any] = {"class": _class_name(type(estimator))}
    params = estimator.get_params(deep=False)
    written["params"] = {name: _written(writer, name, value) for name, value in params.items()}
    own = {name: value for name, value in vars(estimator).items() if name not in params}
    written["attributes"] = {name: _written(writer, name, value) for name, value in _values(own)}
    found = network_of_ours(estimator)
    dtype = estimator._network_dtype()
    layout = ParameterLayout(found.network.forms(dtype), dtype)
    written["labels"] = _written_labels(own)
    written["optimizer"] = None
    if "_optimizer" in own:
        written["optimizer"] = _written_optimizer(
            writer, own["_optimizer"], found.network.ops, layout
        )
    names = getattr(estimator, "feature_names_in_", None)
    model = Model(
        found.network.ops,
        layout.in_order(found.matrices, found.vectors),
        found.head,
        np.dtype(dtype),
        (type(estimator).__name__,) * 2,
        None if names is None else tuple(map(str, names)),
        notes,
    )
    _check_rebuilt(estimator, own)
    save_model(model, path, estimator=written, tensors=writer.tensors)


def _values(own: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The attributes that are written as values; others are known, or refused."""
    for name, value in own.items():
        if name in ATTRIBUTES:
            yield name, value
        elif "callback" in name:
            if value:
                raise ValueError(
                    "save cannot write callbacks: take them away with set_callbacks(), and set"
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
        remedy = REMEDIES.get(name, f"Use numbers, strings or lists of them, {ONLY_PREDICT}.")
        raise ValueError(
            f"save cannot write the parameter {name} without pickle: it has {error}. {remedy}"
        ) from None


def _written_labels(own: dict[str, Any]) -> dict[str, Any] | None:
    found = own.get("_labels")
    if found is None:
        return None
    several = isinstance(found, MultioutputLabels)
    try:
        written = [label_values.written(part) for part in _as_list(found.classes)]
        shown = [label_values.written(np.asarray(part)) for part in _as_list(own["classes_"])]
    except TypeError as error:
        raise ValueError(f"save cannot write classes that are {error}.") from None
    sparse = not several and found.is_multilabel and bool(found._binarizer.sparse_input_)
    return {"kind": found.kind, "classes": written, "classes_": shown, "sparse": sparse}


def _as_list(classes) -> list:
    return classes if isinstance(classes, list) else [classes]


def _written_optimizer(writer: Writer, state: OptimizerState, ops, layout) -> dict[str, Any]:
    names = [name for name, _ in named_forms(ops, layout.dtype)]

    def keep(part: str, groups) -> None:
        for name, form, array in zip(names, layout.forms, layout.in_order(*groups), strict=True):
            if np.shape(array) != form.shape:
                raise ValueError(
                    "save cannot write an optimizer's state for weights of other shapes than the"
                    " estimator's: fit it again."
                )
            writer.tensors[f"{TRAINING}{part}.{name}"] = np.asarray(array, layout.dtype)

    for at, groups in enumerate(state.moments):
        keep(f"moments.{at}", groups)
    digest = None
    if state.raw is not None:
        *groups, known = state.raw
        keep("raw", groups)
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
    """Refuses what a loaded estimator would not have: a network of other parameters."""
    other = type(estimator)(**estimator.get_params(deep=False))
    vars(other).update({name: value for name, value in own.items() if name != "_chain"})
    other._restore(*estimator._parameters())
    if other._network().ops != estimator._network().ops:
        raise ValueError(
            "save cannot write a network of other parameters than the estimator has now: some were"
            " set after it was fitted."
        )


# -- reading -----------------------------------------------------------------------------

_ESTIMATOR = ("class", "params", "attributes", "labels", "optimizer")
_LABELS = record(
    {
        "kind": text,
        "classes": list_of(label_values.read, 1),
        "classes_": list_of(label_values.read, 1),
        "sparse": lambda value, where: value is True,
    }
)


def load_estimator(cls, path):
    """Reads a file of `save_estimator`; `BaseNetwork.load` says what is refused."""
    with opened(path) as file:
        contents = Contents.of(file)
        if contents.kind != ESTIMATOR:
            raise Refused("it holds a predictor, which fusednn.load reads")
        written = keyed(contents.estimator, "estimator", _ESTIMATOR)
        name = one_of(CLASSES)(written["class"], "estimator.class")
        if name != _class_name(cls):
            raise Refused(f"it holds a {name}, which {name}.load reads")
        reader = Reader(contents.tensors)
        estimator = _made(cls, written["params"], reader)
        _set_attributes(estimator, written["attributes"], reader, contents)
        layout = ParameterLayout([form for _, form in _forms(contents)], contents.dtype)
        groups = layout.split(list(contents.model().arrays))
        if written["labels"] is not None:
            _set_labels(estimator, _LABELS(written["labels"], "labels"))
        _set_network(estimator, groups, contents)
        if written["optimizer"] is not None:
            _set_optimizer(estimator, written["optimizer"], reader, contents, layout)
        unused = {name for name in contents.tensors.entries if name.startswith(TRAINING)}
        if unused - reader.used:
            raise Refused(f"it has a tensor that no one expects, {min(unused - reader.used)!r}")
        return estimator


def _forms(contents: Contents):
    return list(named_forms(contents.ops, contents.dtype))


def _class_name(cls) -> str:
    """Which of our classes it is, or derives from."""
    return next(base.__name__ for base in cls.__mro__ if base.__module__.startswith("fusednn."))


def _made(cls, given, reader: Reader):
    known = cls._get_param_names()
    if type(given) is not dict or not set(given) <= set(known):
        raise Refused(f"its parameters are not those of {cls.__name__}")
    params = {name: reader.read(value, f"params.{name}") for name, value in given.items()}
    estimator = cls(**params)
    try:
        estimator._validate_params()
    except ValueError as error:
        raise Refused(f"its parameters are refused: {str(error).rstrip('.')}") from None
    return estimator


def _set_attributes(estimator, given, reader: Reader, contents: Contents) -> None:
    if type(given) is not dict:
        raise Refused("its attributes must be an object")
    for name, value in given.items():
        if name not in ATTRIBUTES:
            raise Refused(f"it has an attribute that is not known, {name[:80]!r}")
        found = reader.read(value, f"attributes.{name}")
        if not ATTRIBUTES[name](found):
            raise Refused(f"its attribute {name} is not of the right kind")
        vars(estimator)[name] = found
    for name in NEEDED:
        if name not in given:
            raise Refused(f"it has no attribute {name}")
    sizes = estimator.n_features_in_, estimator.n_outputs_
    if sizes != (contents.ops[0].fan_in, contents.ops[-1].fan_out):
        raise Refused("its attributes are of a network of other sizes")
    names = getattr(estimator, "feature_names_in_", None)
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
        raise Refused("its labels are none") from None
    if found.kind != kind or not _are_same(_as_list(found.classes), classes):
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


def _set_network(estimator, groups, contents: Contents) -> None:
    """The network, which must be the one that the file describes."""
    try:
        estimator._restore(*groups)
        found = network_of_ours(estimator)
        same = written_ops(found.network.ops) == written_ops(contents.ops)
        same = same and written_head(found.head) == written_head(contents.head)
        counts = [len(group) for group in (found.matrices, found.vectors)]
    except Exception:  # of whatever in the parameters: nothing but values has been made yet
        raise Refused("its parameters are not of the network that it describes") from None
    if not same or counts != [len(group) for group in groups]:
        raise Refused("its parameters are not of the network that it describes")


def _set_optimizer(estimator, given, reader: Reader, contents: Contents, layout) -> None:
    found = keyed(given, "optimizer", ("rule", "values", "moments", "digest"))
    values = keyed(found["values"], "optimizer.values", OPTIMIZER)
    state = {key: reader.read(part, f"optimizer.{key}") for key, part in values.items()}
    for name, is_right in OPTIMIZER.items():
        if not is_right(state[name]):
            raise Refused(f"its optimizer's {name.strip('_')} is not of the right kind")
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
        for name, form in _forms(contents):
            full = f"{TRAINING}{part}.{name}"
            if full not in contents.tensors.entries:
                raise Refused(f"it has no tensor {full!r}")
            contents.check_tensor(full, form.shape, form.dtype)
            arrays.append(reader.tensor(full, "optimizer"))
        return layout.split(arrays)

    if found["moments"] not in (0, OPTIMIZERS[made.rule.optimizer].states):
        raise Refused("its optimizer has another number of moments")
    made.moments = [kept(f"moments.{at}") for at in range(found["moments"])]
    if found["digest"] is not None:
        made.raw = (*kept("raw"), _digest(found["digest"]))
    estimator._optimizer = made


def _rule(estimator, solver, given) -> Rule:
    """The optimizer's step, which must be the solver's, with as many constants."""
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
        raise Refused("its optimizer's digest is none") from None

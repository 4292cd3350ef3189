"""Everything public says its types; names of values are those that the checks allow."""

import inspect
import typing

import numpy as np
import pytest
from oracles.parity import fit_quietly

import fusednn
from fusednn.estimators.input import constraints
from fusednn.estimators.input import types as estimator_types
from fusednn.losses import CLASSIFICATION, REGRESSION
from fusednn.plan.layout.rounded_weights import STORAGES
from fusednn.serving import types as serving_types

ROOMS = [
    *(fusednn, fusednn.augment, fusednn.layers, fusednn.losses),
    *(fusednn.optimizers, fusednn.schedules),
]
PUBLIC = {
    f"{room.__name__}.{name}": getattr(room, name)
    for room in ROOMS
    for name in room.__all__
    if callable(getattr(room, name))
}
SPECIAL = "__init__", "__call__"


def methods_of(cls):
    """Own methods of a class and of its bases in fusednn, as functions, by name."""
    for name in {name for base in cls.__mro__ for name in vars(base)}:
        home = next(base for base in cls.__mro__ if name in vars(base))
        if not home.__module__.startswith("fusednn.") or (
            name.startswith("_") and name not in SPECIAL
        ):
            continue
        # scikit-learn adds set_fit_request and its kin, which are not in the source
        found = inspect.unwrap(getattr(cls, name)) if callable(getattr(cls, name)) else None
        if inspect.isroutine(found) and found.__module__.startswith("fusednn."):
            yield f"{cls.__name__}.{name}", found


def signatures():
    for name, thing in PUBLIC.items():
        if inspect.isclass(thing):
            yield from methods_of(thing)
        else:
            yield name, thing


def lacking(function):
    """The parameters without an annotation; "return" where the function has none."""
    signature = inspect.signature(function)
    bare = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls")
    ]
    return bare + ["return"] * (signature.return_annotation is signature.empty)


def test_public_methods_have_types():
    found = dict(signatures())
    assert {"MLPClassifier.fit", "NetworkRegressor.predict", "Predictor.__call__"} <= set(found)
    assert {"fusednn.freeze", "Cosine.factors", "MLPRegressor.load"} <= set(found)
    bare = {name: lacking(function) for name, function in found.items()}
    assert {name: names for name, names in bare.items() if names} == {}


def test_a_bare_parameter_is_found():
    def function(self, a: int, b, *, c=None): ...

    assert lacking(function) == ["b", "c", "return"]


def words_of(annotation):
    """The strings of the `Literal`s in an annotation."""
    if typing.get_origin(annotation) is typing.Literal:
        return {word for word in typing.get_args(annotation) if isinstance(word, str)}
    return set().union(*map(words_of, typing.get_args(annotation)))


def allowed(constraint):
    """The strings that scikit-learn's check lets through."""
    return {word for one in constraint for word in getattr(one, "options", ())}


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("Activation", "activation"),
        ("BatchSize", "batch_size"),
        ("Dtype", "dtype"),
        ("Init", "init"),
        ("MissingTargets", "missing_targets"),
        ("Normalization", "normalization"),
        ("Solver", "solver"),
    ],
)
def test_names_of_values_are_those_allowed(name, parameter):
    words = words_of(getattr(estimator_types, name))
    assert words == allowed(constraints.CONSTRAINTS[parameter])
    assert words


def test_names_of_losses_and_weights_are_those_of_the_tables():
    assert words_of(estimator_types.ClassifierLoss) == set(CLASSIFICATION)
    assert words_of(estimator_types.RegressorLoss) == set(REGRESSION)
    assert words_of(estimator_types.ClassWeight) == allowed(constraints.CLASS_WEIGHT)
    assert words_of(serving_types.RoundedWeights) == set(STORAGES)


@pytest.mark.parametrize("cls", [fusednn.MLPClassifier, fusednn.NetworkRegressor])
def test_learning_rates_are_those_allowed(cls):
    scope = vars(estimator_types) | {"Literal": typing.Literal}
    written = inspect.signature(cls).parameters["learning_rate"].annotation
    words = words_of(eval(written, scope))
    assert words == allowed(cls._parameter_constraints["learning_rate"])


@pytest.mark.parametrize("cls", [fusednn.MLPClassifier, fusednn.NetworkRegressor])
def test_fitted_attributes_are_declared(cls):
    """Every attribute that a fit leaves has a type, which its value is of."""
    X = np.random.RandomState(0).normal(size=(40, 3))
    model = cls(max_iter=2, early_stopping=True, standardize=True, diagnose=True)
    fit_quietly(model, X, (X[:, 0] > 0).astype(int))
    declared = {}
    for base in reversed(cls.__mro__):
        declared |= vars(base).get("__annotations__", {})
    fitted = {name: value for name, value in vars(model).items() if name.endswith("_")}
    assert "gradient_norms_" in fitted
    assert set(fitted) <= set(declared), set(fitted) - set(declared)
    plain = {"int": int, "float": float, "str": str, "list[float]": list, "list[str]": list}
    checked = {name for name in fitted if declared[name] in plain}
    assert {"n_iter_", "loss_", "loss_curve_"} <= checked
    for name in checked:
        assert isinstance(fitted[name], plain[declared[name]]), name

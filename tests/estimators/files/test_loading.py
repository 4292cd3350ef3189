"""Files of estimators that are wrong, mutated or of another class."""

import io
import json
from functools import cache

import numpy as np
import pytest
from cases.mutations import joined, mutated, split
from cases.saved_models import CODES, LABELS, NUMBERS, WORDS, X, estimators, fit_quietly
from oracles.parity import outcome
from running.saved_estimators import saved

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    load,
)
from fusednn.estimators.files.loading import read_estimator
from fusednn.serving.files.fields import Refused


@cache
def file_of(name):
    """A fitted estimator's file, as bytes, and its class."""
    estimator, rows, y = estimators()[name]
    return type(estimator), saved(fit_quietly(estimator, rows, y))


@pytest.mark.parametrize("name", ["plain", "values", "every layer", "embedding"])
def test_another_class_is_refused(name, tmp_path):
    right, data = file_of(name)
    (tmp_path / "model").write_bytes(data)
    for kind in {MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor} - {right}:
        reads = f"{right.__name__}, which {right.__name__}.load reads, not {kind.__name__}.load"
        with pytest.raises(ValueError, match=reads):
            kind.load(tmp_path / "model")
    load(tmp_path / "model").save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"it holds a predictor, which fusednn\.load reads\.$"):
        right.load(tmp_path / "model")


def _set(*path, value):
    def change(part):
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value

    return change


def _nested(depth):
    value = []
    for _ in range(2 * depth):
        value = [value]
    return value


WRONG = {
    "class": (_set("class", value="object"), "must be one of MLPClassifier"),
    "parameter": (_set("params", "fit", value=1), "parameters are not those"),
    "range": (_set("params", "alpha", value=-1), "'alpha' parameter of MLPClassifier must be"),
    "kind": (
        _set("params", "solver", value={"description": "Popen", "fields": {}}),
        "must be one",
    ),
    "made": (
        _set("params", "solver", value={"description": "Lion", "fields": {"beta_1": 5}}),
        "lacks 'beta_2'",
    ),
    "tag": (_set("params", "alpha", value={"__reduce__": "os.system"}), "an object with one of"),
    "attribute": (_set("attributes", "predict", value=1), "unknown attribute, 'predict'"),
    "private": (_set("attributes", "__class__", value=1), "unknown attribute, '__class__'"),
    "attribute's kind": (_set("attributes", "t_", value=-1), "attribute t_ is not"),
    "inputs": (_set("attributes", "n_features_in_", value=6), "network of other sizes"),
    "tensor": (_set("attributes", "loss_", value={"array": "ops.0.weights"}), "tensor of its own"),
    "labels": (_set("labels", "kind", value="binary"), "labels do not fit"),
    "no labels": (_set("labels", value=None), "not of the network"),
    "rule": (_set("optimizer", "rule", value=["adam", [0.9]]), "list of 3 to 3"),
    "other rule": (_set("optimizer", "rule", value=["store", []]), "must be one of adam"),
    "solver": (_set("optimizer", "values", "solver", value="store"), "solver is not"),
    "moments": (_set("optimizer", "moments", value=1), "number of moments"),
    "more moments": (_set("optimizer", "moments", value=10**9), "number of moments"),
    "unused": (_set("optimizer", value=None), "unexpected tensor, 'training"),
    "nested": (_set("params", "layers", value=_nested(150)), "nested deeper"),
    "nested lists": (_set("params", "alpha", value=_nested(90)), "'alpha' parameter"),
    "activation": (_set("params", "activation", value="tanh"), "not of the network"),
    "normalization": (_set("attributes", "_norm", value="batch"), "not of the network"),
    "standardize": (
        _set("attributes", "feature_means_", value={"array": "training.a"}),
        "tensor of its own",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_estimators_that_are_wrong_are_refused(name, tmp_path):
    change, words = WRONG[name]
    header, tensors = split(file_of("plain")[1])
    plan = json.loads(header["__metadata__"]["fusednn"])
    change(plan["estimator"])
    header["__metadata__"]["fusednn"] = json.dumps(plan)
    path = tmp_path / "model"
    path.write_bytes(joined(header, tensors))
    with pytest.raises(ValueError, match=words) as caught:
        MLPClassifier.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be loaded: ")
    assert message.endswith(".")


def test_steps_of_nadam_that_would_fill_the_memory():
    """Their momenta are an array, where the product of all before is not known."""
    kind, data = file_of("quantiles")
    header, tensors = split(data)
    plan = json.loads(header["__metadata__"]["fusednn"])
    values = plan["estimator"]["optimizer"]["values"]
    assert values["_product_before"]["tuple"][0] == values["t"] > 0
    values["t"] = 10**11
    header["__metadata__"]["fusednn"] = json.dumps(plan)
    with pytest.raises(Refused, match="product is not of its steps"):
        read_estimator(kind, io.BytesIO(joined(header, tensors)))


@pytest.mark.parametrize(
    ("first", "last"), [(0, 400), pytest.param(400, 4000, marks=pytest.mark.long)]
)
def test_mutated_files_are_refused_or_predict(first, last):
    """As in `serving/files/test_fuzz.py`; what is loaded predicts, and trains or says why not."""
    kinds = {name: file_of(name) for name in ("plain", "options", "every layer", "quantiles")}
    loaded, messages, errors = 0, set(), set()
    for seed in range(first, last):
        name = list(kinds)[seed % 4]
        kind, data = kinds[name]
        y = {"quantiles": NUMBERS, "every layer": WORDS[LABELS]}.get(name, LABELS)
        try:
            estimator = read_estimator(kind, io.BytesIO(mutated([data], seed)))
        except Refused as error:
            messages.add(str(error))
            continue
        loaded += 1
        with np.errstate(all="ignore"):
            assert len(estimator.predict(X[:2])) == 2
            if loaded % 5 == 0 and estimator.batch_size == "auto":
                found = outcome(lambda: estimator.partial_fit(X, y))  # noqa: B023 - called at once
                errors.add(found.error and found.error[0])
    assert 0.025 < loaded / (last - first) < 0.75
    assert all(0 < len(message) < 1000 and "\n" not in message for message in messages)
    assert errors <= {None, "ValueError", "InvalidParameterError"}


def test_codes_of_a_loaded_embedding_are_checked():
    kind, data = file_of("embedding")
    loaded, wild = read_estimator(kind, io.BytesIO(data)), CODES.copy()
    wild[0, 5] = 99
    with pytest.raises(ValueError, match="integers from 0 to 3"):
        loaded.predict(wild)

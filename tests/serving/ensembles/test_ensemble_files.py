"""Files of ensembles: they come back with the same bits, and wrong ones are refused."""

import io
import json
import os
from collections import Counter

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from cases.ensembles import NAMES, made, odd_people, people
from cases.mutations import joined, mutated, split
from running.saved_predictors import KEPT

from fusednn import load
from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import KEY, VERSION
from fusednn.serving.loading import read_predictor

START = int(os.environ.get("FUSEDNN_FUZZ_SEED", "0"))
"""Set it to the seed that a failure names to begin there."""


def file_of(name, folder, **options):
    path = folder / f"{name}.safetensors"
    TabularPredictor(made(name)[0]).save(path, **options)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of all kinds, as bytes."""
    folder = tmp_path_factory.mktemp("files")
    return {name: file_of(name, folder, notes={"a": [1]}).read_bytes() for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_they_come_back_with_the_same_bits(name, tmp_path):
    frame = people(40, seed=1, dates=True) if "dates" in name else odd_people()
    predictor = TabularPredictor(made(name)[0])
    again = load(file_of(name, tmp_path, notes={"of": name}))
    assert type(again) is TabularPredictor
    assert again.notes == {"of": name}
    assert repr(again) == repr(predictor)
    found, wanted = again.predict(frame), predictor.predict(frame)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    again.save(tmp_path / "twice")
    assert (tmp_path / "twice").read_bytes() == file_of(
        name, tmp_path, notes=again.notes
    ).read_bytes()


@pytest.mark.parametrize("name", ["three", "quantiles"])
def test_files_of_all_versions_are_read(name):
    """Written by `make_files.py` when the version was new; the answers then, up to rounding."""
    paths = sorted(KEPT.glob(f"ensemble-{name}_*.safetensors"))
    assert [path.stem.rpartition("_")[2] for path in paths] == ["10"]
    for path in paths:
        version = path.stem.rpartition("_")[2]
        answers = json.loads((KEPT / f"answers_{version}.json").read_text())
        expected = answers[f"ensemble-{name}"]
        loaded = load(path)
        ask = loaded.predict if name == "quantiles" else loaded.predict_proba
        np.testing.assert_allclose(ask(expected["rows"]), expected["answers"], rtol=1e-5)


def test_the_names_of_the_tensors(tmp_path):
    path = file_of("three", tmp_path)
    names = set(safetensors.numpy.load_file(path))
    assert {"members.0.ops.0.0", "members.2.ops.1.edges"} <= names
    assert {name.split(".")[1] for name in names} == {"0", "1", "2"}


def test_labels_of_objects_are_refused(tmp_path):
    ensemble, _ = made("two")
    labels = np.array([(1,), None], object)
    other = ensemble._replace(target=ensemble.target._replace(labels=labels))
    with pytest.raises(ValueError, match="save cannot write classes"):
        TabularPredictor(other).save(tmp_path / "model")
    with pytest.raises(ValueError, match="notes must be"):
        TabularPredictor(ensemble).save(tmp_path / "model", notes={"a": {1, 2}})
    assert not list(tmp_path.iterdir())


def _plan(**changes):
    return lambda plan, header: plan.update(changes)


def _member(at, **changes):
    return lambda plan, header: plan["members"][at].update(changes)


def _target(**changes):
    return lambda plan, header: plan["target"].update(changes)


def _feature(at, **changes):
    return lambda plan, header: plan["preparation"]["features"][at].update(changes)


def _without_tensor(plan, header):
    del plan["members"][2]
    plan["members"][0]["weight"] += plan["members"][1]["weight"] * 1.5


BAD = {
    "later version": (_plan(version=VERSION + 1), "later fusednn"),
    "earlier version": (_plan(version=9), "kind must be one of predictor, estimator, not"),
    "predictor": (_plan(kind="predictor"), "lacks|not known"),
    "unknown key": (_plan(run="code"), "not known"),
    "dtype": (_plan(dtype="float64"), "float64 of shape .* is expected"),
    "name": (_plan(name=3), "name must be a text"),
    "notes": (_plan(notes=[]), "notes"),
    "estimator": (_plan(estimator=[]), "estimator"),
    "no members": (_plan(members=[]), "members must be a list"),
    "weight 0": (_member(0, weight=0), "weights of its members"),
    "weight -1": (_member(0, weight=-1), "a number from 0"),
    "weight true": (_member(0, weight=True), "a number from 0"),
    "other weights": (_member(0, weight=0.7), "weights of its members"),
    "member key": (_member(0, path="/"), "not known"),
    "member ops": (_member(1, ops=[]), "ops must be a list"),
    "unused tensors": (_without_tensor, "unexpected tensor"),
    "classes": (_target(classes={"dtype": "int64", "values": [1, 2]}), "must put out 2 numbers"),
    "same classes": (_target(classes={"dtype": "int64", "values": [1, 1, 2]}), "different"),
    "target key": (_target(code=1), "not known"),
    "other target": (_plan(target={}), "target lacks"),
    "no preparation": (_plan(preparation=None), "preparation must be an object"),
    "later preparation": (
        lambda plan, header: plan["preparation"].update(version=99),
        "made by a later fusednn",
    ),
    "preparation key": (
        lambda plan, header: plan["preparation"].update(code="x"),
        "damaged notes",
    ),
    "feature key": (_feature(0, code="x"), "damaged notes"),
    "scale": (_feature(0, scale=[0.0, "nan"]), "damaged notes"),
    "factor": (_feature(0, scale=[0.0, -1.0]), "damaged notes"),
    "indicator": (_feature(0, indicator=1), "damaged notes"),
    "one column fewer": (lambda plan, header: plan["preparation"]["features"].pop(0), "columns"),
    "more codes": (
        lambda plan, header: plan["preparation"]["features"][6]["categories"].append("Atlantis"),
        "a vector for each code",
    ),
    "codes as numbers": (
        lambda plan, header: plan["members"][0]["ops"][0].update(columns=[0]),
        "a vector for each code|whole numbers",
    ),
}


def changed(data, change):
    header, tensors = split(data)
    plan = json.loads(header["__metadata__"][KEY])
    change(plan, header)
    header["__metadata__"][KEY] = json.dumps(plan)
    return joined(header, tensors)


@pytest.mark.parametrize("name", BAD)
def test_wrong_files_are_refused_in_a_sentence(name, files):
    change, message = BAD[name]
    with pytest.raises(Refused, match=message) as found:
        read_predictor(io.BytesIO(changed(files["three"], change)))
    assert "\n" not in str(found.value)


BAD_QUANTITIES = {
    "least above most": (_target(least=[9e9]), "a range"),
    "two means": (_target(means=[1.0, 2.0]), "a mean, a factor and a range"),
    "factor 0": (_target(factors=[0]), "factors"),
    "infinite": (_target(most=[1e301]), "most"),
    "quantiles": (_target(quantiles=[0.9, 0.1, 0.5]), "quantiles must ascend"),
    "column": (_target(column=0), "true or false"),
    "spreads": (_target(spreads=[{"centers": [0.0], "deviations": [1.0]}]), "spreads must be"),
    "fewer quantiles": (_target(quantiles=[0.1, 0.5]), "must put out 2 numbers"),
}


@pytest.mark.parametrize("name", BAD_QUANTITIES)
def test_wrong_targets_are_refused(name, files):
    change, message = BAD_QUANTITIES[name]
    with pytest.raises(Refused, match=message):
        read_predictor(io.BytesIO(changed(files["quantiles"], change)))


@pytest.mark.parametrize(
    ("centers", "deviations"), [([0.0], [1.0, 2.0]), ([1.0, 0.0], [1.0, 2.0]), ([0.0], [-1.0])]
)
def test_wrong_spreads_are_refused(centers, deviations, files):
    change = _target(spreads=[{"centers": centers, "deviations": deviations}])
    with pytest.raises(Refused, match="spreads"):
        read_predictor(io.BytesIO(changed(files["value"], change)))


def outcome(data):
    """What becomes of a file: the words that refuse it, or "answers"."""
    try:
        predictor = read_predictor(io.BytesIO(data), n_jobs=1)
    except Refused as error:
        message = str(error)
        assert 0 < len(message) < 1000
        assert "\n" not in message
        return " ".join(message.split()[:3])
    names = predictor.feature_names_in_.tolist()
    records = people(2, dates=True).to_dict("records")
    rows = [{name: record.get(name) for name in names} for record in records]
    with np.errstate(all="ignore"):
        try:
            found = predictor.predict(rows)
        except ValueError as error:  # a column of the file has another type
            return f"table: {str(error).split()[0]}"
    assert len(found) == 2
    safetensors.deserialize(data)  # the library, too, takes it for a file of its own
    return "answers"


@pytest.mark.parametrize(
    ("first", "last"), [(0, 500), pytest.param(500, 20_000, marks=pytest.mark.long)]
)
def test_mutated_files_are_refused_or_answer(first, last, files):
    found, originals = Counter(), list(files.values())
    for seed in range(START + first, START + last):
        try:
            found[outcome(mutated(originals, seed))] += 1
        except BaseException as error:
            raise AssertionError(f"FUSEDNN_FUZZ_SEED={seed}: {error!r}") from error
    assert found.total() == last - first
    assert found["answers"] > (last - first) // 100
    assert found["answers"] < (last - first) // 2
    assert len(found) > 30

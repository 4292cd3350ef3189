"""Predictors to files and back: bits, versions, notes, and what becomes of old files."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from cases.saved_models import LABELS, X, estimators, fit_quietly, others
from oracles.parity import run_python
from running.saved_predictors import KEPT, assert_same_array, fitted, header_of, small

import fusednn
from fusednn import MLPClassifier, freeze, load
from fusednn.serving.files.reading import VERSION
from fusednn.serving.files.tensors import MOST_HEADER

OURS, OTHERS = list(estimators()), list(others())


def as_list(found):
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("name", [*OURS, *OTHERS])
def test_loaded_answers_with_the_same_bits(name, tmp_path):
    estimator, rows = fitted(name)
    predictor = freeze(estimator)
    predictor.save(tmp_path / "model.safetensors", notes={"of": [name, 1.5, None]})
    loaded = load(str(tmp_path / "model.safetensors"))
    assert_same_array(loaded(rows), predictor(rows))
    assert_same_array(loaded(rows[0]), predictor(rows[0]))
    assert_same_array(loaded.predict(rows), predictor.predict(rows))
    assert loaded.dtype is predictor.dtype
    assert loaded.notes == {"of": [name, 1.5, None]}
    assert repr(loaded) == repr(predictor)
    assert hasattr(loaded, "classes_") == hasattr(predictor, "classes_")
    if hasattr(predictor, "classes_"):
        assert type(loaded.classes_) is type(predictor.classes_)
        for one, other in zip(as_list(loaded.classes_), as_list(predictor.classes_), strict=True):
            assert_same_array(one, other)
        pairs = zip(
            *(as_list(found.predict_proba(rows)) for found in (loaded, predictor)), strict=True
        )
        for one, other in pairs:
            assert_same_array(one, other)


@pytest.mark.parametrize("name", OURS)
def test_file_of_an_estimator_is_its_predictor(name, tmp_path):
    estimator, rows = fitted(name)
    estimator.save(tmp_path / "model", notes={"a": 1})
    loaded, predictor = load(tmp_path / "model", n_jobs=1), freeze(estimator)
    assert_same_array(loaded(rows), predictor(rows))
    assert_same_array(loaded.predict(rows), predictor.predict(rows))
    assert loaded.notes == {"a": 1}
    assert loaded.n_jobs == 1


ESTIMATORS_ONLY = {8, 10}
"""Versions that no predictor needs, since folding removes what they added."""
ENSEMBLES_ONLY = {10}
"""Versions for models of raw tables; `ensembles/test_ensemble_files.py` reads their files."""
NETWORKS = [f"{kind}_*.safetensors" for kind in ("estimator", "predictor")]
WRITTEN = [path.stem.split("_") for each in NETWORKS for path in sorted(KEPT.glob(each))]


def test_each_version_has_files():
    for version in {*range(1, VERSION + 1)} - ENSEMBLES_ONLY:
        kinds = {"estimator"} if version in ESTIMATORS_ONLY else {"predictor", "estimator"}
        assert kinds <= {kind for kind, of in WRITTEN if of == str(version)}


@pytest.mark.parametrize(("kind", "version"), WRITTEN)
def test_files_of_all_versions_are_read(version, kind):
    """Written by `make_files.py` when the version was new; the answers then, up to rounding."""
    expected = json.loads((KEPT / f"answers_{version}.json").read_text())[kind]
    loaded = load(KEPT / f"{kind}_{version}.safetensors")
    rows = np.array(expected["rows"])
    tolerance = 1e-5 if loaded.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(loaded(rows), expected["logits"], rtol=tolerance, atol=tolerance)
    is_normal = (version, kind) == ("2", "estimator")
    predictions = np.asarray(loaded.predict(rows, return_std=is_normal))
    if predictions.dtype.kind == "U":
        assert predictions.tolist() == expected["predictions"]
    else:
        np.testing.assert_allclose(predictions, expected["predictions"], rtol=tolerance)


def test_notes_stay_with_the_predictor(tmp_path):
    path, notes = tmp_path / "model", {"table": {"columns": ["ä", "\ud800"], "mean": 0.1}}
    assert small().notes == {}
    small().save(path, notes)
    loaded = load(path)
    for again in (pickle.loads(pickle.dumps(loaded)), freeze(loaded)):
        assert again.notes == notes
    loaded.save(path)
    assert load(path).notes == notes
    loaded.save(path, notes={})
    assert load(path).notes == {}


def test_notes_that_are_nested_too_deeply_are_refused(tmp_path):
    for depth in (100, 300):
        notes = {}
        for _ in range(depth):
            notes = {"a": notes}
        if depth == 100:
            small().save(tmp_path / "model", notes)
            assert load(tmp_path / "model").notes == notes
        else:
            with pytest.raises(ValueError, match=r"save cannot write .* nested deeper"):
                small().save(tmp_path / "model", notes)


@pytest.mark.parametrize("notes", [{"a": {1, 2}}, {"a": np.nan}, [1], [], {"a": b"b"}, "text"])
def test_notes_that_json_cannot_write_are_refused(notes, tmp_path):
    with pytest.raises(ValueError, match="notes must be"):
        small().save(tmp_path / "model", notes)
    assert not list(tmp_path.iterdir())


def test_names_of_columns(tmp_path):
    frame = pd.DataFrame(X, columns=[f"column {at}" for at in range(5)])
    estimator = fit_quietly(MLPClassifier((4,), max_iter=2, random_state=0), frame, LABELS)
    for made in (freeze(estimator), estimator):
        made.save(tmp_path / "model")
        loaded = load(tmp_path / "model")
        assert loaded.feature_names_in_.tolist() == list(frame.columns)
        assert_same_array(loaded(frame), freeze(estimator)(frame))
        with pytest.raises(ValueError, match="feature names should match"):
            loaded(frame[frame.columns[::-1]])
    again = MLPClassifier.load(tmp_path / "model")
    assert_same_array(again.predict(frame), estimator.predict(frame))


ALONE = """
import sys
{before}
import json
import fusednn
predictor = fusednn.load(sys.argv[1])
predictor(json.loads(sys.argv[2]))
found = [name for name in sys.modules if name.split(".")[0] in {names} and sys.modules[name]]
print(found)
"""


def test_a_file_is_of_the_first_version_that_can_hold_it(tmp_path):
    """So that an earlier fusednn reads what it can."""
    found = {}
    for name in ("plain", "poisson", "gaussian", *OTHERS):
        estimator, _ = fitted(name)
        freeze(estimator).save(tmp_path / name)
        plan, _, _ = header_of(tmp_path / name)
        found[name] = plan["version"], len(plan["head"]), "columns" in plan
    later = {"gaussian", "codes apart", "twice", "a column back", "gaussian back"}
    later |= {"gaussian column back", "expm1", "exp", "square"}
    for name, told in found.items():
        assert told == ((2, 8, True) if name in later else (1, 5, False)), name


@pytest.mark.parametrize("kind", ["predictor", pytest.param("estimator", marks=pytest.mark.long)])
def test_load_needs_no_scikit_learn(kind):
    """Nor SciPy, which Numba itself imports where it is there: here it is as if it were not."""
    version = max(int(of) for found, of in WRITTEN if found == kind)
    path = KEPT / f"{kind}_{version}.safetensors"
    rows = json.loads((KEPT / f"answers_{version}.json").read_text())[kind]["rows"]
    before = "for name in ('sklearn', 'scipy', 'joblib', 'safetensors'): sys.modules[name] = None"
    names = ("sklearn", "scipy", "joblib", "safetensors")
    options = ("-W", "error")
    code = ALONE.format(before=before, names=names)
    assert run_python(code, path, rows, options=options).strip() == "[]"
    code = ALONE.format(before="", names=("sklearn", "joblib", "safetensors"))
    assert run_python(code, path, rows, options=options).strip() == "[]"


# -- files that are there ----------------------------------------------------------------


def test_the_library_reads_the_tensors(tmp_path):
    small().save(tmp_path / "model")
    found = safetensors.numpy.load_file(tmp_path / "model")
    expected = ["ops.0.weights", "ops.0.biases", "ops.1.weights", "ops.1.biases"]
    assert sorted(found) == sorted(expected)
    for name, array in zip(expected, small().model().arrays, strict=True):
        assert_same_array(found[name], array)


@pytest.mark.parametrize("count", [100, 300_000])
def test_a_header_that_would_not_be_read_is_not_written(count, tmp_path):
    notes = {"a": "x" * 10 * count}
    if count == 100:
        small().save(tmp_path / "model", notes)
        assert load(tmp_path / "model").notes == notes
    else:
        small().save(tmp_path / "model", {"a": "x" * (MOST_HEADER - 3000)})
        load(tmp_path / "model")
        with pytest.raises(ValueError, match="header of more than"):
            small().save(tmp_path / "model", {"a": "x" * MOST_HEADER})


def test_classes_of_other_objects_are_refused(tmp_path):
    model = small().model()
    for classes in (np.array([1, "a", None], object), np.array(["2020", "2021", "2022"], "M8[Y]")):
        broken = fusednn.Predictor(model._replace(head=model.head._replace(classes=(classes,))))
        with pytest.raises(ValueError, match="save cannot write classes"):
            broken.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())

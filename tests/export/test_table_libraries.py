"""Models of raw tables in shared libraries: NumPy alone calls them, and C does by their file."""

import os
import pickle
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pandas as pd
import pytest
from cases.ensembles import NAMES, made, odd_people, people
from oracles.parity import outcome, run_python
from running.c_programs import COMPILERS, needs_compiler

from fusednn import (
    CompiledPredictor,
    CompiledTabularPredictor,
    MLPClassifier,
    TabularClassifier,
    TabularRegressor,
    export_c,
    export_library,
)
from fusednn.serving.ensembles.predictor import TabularPredictor

pytestmark = needs_compiler
TOLERANCE = 2e-6


SHORT = "three", "value with dates", "several", "quantiles"
"""Those whose libraries are made in the short run; a compiler takes seconds for each."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A function from an ensemble's name to its predictor and its library."""

    @cache
    def export(name):
        path = tmp_path_factory.mktemp("libraries") / "model.so"
        predictor = TabularPredictor(made(name)[0])
        export_library(predictor, path, native=len(name) % 2 == 0)
        return predictor, CompiledTabularPredictor(path)

    return export


def assert_answers(called, predictor, X):
    """Those of the predictor, whose sums have other roundings."""
    if hasattr(predictor, "classes_"):
        wanted = predictor.predict_proba(X)
        found = called.predict_proba(X)
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(found, wanted, atol=TOLERANCE)
        np.testing.assert_array_equal(called.predict(X), called.classes_[found.argmax(axis=1)])
        return
    target = predictor.ensemble().target
    scale = np.reshape(target.factors, (-1, *[1] * bool(target.quantiles)))
    wanted, found = predictor.predict(X), called.predict(X)
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    assert (abs(found - wanted) <= TOLERANCE * np.squeeze(scale)).all()
    if target.spreads:
        _, wanted = predictor.predict(X, return_std=True)
        np.testing.assert_allclose(called.predict(X, return_std=True)[1], wanted, rtol=1e-4)


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=[pytest.mark.long] * (one not in SHORT)) for one in NAMES]
)
def test_answers_are_those_of_the_predictor(name, exported):
    predictor, called = exported(name)
    frame = people(60, seed=1, dates=True) if "dates" in name else odd_people()
    for X in (frame, frame[frame.columns[::-1]], frame[:1], frame[:0].reindex([0])):
        assert_answers(called, predictor, X)
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert_answers(called, predictor, records[:3])
    assert_answers(called, predictor, records[0])
    for name in ("classes_", "n_features_in_", "feature_names_in_", "dtype"):
        wanted = getattr(predictor, name, None)
        np.testing.assert_array_equal(getattr(called, name, None), wanted)
    assert repr(called) == repr(predictor).replace("<", "<Compiled")


def test_many_rows_have_the_bits_that_they_have_alone(exported):
    _, called = exported("three")
    frame = people(9000, seed=4)
    found = called.predict_proba(frame)
    for rows in (slice(0, 1), slice(4090, 4100), slice(8999, 9000)):
        np.testing.assert_array_equal(called.predict_proba(frame[rows]), found[rows])
    with ThreadPoolExecutor(3) as pool:
        for other in pool.map(called.predict_proba, [frame] * 3):
            np.testing.assert_array_equal(other, found)
    again = pickle.loads(pickle.dumps(called))
    np.testing.assert_array_equal(again.predict_proba(frame[:9]), found[:9])


def test_refusals_are_those_of_the_predictor(exported):
    predictor, called = exported("value with dates")
    frame = people(9, dates=True)
    wrong = [
        frame.drop(columns="age"),
        frame.assign(more=1),
        frame.assign(age="old"),
        frame.assign(income=np.inf),
        frame[:0],
        frame["age"],
        {"age": 3},
        3,
    ]
    for X in wrong:
        theirs, ours = (outcome(lambda p=p, X=X: p.predict(X)) for p in (predictor, called))
        assert ours.error is not None
        assert ours.error == theirs.error
    with pytest.raises(AttributeError, match="is a regressor: it has no predict_proba"):
        called.predict_proba(frame)


@pytest.mark.parametrize(
    "compiler",
    [COMPILERS[0], *[pytest.param(one, marks=pytest.mark.long) for one in COMPILERS[1:]]],
)
def test_c_calls_the_functions_of_the_file(compiler, tmp_path):
    """A program that is linked with the library answers as one with the source in it."""
    predictor = TabularPredictor(made("two")[0])
    export_library(predictor, tmp_path / "libmodel.so", "model", compiler)
    export_c(predictor, tmp_path / "model.c")
    (tmp_path / "main.c").write_text(
        """
#ifdef LINKED
#define MODEL_DECLARATIONS
#endif
#include "model.c"
#include <stdio.h>
int main(void)
{
    model_row row = {30, 1e4, 0, 1.6e9, "red", "f", "Oslo", 1, 2, 7};
    double out[2];
    int64_t label;
    if (model_predict(&row, 1, out) != MODEL_OK || model_labels(&row, 1, &label) != MODEL_OK)
        return 1;
    printf("%a %a %s\\n", out[0], out[1], model_class((size_t)label));
    return 0;
}
"""
    )
    libraries = ["-L.", "-lmodel", "-Wl,-rpath,."]
    said = []
    for name, options in {
        "linked": ["-DLINKED", *libraries],
        "own": ["-ffp-contract=fast"],
    }.items():
        command = [compiler, "-O3", "-march=native", "main.c", "-o", name, *options, "-lm"]
        subprocess.run(command, check=True, cwd=tmp_path)
        done = subprocess.run([f"./{name}"], capture_output=True, text=True, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        said.append(done.stdout)
    assert said[0] == said[1]
    row = dict(zip(people(1), [30, 1e4, 0, 1.6e9, "red", "f", "Oslo", True, 2, 7], strict=True))
    values = [float.fromhex(word) for word in said[0].split()[:2]]
    np.testing.assert_allclose(values, predictor.predict_proba(row)[0], atol=TOLERANCE)


ALONE = """
import sys
from fusednn import CompiledTabularPredictor
model = CompiledTabularPredictor(sys.argv[1])
row = {"age": 40.0, "income": None, "gain": 0, "time": 1.6e9, "colour": "red", "sex": None,
       "city": "Oslo", "member": True, "grade": 3, "same": 7}
print(model.predict_proba(row).tolist()[0])
print(sorted({"numba", "scipy", "sklearn", "pandas", "polars", "pyarrow"} & set(sys.modules)))
"""


def test_numpy_is_all_it_needs(exported):
    predictor, called = exported("three")
    answers, modules = run_python(ALONE, called.path).splitlines()
    row = people(1).assign(
        age=40.0, income=np.nan, gain=0.0, time=1.6e9, colour="red", sex=None, city="Oslo",
        member=True, grade=3,
    )  # fmt: skip
    np.testing.assert_allclose(eval(answers), predictor.predict_proba(row)[0], atol=TOLERANCE)
    assert modules == "[]"


@pytest.mark.long
@pytest.mark.parametrize("preset", ["default", "realmlp"])
def test_what_the_estimators_train(preset, tmp_path):
    frame = people(90, seed=3, dates=True)
    options = {"random_state": 0, "n_jobs": 1, "n_folds": 2, "time_limit": 3}
    labels = np.where(frame["income"].rank() > 45, "rich", "poor")
    for model, y in (
        (TabularClassifier(preset, **options), labels),
        (TabularRegressor(preset, **options), frame["age"].fillna(50).to_numpy()),
    ):
        export_library(model.fit(frame, y), tmp_path / "model.so")
        called = CompiledTabularPredictor(tmp_path / "model.so")
        error = (
            np.abs(called.predict_proba(frame) - model.predict_proba(frame)).max()
            if (hasattr(model, "classes_"))
            else np.abs(called.predict(frame) / model.predict(frame) - 1).max()
        )
        assert error < 1e-5


def test_each_library_has_its_class(exported, tmp_path):
    path = exported("three")[1].path
    with pytest.raises(
        ValueError, match=r"tables: load it with fusednn\.CompiledTabularPredictor"
    ):
        CompiledPredictor(path)
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    network = MLPClassifier((3,), solver="lbfgs", random_state=0).fit(X, y)
    export_library(network, tmp_path / "network.so")
    with pytest.raises(ValueError, match=r"not tables: load it with fusednn\.CompiledPredictor"):
        CompiledTabularPredictor(tmp_path / "network.so")


def test_what_cannot_be_written_leaves_no_file(tmp_path):
    frame = pd.DataFrame({"t": ["a" * 5000, "b"] * 20, "x": np.arange(40.0)})
    model = TabularClassifier("fast", random_state=0, time_limit=2).fit(frame, [0, 1] * 20)
    with pytest.raises(ValueError, match="too long for C"):
        export_library(model, tmp_path / "model.so")
    assert not os.listdir(tmp_path)

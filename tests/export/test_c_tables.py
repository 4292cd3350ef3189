"""Models of raw tables in C: compilers are silent, sanitizers find nothing, answers agree."""

import subprocess

import numpy as np
import pandas as pd
import pytest
from cases.ensembles import NAMES, fitted, made, matrix_of, members_of, odd_people, people
from running.c_programs import COMPILERS, FAST, SANITIZED, compiled, needs_compiler
from running.c_tables import field_comments, run_ensemble

from fusednn import NetworkClassifier, TabularClassifier, export_c, freeze
from fusednn.export.c.preparation import fields_of
from fusednn.serving.ensembles.ensemble import Ensemble
from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.serving.ensembles.targets import Classes
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.learning import learned_preparation

pytestmark = needs_compiler


def assert_answers(found, ensemble, frame):
    """All rows at once and in chunks as the predictor; the same bits whatever the chunks."""
    predictor, target = TabularPredictor(ensemble), ensemble.target
    (values, labels), *chunks = found
    for other, numbers in chunks:
        np.testing.assert_array_equal(other, values)
        if labels is not None:
            np.testing.assert_array_equal(numbers, labels)
    if isinstance(target, Classes):
        np.testing.assert_allclose(values, predictor.predict_proba(frame), atol=2e-6)
        np.testing.assert_array_equal(labels, values.argmax(axis=1))
        return
    error = abs(values - predictor.predict(frame).reshape(values.shape))
    assert (error <= 2e-6 * np.repeat(target.factors, target.each)).all()


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_the_predictor(name, compiler, tmp_path):
    frame = people(60, seed=1, dates=True) if "dates" in name else odd_people()
    ensemble, _ = made(name)
    found = run_ensemble(tmp_path, ensemble, frame, compiler, SANITIZED)
    assert_answers(found, ensemble, frame)


@pytest.mark.parametrize("preset", ["default", "realmlp"])
def test_the_networks_of_the_presets(preset, tmp_path):
    """What the estimators train."""
    frame = people(90, seed=3, dates=True)
    y = frame["income"].rank().to_numpy() > 45
    options = {"random_state": 0, "n_jobs": 1, "n_folds": 2, "time_limit": 3}
    ensemble = freeze(TabularClassifier(preset, **options).fit(frame, y)).ensemble()
    found = run_ensemble(tmp_path, ensemble, frame, "gcc", SANITIZED)
    assert_answers(found, ensemble, frame)
    assert "malloc" not in (tmp_path / "model.c").read_text()


@pytest.mark.parametrize("name", ["three", "quantiles"])
def test_optimised_code_answers_the_same(name, tmp_path):
    frame, (ensemble, _) = odd_people(), made(name)
    found = run_ensemble(tmp_path, ensemble, frame, COMPILERS[0], FAST)
    assert_answers(found, ensemble, frame)


def test_the_stack_is_enough(tmp_path):
    """No memory is asked for."""
    export_c(TabularPredictor(made("three")[0]), tmp_path / "model.c")
    assert "malloc" not in (tmp_path / "model.c").read_text()


def ensemble_of(frame, **options):
    preparation = learned_preparation(table_of(frame), **options)
    X = matrix_of(preparation, frame)
    networks = fitted(NetworkClassifier, preparation, X, np.arange(len(X)) % 2)
    labels = np.array(["*/ #if", 'a"\n'])
    return Ensemble(preparation, members_of(networks), Classes(labels))


@pytest.mark.parametrize("year", [1, 1600, 1969, 2000, 2100, 9999])
def test_every_part_of_a_date(year, tmp_path):
    rng = np.random.default_rng(year)
    first = np.datetime64(f"{year:04}-01-01", "us")
    moments = first + rng.integers(0, 366 * 86_400_000_000, 90) * (1 if year < 9999 else 0)
    moments[:3] = first, first + np.timedelta64(58, "D"), first + np.timedelta64(59, "D")
    frame = pd.DataFrame({"day": pd.Series(moments)}).assign(x=np.arange(90.0))
    frame.loc[5, "day"] = pd.NaT
    ensemble = ensemble_of(frame)
    assert_answers(run_ensemble(tmp_path, ensemble, frame, "gcc", SANITIZED), ensemble, frame)


def test_dates_without_all_parts(tmp_path):
    hours = pd.Timestamp("2024-05-06") + pd.to_timedelta(np.arange(40) % 7, unit="h")
    frame = pd.DataFrame({"day": hours, "x": np.arange(40.0)})
    ensemble = ensemble_of(frame)
    feature = ensemble.preparation.features[0]
    parts = tuple(one for one in feature.parts if one[0] == "hour")
    assert parts != feature.parts  # `elapsed` varies too
    preparation = ensemble.preparation._replace(
        features=(feature._replace(parts=parts), *ensemble.preparation.features[1:])
    )
    networks = fitted(NetworkClassifier, preparation, matrix_of(preparation, frame), [0, 1] * 20)
    other = Ensemble(preparation, members_of(networks), Classes(np.array([0, 1])))
    assert_answers(run_ensemble(tmp_path, other, frame, "gcc", SANITIZED), other, frame)


UGLY = [
    *("class", "REAL", "NAME_x", "a b", "a-b", "a_b", "2nd", "", "é", "*/ x", "errno", "__"),
    "NULL",
]


def test_names_and_texts_that_mean_something_in_c(tmp_path):
    texts = ["REAL", "NAME_row", "MACRO_OK", "*/", "//", '"', "\\", "??/", "%s", "{0}", "\n", "ß"]
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=80) for name in UGLY})
    frame["text"] = rng.choice(np.array(texts, object), 80)
    ensemble = ensemble_of(frame)
    assert len(ensemble.preparation.code_names) == 1
    assert_answers(run_ensemble(tmp_path, ensemble, frame, "gcc", SANITIZED), ensemble, frame)
    names = field_comments(tmp_path / "model.c", ensemble.preparation)
    assert list(names.values()) == list(frame.columns)
    assert len(set(fields_of(ensemble.preparation))) == len(frame.columns)


def test_numbers_as_categories_and_nul(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=90), "n": rng.integers(-20, 20, 90) / 4})
    frame["t"] = ["a\0b", "a", "c"] * 30
    ensemble = ensemble_of(frame, categorical=[1])
    frame = frame.assign(t=frame["t"].where(frame["t"] != "a\0b", "unseen"))
    frame.loc[:2, "n"] = [np.nan, 0.3, 1000]
    assert_answers(run_ensemble(tmp_path, ensemble, frame, "gcc", SANITIZED), ensemble, frame)


def test_labels_and_infinity(tmp_path):
    ensemble, _ = made("two")
    export_c(TabularPredictor(ensemble), tmp_path / "model.c")
    (tmp_path / "main.c").write_text(
        """
#define MODEL_DECLARATIONS
#include "model.c"
#include <math.h>
#include <stdio.h>
int main(void)
{
    model_row row = {0};
    double out[MODEL_N_OUTPUTS];
    int64_t label;
    printf("%s %s %d\\n", model_class(0), model_class(1), model_class(2) == NULL);
    if (MODEL_N_COLUMNS != 10 || MODEL_N_CLASSES != 2)
        return 1;
    row.age = NAN;
    if (model_check(&row, 1) != MODEL_OK)
        return 2;
    row.income = -INFINITY;
    if (model_check(&row, 1) != MODEL_NOT_FINITE || model_check(NULL, 1) != MODEL_NULL_POINTER)
        return 3;
    if (model_predict(&row, 1, out) != MODEL_OK || !(fabs(out[0] + out[1] - 1) < 1e-12))
        return 4;
    if (model_labels(&row, 1, &label) != MODEL_OK || label != (out[1] > out[0]))
        return 5;
    return model_predict(&row, 1, NULL) != MODEL_NULL_POINTER;
}
"""
    )
    program = compiled(tmp_path, "gcc", SANITIZED, ["main.c", "model.c"])
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "no yes 1\n", "")


def test_too_long_categories_are_refused(tmp_path):
    frame = pd.DataFrame({"t": ["a" * 5000, "b"] * 20, "x": np.arange(40.0)})
    predictor = TabularPredictor(ensemble_of(frame))
    with pytest.raises(ValueError, match="too long for C"):
        export_c(predictor, tmp_path / "model.c")
    assert not list(tmp_path.iterdir())


def test_whole_numbers_that_doubles_make_equal_are_refused(tmp_path):
    rng = np.random.RandomState(0)
    codes = 2**60 + rng.randint(12, size=90)
    frame = pd.DataFrame({"code": codes, "size": rng.normal(size=90)})
    model = TabularClassifier("fast", categorical_features=["code"], random_state=0)
    model.fit(frame, codes % 2)
    with pytest.raises(ValueError, match="column 'code' has categories that are whole numbers"):
        export_c(model, tmp_path / "model.c")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("texts", [["a\ud800", "a", "c"], ["\ud800", "\udfff"]])
def test_texts_that_utf8_cannot_hold_are_unseen(texts, tmp_path):
    """Neither is their form with escapes, which is another text."""
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=90)})
    frame["t"] = pd.Series(np.resize(texts, 90), dtype=object)
    ensemble = ensemble_of(frame)
    frame["t"] = pd.Series(np.resize([*texts[1:], r"a\ud800", "other"], 90), dtype=object)
    frame["t"] = frame["t"].replace(texts[1], "unseen" if len(texts) == 2 else texts[1])
    assert_answers(run_ensemble(tmp_path, ensemble, frame, "gcc", SANITIZED), ensemble, frame)

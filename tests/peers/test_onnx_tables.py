"""Models of raw tables in ONNX Runtime: raw columns in, the predictor's answers out."""

import warnings

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
import onnx
import onnxruntime
from cases.ensembles import NAMES, fitted, made, matrix_of, members_of, odd_people, people
from onnx.reference import ReferenceEvaluator

from fusednn import (
    MLPClassifier,
    NetworkClassifier,
    TabularClassifier,
    TabularRegressor,
    export_onnx,
    freeze,
)
from fusednn.serving.ensembles.ensemble import Ensemble
from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.serving.ensembles.targets import Classes
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.learning import learned_preparation

pytestmark = pytest.mark.peers
OPSETS = 13, 17, onnx.defs.onnx_opset_version()


def column(values):
    """A column of a frame as ONNX takes it."""
    if values.dtype.kind == "M":
        return values.to_numpy("datetime64[us]").view(np.int64)[:, np.newaxis]
    if values.dtype.kind in "fiub":
        return values.to_numpy(float)[:, np.newaxis]
    return values.astype(object).where(values.notna(), "").to_numpy(object)[:, np.newaxis]


def feeds(frame, names=None):
    names = frame.columns if names is None else names
    return {str(own): column(frame[name]) for own, name in zip(names, frame, strict=True)}


def session_of(proto):
    onnx.checker.check_model(proto, full_check=True)
    onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(session, given):
    answers = session.run(None, given)
    rows = len(next(iter(given.values())))
    for told, answer in zip(session.get_outputs(), answers, strict=True):
        assert told.shape == ["N", *answer.shape[1:]]
        assert len(answer) == rows
    return dict(zip([told.name for told in session.get_outputs()], answers, strict=True))


def check(answers, predictor, frame):
    if hasattr(predictor, "classes_"):
        assert list(answers) == ["label", "probabilities"]
        wanted = predictor.predict_proba(frame)
        assert answers["probabilities"].dtype == wanted.dtype
        assert answers["probabilities"].shape == wanted.shape
        np.testing.assert_allclose(answers["probabilities"], wanted, atol=2e-6)
        two = np.sort(wanted, axis=1)[:, -2:]
        sure = two[:, 1] - two[:, 0] > 1e-5
        assert sure.mean() > 0.9
        assert (answers["label"] == predictor.predict(frame))[sure].all()
    else:
        assert list(answers) == ["variable"]
        wanted = predictor.predict(frame)
        assert answers["variable"].shape == wanted.shape
        error = abs(answers["variable"] - wanted).reshape(len(wanted), -1)
        factors = predictor.ensemble().target.factors
        assert (error <= 2e-6 * np.repeat(factors, error.shape[1] // len(factors))).all()


def rows_for(name):
    return people(300, seed=1, dates=True) if "dates" in name else odd_people()


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_the_predictor(name):
    predictor, frame = TabularPredictor(made(name)[0]), rows_for(name)
    for opset in OPSETS:
        session = session_of(export_onnx(predictor, None, opset))
        for count in (1, 3, len(frame)):
            check(run(session, feeds(frame[:count])), predictor, frame[:count])


@pytest.mark.parametrize("name", ["two", "value with dates", "quantiles"])
def test_the_standard_has_the_same_answers(name):
    """As the standard's own authors understand it."""
    predictor, frame = TabularPredictor(made(name)[0]), rows_for(name)
    standard = ReferenceEvaluator(export_onnx(predictor, None))
    with np.errstate(all="ignore"):  # NumPy's, beside the branch that counts
        answers = standard.run(None, feeds(frame))
    check(dict(zip(standard.output_names, answers, strict=True)), predictor, frame)


def test_inputs_are_the_columns():
    session = session_of(export_onnx(TabularPredictor(made("value with dates")[0]), None))
    found = {one.name: (one.type, one.shape) for one in session.get_inputs()}
    texts = {"colour", "sex", "city"}
    kinds = {name: "tensor(string)" if name in texts else "tensor(double)" for name in people(1)}
    kinds["day"] = "tensor(int64)"
    assert found == {name: (kind, ["N", 1]) for name, kind in kinds.items()}


def test_files_are_written(tmp_path):
    predictor, path = TabularPredictor(made("two")[0]), tmp_path / "model.onnx"
    export_onnx(predictor, path)
    session = onnxruntime.InferenceSession(str(path))
    check(run(session, feeds(odd_people())), predictor, odd_people())
    assert session.get_modelmeta().custom_metadata_map["estimator"] == "TabularClassifier"
    with pytest.raises(ValueError, match="takes no series"):
        export_onnx(predictor, None, stream=True)


@pytest.mark.parametrize("year", [1, 1600, 1899, 1970, 2000, 2100, 9999])
def test_every_part_of_a_date(year):
    """Years, months, days, weekdays and hours of many centuries."""
    rng = np.random.default_rng(year)
    first = np.datetime64(f"{year:04}-01-01", "us")
    moments = first + rng.integers(0, 366 * 86_400_000_000, 300) * (1 if year < 9999 else 0)
    moments[:3] = first, first + np.timedelta64(58, "D"), first + np.timedelta64(59, "D")
    frame = pd.DataFrame({"day": pd.Series(moments)}).assign(x=np.arange(300.0))
    frame.loc[5, "day"] = pd.NaT
    check_frame(frame)


def check_frame(frame, names=None):
    preparation = learned_preparation(table_of(frame))
    X = matrix_of(preparation, frame)
    y = np.arange(len(X)) % 2
    networks = fitted(NetworkClassifier, preparation, X, y)
    predictor = TabularPredictor(
        Ensemble(preparation, members_of(networks), Classes(np.array([0, 1])))
    )
    session = session_of(export_onnx(predictor, None))
    check(run(session, feeds(frame, names)), predictor, frame)


@pytest.mark.parametrize("preset", ["default", "fast", "realmlp"])
def test_the_networks_of_the_presets(preset):
    """What the estimators train, of two classes, several, and quantities."""
    frame = people(90, seed=3, dates=True)
    score = frame["income"].rank().to_numpy()
    for kind, y in (
        (TabularClassifier, score > 45),
        (TabularClassifier, np.digitize(score, [30, 60])),
        (TabularRegressor, score),
    ):
        model = kind(preset, random_state=0, n_jobs=1, n_folds=2, time_limit=3).fit(frame, y)
        session = session_of(export_onnx(model, None))
        check(run(session, feeds(frame)), freeze(model), frame)


def test_names_that_outputs_have():
    frame = people(60)[["age", "colour", "income"]]
    frame.columns = ["label", "number0", ""]
    check_frame(frame, ["column_0", "number0", "column_2"])


def test_a_table_without_names_or_numbers():
    frame = people(60)[["colour", "sex"]]
    preparation = learned_preparation(table_of(frame.to_numpy(object)))
    assert not preparation.named
    frame.columns = ["0", "1"]
    check_frame(frame)


def test_many_numbers_as_categories():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200), "n": rng.integers(0, 40, 200) / 4})
    preparation = learned_preparation(table_of(frame), categorical=[1])
    X = matrix_of(preparation, frame)
    networks = fitted(NetworkClassifier, preparation, X, (frame["n"] > 5).to_numpy())
    target = Classes(np.array([False, True]))
    predictor = TabularPredictor(Ensemble(preparation, members_of(networks), target))
    frame.loc[:2, "n"] = [np.nan, 0.3, 1000]
    session = session_of(export_onnx(predictor, None))
    answers = run(session, feeds(frame))
    assert answers["label"].dtype == bool
    check(answers, predictor, frame)


def test_whole_numbers_that_doubles_make_equal_are_refused():
    rng = np.random.RandomState(0)
    codes = 2**60 + rng.randint(12, size=90)
    frame = pd.DataFrame({"code": codes, "size": rng.normal(size=90)})
    model = TabularClassifier("fast", categorical_features=["code"], random_state=0)
    with pytest.raises(ValueError, match="column 'code' has categories that are whole numbers"):
        export_onnx(model.fit(frame, codes % 2), None)


HALVES = ["a\ud800", "\udfff"]
"""Halves of surrogate pairs, which UTF-8 cannot hold."""


def halved(categories):
    """Rows of a column of texts, some of which no other program can give, and of numbers."""
    rows = [{"c": categories[i % len(categories)], "n": float(i % 10)} for i in range(60)]
    y = [i % 10 > 4 for i in range(60)]
    return TabularClassifier("fast", random_state=0, n_jobs=1, time_limit=3).fit(rows, y), rows


@pytest.mark.parametrize("categories", [[*HALVES, "x", "y"], HALVES])
def test_texts_that_utf8_cannot_hold_are_unseen(categories):
    """The others are known as before."""
    model, _ = halved(categories)
    session = session_of(export_onnx(model, None))
    rows = [{"c": text, "n": 3.0} for text in ("x", "y", "", r"a\ud800", "?")]
    given = {
        "c": np.array([[row["c"]] for row in rows], object),
        "n": np.array([[row["n"]] for row in rows]),
    }
    wanted = model.predict_proba([{**row, "c": row["c"] or None} for row in rows])
    np.testing.assert_allclose(run(session, given)["probabilities"], wanted, atol=2e-6)


def test_a_column_whose_name_utf8_cannot_hold():
    rows = [{HALVES[0]: float(i % 10)} for i in range(60)]
    y = [i % 10 > 4 for i in range(60)]
    model = TabularClassifier("fast", random_state=0, n_jobs=1, time_limit=3).fit(rows, y)
    found = run(session_of(export_onnx(model, None)), {"column_0": np.arange(10.0)[:, np.newaxis]})
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows[:10]), atol=2e-6)


@pytest.mark.parametrize("estimator", [TabularClassifier("fast"), MLPClassifier((4,))])
def test_labels_that_utf8_cannot_hold_are_refused(estimator):
    X, y = np.arange(60.0).reshape(30, 2) / 60, np.repeat(["b", HALVES[0]], 15)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.set_params(random_state=0, n_jobs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"y has the label 'a\\ud800' .*: fit with another label"):
        export_onnx(estimator, None)

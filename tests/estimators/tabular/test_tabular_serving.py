"""What becomes of a fitted estimator of raw tables: files, predictors, ONNX and C."""

import io
import json
import pickle
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from cases.ensembles import people
from cases.mutations import joined, mutated, split
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusednn import (
    TabularClassifier,
    TabularPredictor,
    TabularRegressor,
    export_c,
    export_torch,
    freeze,
    load,
)
from fusednn.estimators.tabular.files import read_estimator
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import KEY, Plan

ROWS = people(120, seed=3)
TEST = people(40, seed=4)
NUMBERS = (ROWS["age"].fillna(40) + 10 * (ROWS["sex"] == "f")).to_numpy()
LABELS = np.where(NUMBERS > 60, "old", "young")
SHORT = {"random_state": 0, "n_jobs": 1, "n_folds": 2, "time_limit": None}


def _short(kind, y, preset="default", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(preset, **{**SHORT, **options}).fit(ROWS, y)


MAKERS = {
    "two": lambda: _short(TabularClassifier, LABELS),
    "three": lambda: _short(TabularClassifier, np.digitize(NUMBERS, [40, 60]), "fast"),
    "bools": lambda: _short(TabularClassifier, NUMBERS > 60, "fast", importances=True),
    "value": lambda: _short(TabularRegressor, NUMBERS),
    "column": lambda: _short(TabularRegressor, NUMBERS[:, np.newaxis], "fast"),
    "several": lambda: _short(
        TabularRegressor, pd.DataFrame({"a": NUMBERS, "b": -NUMBERS}), "fast"
    ),
    "quantiles": lambda: _short(TabularRegressor, NUMBERS, "fast", quantiles=[0.1, 0.5, 0.9]),
    "realmlp": lambda: _short(
        TabularClassifier, LABELS, "realmlp", categorical_features=["grade"]
    ),
}


@cache
def made(name):
    return MAKERS[name]()


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)


def assert_same(found, wanted):
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", MAKERS)
def test_predictors_answer_as_the_estimator(name):
    model = made(name)
    predictor = freeze(model)
    assert type(predictor) is TabularPredictor
    assert_same(answers(predictor, TEST), answers(model, TEST))
    assert_same(predictor.predict(TEST), model.predict(TEST))
    record = TEST.iloc[:1].to_dict("records")[0]
    assert_same(predictor.predict(record), model.predict(TEST[:1]))
    if name in ("value", "column", "several"):
        for found, wanted in zip(
            predictor.predict(TEST, return_std=True),
            model.predict(TEST, return_std=True),
            strict=True,
        ):
            assert_same(found, wanted)


@pytest.mark.parametrize("name", MAKERS)
def test_files_give_the_estimator_back(name, tmp_path):
    model, path = made(name), tmp_path / "model.safetensors"
    model.save(path, notes={"a": [1]})
    again = type(model).load(path)
    assert again.get_params() == model.get_params()
    assert_same(answers(again, TEST), answers(model, TEST))
    assert_same(again.predict(TEST), model.predict(TEST))
    lost = {key for key in vars(model) if key not in vars(again)}
    assert not lost
    assert again.history_ == model.history_
    assert again.preparation_ == model.preparation_
    assert_same(again.oof_, model.oof_)
    assert_same(again.weights_, model.weights_)
    assert again.feature_names_in_.tolist() == model.feature_names_in_.tolist()
    assert getattr(again._target, "names", None) == getattr(model._target, "names", None)
    if name == "bools":
        assert_same(again.feature_importances_, model.feature_importances_)
    truth = model.predict(TEST)[:, 1] if name == "quantiles" else model.predict(TEST)
    assert again.score(TEST, truth) == model.score(TEST, truth) == 1


def test_loaded_estimators_are_saved_pickled_and_fitted_again(tmp_path):
    model = made("value")
    model.save(tmp_path / "one")
    again = TabularRegressor.load(tmp_path / "one")
    again.save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    copied = pickle.loads(pickle.dumps(again))
    assert_same(copied.predict(TEST), model.predict(TEST))
    means, deviations = copied.predict(TEST, return_std=True)
    assert_same(deviations, model.predict(TEST, return_std=True)[1])
    copied.set_params(preset="fast").fit(ROWS, NUMBERS)
    assert not np.array_equal(copied.predict(TEST), means)


def test_load_makes_a_predictor(tmp_path):
    model = made("two")
    model.save(tmp_path / "model", notes={"made": "here"})
    predictor = load(tmp_path / "model", n_jobs=1)
    assert type(predictor) is TabularPredictor
    assert predictor.notes == {"made": "here"}
    assert_same(predictor.predict_proba(TEST), model.predict_proba(TEST))
    predictor.save(tmp_path / "frozen")
    with pytest.raises(ValueError, match=r"it holds a predictor, which fusednn\.load reads"):
        TabularClassifier.load(tmp_path / "frozen")
    with pytest.raises(ValueError, match=r"which TabularClassifier\.load reads, not"):
        TabularRegressor.load(tmp_path / "model")


@pytest.mark.parametrize(
    "asked", [ROWS.columns[ROWS.columns == "grade"], pd.Series(ROWS.columns == "grade")]
)
def test_columns_of_a_frame_are_written_as_lists(asked, tmp_path):
    model = _short(TabularClassifier, LABELS, "fast", categorical_features=asked)
    model.save(tmp_path / "m.st")
    again = TabularClassifier.load(tmp_path / "m.st")
    assert again.categorical_features == asked.tolist()
    np.testing.assert_array_equal(again.fit(ROWS, LABELS).oof_, model.oof_)


def test_what_cannot_be_written_is_named(tmp_path):
    def score(estimator, X, y):
        return float((estimator.predict(X) == y).mean())

    model = _short(TabularClassifier, LABELS, "fast", metric=score)
    with pytest.raises(ValueError, match=r"save cannot write without pickle: .* metric="):
        model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())
    with pytest.raises(NotFittedError):
        TabularClassifier().save(tmp_path / "model")
    with pytest.raises(NotFittedError):
        freeze(TabularRegressor())


CHANGES = {
    "class": (lambda e: e.update({"class": "TabularRegressor"}), "which TabularRegressor.load"),
    "other class": (lambda e: e.update({"class": "os"}), "must be one of"),
    "key": (lambda e: e.update(code=1), "not known"),
    "parameter": (lambda e: e["params"].update(code=1), "parameters are not those"),
    "preset": (lambda e: e["params"].update(preset="slow"), "parameters are refused"),
    "attribute": (lambda e: e["attributes"].update(predict=1), "unknown attribute"),
    "history": (lambda e: e["attributes"].update(history_=[1]), "not of the right kind"),
    "no oof_": (lambda e: e["attributes"].pop("oof_"), "no attribute oof_"),
    "names": (
        lambda e: e["attributes"].update(target_names={"tuple": ["a", "b"]}),
        "target_names",
    ),
    "lost tensor": (lambda e: e["attributes"].update(oof_=None), "unexpected tensor"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_wrong_files_are_refused(name, tmp_path):
    change, message = CHANGES[name]
    made("two").save(tmp_path / "model")
    header, tensors = split((tmp_path / "model").read_bytes())
    plan = json.loads(header["__metadata__"][KEY])
    change(plan["estimator"])
    header["__metadata__"][KEY] = json.dumps(plan)
    (tmp_path / "model").write_bytes(joined(header, tensors))
    with pytest.raises(ValueError, match=message):
        TabularClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("first", "last"), [(0, 300), pytest.param(300, 6000, marks=pytest.mark.long)]
)
def test_mutated_files_are_refused_or_predict(first, last, tmp_path):
    """As in `serving/files/test_fuzz.py`, of what estimators alone read too."""
    kinds = {"bools": TabularClassifier, "several": TabularRegressor}
    files = {}
    for name in kinds:
        made(name).save(tmp_path / name)
        files[name] = (tmp_path / name).read_bytes()
    loaded, messages = 0, set()
    for seed in range(first, last):
        name = list(kinds)[seed % 2]
        try:
            data = io.BytesIO(mutated([files[name]], seed))
            estimator = read_estimator(kinds[name], Plan.of(data))
        except Refused as error:
            messages.add(str(error))
            continue
        loaded += 1
        if estimator.preparation_ == made(name).preparation_:
            with np.errstate(all="ignore"):
                assert len(estimator.predict(TEST)) == 40
    assert 0.025 < loaded / (last - first) < 0.75
    assert all(0 < len(message) < 1000 and "\n" not in message for message in messages)


def test_other_programs(tmp_path):
    model = made("two")
    export_c(model, tmp_path / "model.c")
    assert "model_predict(const model_row *rows" in (tmp_path / "model.c").read_text()
    with pytest.raises((TypeError, ValueError)):
        export_torch(model, tmp_path / "model.pt")


def test_searches_and_pipelines():
    model = TabularClassifier("fast", random_state=0)
    search = GridSearchCV(model, {"metric": ["log_loss"]}, cv=2).fit(ROWS, LABELS)
    wanted = search.predict_proba(TEST)
    assert_same(freeze(search).predict_proba(TEST), wanted)
    alone = make_pipeline(search.best_estimator_)
    assert_same(freeze(alone).predict_proba(TEST), wanted)
    numbers = ROWS[["income", "time"]]
    behind = make_pipeline(StandardScaler(), TabularClassifier("fast", random_state=0))
    with pytest.raises(TypeError, match="TabularClassifier prepares tables by itself"):
        freeze(behind.fit(numbers, LABELS))


def test_an_overridden_method_would_be_lost():
    class Own(TabularClassifier):
        def predict(self, X):
            return super().predict(X)[::-1]

    model = _short(Own, LABELS, "fast")
    with pytest.raises(TypeError, match="Own has a predict of its own"):
        freeze(model)

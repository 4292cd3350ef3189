"""The service of a model of raw tables: rows are objects of its columns."""

import json

import numpy as np
import pytest
from app import Limits, create_app
from asking import get, post
from cases.ensembles import made, odd_people, people

from fusednn.serving.ensembles.predictor import TabularPredictor
from fusednn.serving.ensembles.targets import Classes


def records_of(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def body_of(rows):
    return json.dumps({"rows": rows}).replace(str(TOO_LARGE), "1e400").encode()


@pytest.fixture(scope="module", params=["three", "value"])
def served(request):
    """A service and its predictor."""
    predictor = TabularPredictor(made(request.param)[0])
    return create_app(predictor, Limits(body=50_000, rows=100)), predictor


@pytest.mark.parametrize("count", [1, 3, 40])
def test_rows_are_objects(served, count):
    app, predictor = served
    frame = odd_people()[:count]
    response = post(app, body_of(records_of(frame)))
    assert response.status_code == 200
    answer = response.json()
    np.testing.assert_array_equal(answer["predictions"], predictor.predict(frame))
    if hasattr(predictor, "classes_"):
        np.testing.assert_array_equal(answer["probabilities"], predictor.predict_proba(frame))
    else:
        assert set(answer) == {"predictions"}


TOO_LARGE = -123456789
"""Stands for a number that no float holds, which Python cannot write as JSON."""
WRONG = {
    "a column is missing": ({"age": ...}, "lacks column 'age' of the training table"),
    "one too many": ({"more": 1}, "the training table had no column 'more'"),
    "another type": ({"age": "old"}, "column 'age' has texts"),
    "a list": ({"age": [1]}, "Input should be a number, a text, a boolean or null"),
    "an object": (
        {"age": {}, "colour": {}},
        "Input should be a number, a text, a boolean or null",
    ),
    "too large": ({"age": TOO_LARGE}, "Input should be a finite number"),
    "a text too many": ({"colour": 3}, "column 'colour' has numbers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_rows_are_told(served, case):
    app, _ = served
    change, message = WRONG[case]
    [record] = records_of(people(1))
    record = {key: value for key, value in (record | change).items() if value is not ...}
    response = post(app, body_of([record]))
    assert response.status_code == 422
    [reason] = response.json()["detail"]
    assert reason["loc"][:2] == ["body", "rows"]
    assert message in reason["msg"]


def test_the_model_names_its_columns(served):
    app, predictor = served
    found = get(app, "/model").json()
    assert found["features"] == people(1).columns.tolist()
    assert found["n_features"] == 10
    assert found["dtype"] == "float32"
    assert "TabularPredictor" in found["name"]
    assert get(app, "/openapi.json").status_code == 200
    assert found["classes"] == getattr(predictor, "classes_", np.array(None)).tolist()


def test_dates_are_texts():
    predictor = TabularPredictor(made("value with dates")[0])
    frame = people(20, seed=1, dates=True)
    days = frame["day"].dt.strftime("%Y-%m-%d")
    rows = records_of(frame.assign(day=days.where(frame["day"].notna(), None)))
    answer = post(create_app(predictor), body_of(rows)).json()
    np.testing.assert_array_equal(answer["predictions"], predictor.predict(frame))


def test_rows_of_a_table_without_names():
    frame = people(80)
    ensemble, _ = made("three")
    unnamed = ensemble._replace(preparation=ensemble.preparation._replace(named=False))
    app, predictor = create_app(TabularPredictor(unnamed)), TabularPredictor(unnamed)
    rows = [list(record.values()) for record in records_of(frame)]
    answer = post(app, body_of(rows)).json()
    np.testing.assert_array_equal(answer["predictions"], predictor.predict(rows))


@pytest.mark.parametrize("place", ["label", "column name"])
def test_texts_that_json_cannot_hold_are_refused(place):
    """At the start, not by the first request."""
    ensemble, half = made("three")[0], "a\ud800"
    if place == "label":
        ensemble = ensemble._replace(target=Classes(np.array(["a", "b", half])))
    else:
        first, *others = ensemble.preparation.features
        features = first._replace(name=half), *others
        ensemble = ensemble._replace(preparation=ensemble.preparation._replace(features=features))
    with pytest.raises(ValueError, match=rf"the {place} 'a\\ud800' .*: fit it with another"):
        create_app(TabularPredictor(ensemble))

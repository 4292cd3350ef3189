"""What the service answers, tells of its model, and counts."""

import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from app import Limits, create_app
from asking import JSON, body_of, get, metrics, post, together

import fusednn
from fusednn.layers import GlobalAvgPool, TokenEmbedding


@pytest.mark.parametrize("count", [1, 3, 150])
def test_classifier(app, iris, count):
    """Labels and probabilities are the estimator's, of few rows and of many."""
    model, X = iris
    response = post(app, body_of(X[:count]))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"predictions", "probabilities"}
    np.testing.assert_array_equal(answer["predictions"], model.predict(X[:count]))
    expected = model.predict_proba(X[:count])
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5, atol=1e-7)


def test_regressors(diabetes, fitted):
    """A value for each row, or a list of them; no probabilities."""
    X, y = diabetes
    for target in (y, np.column_stack([y, -y])):
        model = fitted(fusednn.MLPRegressor(hidden_layer_sizes=(8,)), X, target)
        answer = post(create_app(fusednn.freeze(model)), body_of(X[:7])).json()
        assert set(answer) == {"predictions"}
        np.testing.assert_allclose(answer["predictions"], model.predict(X[:7]), rtol=1e-9)


def test_tokens_with_padding(fitted):
    """No row of the service's own is nothing but padding."""
    X, y = np.array([[1, 4, 2], [3, 1, 0], [2, 0, 0]]), [0.0, 1.0, 2.0]
    layers = [TokenEmbedding(2, count=5, padding=0), GlobalAvgPool()]
    model = fitted(fusednn.NetworkRegressor(layers), X, y)
    app = create_app(fusednn.freeze(model))
    answer, refused = post(app, body_of(X)).json(), post(app, body_of([[1, 9, 0]]))
    np.testing.assert_allclose(answer["predictions"], model.predict(X), rtol=1e-5)
    assert refused.status_code == 422
    assert "whole numbers from 0 to 4; found 9" in refused.json()["detail"][0]["msg"]


def test_several_labels_and_columns(iris, fitted):
    """Several labels are a list for each row, several columns a table of probabilities each."""
    _, X = iris
    several = np.greater(X, X.mean(axis=0)).astype(int)
    model = fitted(fusednn.MLPClassifier((8,)), X, several)
    answer = post(create_app(fusednn.freeze(model)), body_of(X[:5])).json()
    np.testing.assert_array_equal(answer["predictions"], model.predict(X[:5]))
    assert np.shape(answer["probabilities"]) == (5, 4)
    columns = several[:, :2] + [[5, 7]]
    columns[:10] += 1
    model = fitted(fusednn.MLPClassifier((8,)), X, columns)
    app = create_app(fusednn.freeze(model))
    answer = post(app, body_of(X[:5])).json()
    np.testing.assert_array_equal(answer["predictions"], model.predict(X[:5]))
    expected = model.predict_proba(X[:5])
    assert len(answer["probabilities"]) == len(expected) == 2
    for found, table in zip(answer["probabilities"], expected, strict=True):
        np.testing.assert_allclose(found, table, rtol=1e-5)
    assert get(app, "/model").json()["classes"] == [part.tolist() for part in model.classes_]


def test_what_overflows_is_null(fitted):
    """JSON has no infinity."""
    X = np.linspace(0, 1, 50)[:, None]
    model = fitted(fusednn.MLPRegressor("poisson", (4,)), X, np.ones(50))
    model.coefs_ = [np.full_like(part, 100) for part in model.coefs_]
    response = post(create_app(fusednn.freeze(model)), b'{"rows":[[1e6],[-1e9]]}')
    first, second = response.json()["predictions"]
    assert first is None
    assert np.isfinite(second)


def test_model_health_and_documentation(app, iris):
    model, _ = iris
    assert get(app, "/health").json() == {"status": "ok"}
    info = get(app, "/model").json()
    assert info["classes"] == model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert (info["n_features"], info["dtype"], info["features"]) == (4, "float32", None)
    assert get(app, "/docs").status_code == 200
    operation = get(app, "/openapi.json").json()["paths"]["/predict"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    rows = schema["properties"]["rows"]
    assert (rows["minItems"], rows["maxItems"]) == (1, 200)
    assert (rows["items"]["minItems"], rows["items"]["maxItems"]) == (4, 4)
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/Classes"}
    assert {"408", "413", "415", "422"} < set(operation["responses"])


def test_names_of_features(iris, fitted):
    _, X = iris
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = fitted(fusednn.MLPRegressor(hidden_layer_sizes=(4,)), frame, X[:, 0])
    info = get(create_app(fusednn.freeze(model)), "/model").json()
    assert (info["features"], info["classes"]) == (["a", "b", "c", "d"], None)


def test_metrics(app, iris):
    """Each answer is counted by status, each row, and predictions by their time."""
    X = iris[1]
    for count in (1, 2, 30):
        assert post(app, body_of(X[:count])).status_code == 200
    post(app, b"{")
    get(app, "/health")
    found = metrics(app)
    assert found['service_requests_total{path="/predict",status="200"}'] == 3
    assert found['service_requests_total{path="/predict",status="422"}'] == 1
    assert found['service_requests_total{path="/health",status="200"}'] == 1
    assert found["service_rows_total"] == 33
    assert found["service_predict_seconds_count"] == 4
    assert found['service_predict_seconds_bucket{le="+Inf"}'] == 4
    assert 0 < found["service_predict_seconds_sum"] < 60
    if sys.platform == "linux":
        assert found["process_resident_memory_bytes"] > 2**20
        assert found["process_cpu_seconds_total"] > 0


def test_errors_of_ours_are_counted(iris):
    """A defect is a 500 for the client, and in the metrics."""
    predictor = fusednn.freeze(iris[0])
    app = create_app(predictor)
    predictor.predict = None
    with pytest.raises(TypeError):
        post(app, body_of([[1, 2, 3, 4]]))
    assert metrics(app)['service_requests_total{path="/predict",status="500"}'] == 1


class Counted:
    """A predictor that remembers of how many rows it was asked, and how many times at once."""

    def __init__(self, predictor):
        self._predictor, self.rows, self.now, self.most = predictor, [], 0, 0
        self._lock = threading.Lock()

    def __getattr__(self, name):
        return getattr(self._predictor, name)

    def predict(self, X):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        self.rows.append(len(X))
        with self._lock:
            self.now -= 1
        return self._predictor.predict(X)


@pytest.mark.parametrize(
    ("features", "limits", "largest"),
    [
        (10_000, Limits(), 52),  # of 20,001 bytes
        (10_000, Limits(body=100), 1),
        (4, Limits(), 1000),
        (4, Limits(body=1000, rows=5000), 100),
    ],
)
def test_nothing_is_left_to_the_first_request(features, limits, largest, fitted):
    """Before the first request one row has been answered, and the most that can come."""
    X = np.zeros((10, features), np.float32)
    model = fitted(fusednn.MLPRegressor(hidden_layer_sizes=(2,)), X, np.arange(10.0))
    predictor = Counted(fusednn.freeze(model))
    create_app(predictor, limits)
    assert predictor.rows[:2] == [1, largest]


def test_few_answers_at_once(iris, monkeypatch):
    """What does not fit into the event loop waits for one of a few threads."""
    monkeypatch.setattr("app.INLINE_SECONDS", 0.0)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    predictor = Counted(fusednn.freeze(iris[0]))
    app = create_app(predictor)
    together(app, *[("POST", "/predict", {"content": body_of(iris[1]), "headers": JSON})] * 40)
    assert predictor.rows[-40:] == [150] * 40
    assert 1 < predictor.most <= 4


@pytest.mark.parametrize("inline", [True, False])
def test_many_at_once(iris, inline, monkeypatch):
    """Each of many requests at once gets the answer of its own rows, on the loop or in threads."""
    model, X = iris
    if not inline:
        monkeypatch.setattr("app.INLINE_SECONDS", 0.0)
    app = create_app(fusednn.freeze(model), Limits(rows=200))
    parts = [X[start : start + size] for start in range(0, 100, 2) for size in (1, 7, 50)]
    requests = [
        ("POST", "/predict", {"content": body_of(rows), "headers": JSON}) for rows in parts
    ]
    expected = model.predict_proba(X)
    for rows, response in zip(parts, together(app, *requests), strict=True):
        start = next(i for i in range(0, 100, 2) if np.shares_memory(X[i], rows[0]))
        found = response.json()["probabilities"]
        np.testing.assert_allclose(found, expected[start : start + len(rows)], atol=1e-6)
    assert metrics(app)["service_rows_total"] == sum(map(len, parts))

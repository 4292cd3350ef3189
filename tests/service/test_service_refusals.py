"""What the service refuses, and why it says it does."""

import asyncio
import json

import numpy as np
import pytest
from app import Limits, create_app
from asking import JSON, body_of, get, metrics, post, together

import fusednn

WRONG = {
    "nothing": (b"", "json_invalid", ["body"]),
    "no JSON": (b"rows", "json_invalid", ["body"]),
    "not UTF-8": (b'{"\xff": 1, "rows": [[1, 2, 3, 4]]}', "json_invalid", ["body"]),
    "more after it": (b'{"rows": [[1, 2, 3, 4]]} {}', "json_invalid", ["body"]),
    "no object": (b"[[1, 2, 3, 4]]", "model_type", ["body"]),
    "no rows key": (b'{"row": [[1, 2, 3, 4]]}', "missing", ["body", "rows"]),
    "no rows": (b'{"rows": []}', "too_short", ["body", "rows"]),
    "a row alone": (b'{"rows": [1, 2, 3, 4]}', "list_type", ["body", "rows", 0]),
    "an empty row": (b'{"rows": [[]]}', "too_short", ["body", "rows", 0]),
    "ragged": (b'{"rows": [[1, 2, 3, 4], [1, 2, 3]]}', "too_short", ["body", "rows", 1]),
    "too wide": (b'{"rows": [[1, 2, 3, 4, 5]]}', "too_long", ["body", "rows", 0]),
    "too many rows": (body_of(np.zeros((201, 4))), "too_long", ["body", "rows"]),
    "a string": (b'{"rows": [[1, 2, 3, "4"]]}', "float_type", ["body", "rows", 0, 3]),
    "a boolean": (b'{"rows": [[1, true, 3, 4]]}', "float_type", ["body", "rows", 0, 1]),
    "null": (b'{"rows": [[null, 2, 3, 4]]}', "float_type", ["body", "rows", 0, 0]),
    "NaN": (b'{"rows": [[1, 2, NaN, 4]]}', "finite_number", ["body", "rows", 0, 2]),
    "infinity": (b'{"rows": [[1, 2, -Infinity, 4]]}', "finite_number", ["body", "rows", 0, 2]),
    "1e400": (b'{"rows": [[1, 2, 1e400, 4]]}', "finite_number", ["body", "rows", 0, 2]),
    "10,000 digits": (b'{"rows": [[%s]]}' % (b"9" * 10_000), "json_invalid", ["body"]),
    "above float32": (b'{"rows": [[1, 2, 1e300, 4]]}', "value_error", ["body", "rows"]),
    "a nesting bomb": (b'{"rows": ' + b"[" * 10_000, "json_invalid", ["body"]),
    "deep but whole": (
        b'{"rows": [[%s1%s]]}' % (b"[" * 9000, b"]" * 9000),
        "json_invalid",
        ["body"],
    ),
    "rows too deep": (b'{"rows": [[[1, 2, 3, 4]]]}', "float_type", ["body", "rows", 0, 0]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_bodies(app, case):
    """422 says what is wrong and where, once, and never repeats the input; none is counted."""
    body, kind, place = WRONG[case]
    response = post(app, body)
    assert response.status_code == 422
    [reason] = response.json()["detail"]
    assert set(reason) == {"type", "loc", "msg"}
    assert (reason["type"], reason["loc"]) == (kind, place)
    assert 10 < len(reason["msg"]) < 200
    found = metrics(app)
    assert found['service_requests_total{path="/predict",status="422"}'] == 1
    assert found["service_rows_total"] == 0


def test_an_integer_too_large_for_a_float(app):
    """Releases of pydantic differ in the kind of this error."""
    response = post(app, b'{"rows": [[1, 2, %s, 4]]}' % (b"9" * 400))
    assert response.status_code == 422
    assert [reason["loc"] for reason in response.json()["detail"]] == [["body", "rows", 0, 2]]


def test_many_errors_are_told_once(app):
    """A body of nothing but errors is no more work than a right one, and its answer is short."""
    for body in (b'{"rows": [%s1]}' % (b'"a",' * 4000), b'{"rows":[[%s1]]}' % (b"{}," * 6000)):
        response = post(app, body)
        assert response.status_code == 422
        assert len(response.content) < 300
    extra = b",".join(b'"%d": 0' % number for number in range(1500))
    assert post(app, b'{%s, "rows": [[1, 2, 3, 4]]}' % extra).status_code == 200


def right(body):
    """The rows of a body as Python's own JSON reads it; None if they are not to be answered."""
    try:
        rows = json.loads(body)["rows"]
        kinds = {type(number) for row in rows for number in row}
        X = np.array(rows, float)
    except (ValueError, TypeError, KeyError):
        return None
    fits = kinds <= {int, float} and X.ndim == 2 and X.shape[1] == 4 and len(X) > 0
    with np.errstate(over="ignore"):
        return X if fits and np.isfinite(X.astype(np.float32)).all() else None


@pytest.mark.long
def test_broken_bodies_at_random(app, iris):
    """Bodies with bytes changed are answered or refused as Python reads them, never an error."""
    rng = np.random.default_rng(0)
    whole = b'{"rows": [[5.1, -3, 14e-1, 0.2], [6, 2.9, 1.5, 1E0]], "more": {"a": null}}'
    new = np.frombuffer(b'0123456789+-.eE,:[]{}" \\ntrue\xff\x00', np.uint8)
    bodies = []
    for _ in range(1500):
        body = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(len(body), size=rng.integers(1, 4))
        body[places] = rng.choice(new, len(places))
        bodies.append(body.tobytes())
    sent = [("POST", "/predict", {"content": body, "headers": JSON}) for body in bodies]
    statuses = []
    for body, response in zip(bodies, together(app, *sent), strict=True):
        X = right(body)
        assert response.status_code == (422 if X is None else 200), body
        statuses.append(response.status_code)
        if X is None:
            assert response.json()["detail"][0]["msg"]
        else:
            np.testing.assert_array_equal(response.json()["predictions"], iris[0].predict(X))
    assert min(map(statuses.count, (200, 422))) > 100


def test_the_last_of_equal_keys_counts(app, iris):
    """As in Python's own JSON, and JavaScript's; one that is not used may be wrong."""
    rows = json.dumps(iris[1][70:72].tolist()).encode()
    twice = post(app, b'{"rows": "none", "rows": %s}' % rows)
    assert twice.json() == post(app, b'{"rows": %s}' % rows).json()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_wrong_content_type(app, kind):
    response = post(app, body_of([[1, 2, 3, 4]]), {"content-type": kind} if kind else {})
    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]


def test_content_type_with_parameters(app):
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert post(app, body_of([[1, 2, 3, 4]]), headers).status_code == 200


def test_other_paths_and_methods(app):
    """What nobody serves makes one time series, whatever its path."""
    assert [get(app, f"/{name}").status_code for name in ("a", "b", "predict")] == [404, 404, 405]
    found = metrics(app)
    assert found['service_requests_total{path="other",status="404"}'] == 2
    assert found['service_requests_total{path="/predict",status="405"}'] == 1
    assert not any('"/a"' in name for name in found)


# -- the limit of the body ---------------------------------------------------------------


def in_chunks(size, count, taken):
    async def chunks():
        for _ in range(count):
            taken.append(size)
            yield b" " * size

    return chunks()


def test_body_at_the_limit(app):
    """The longest body is taken, in one piece and in many; one byte more is not."""
    body = body_of([[1, 2, 3, 4]]).ljust(20_000)
    assert post(app, body).status_code == 200
    assert post(app, body + b" ").status_code == 413

    async def bytes_of_it():
        for start in range(0, len(body), 999):
            yield body[start : start + 999]

    assert post(app, bytes_of_it()).status_code == 200


def test_chunked_body_over_the_limit(app):
    """Without a Content-Length too no more is read than the limit, of however much is sent."""
    taken = []
    response = post(app, in_chunks(1000, 10_000, taken))
    assert "content-length" not in response.request.headers
    assert response.status_code == 413
    assert "20000 bytes" in response.json()["detail"]
    assert 20 <= len(taken) <= 22


@pytest.mark.parametrize("told", ["10", "-1", "many", "1e3", ""])
def test_content_length_that_lies(app, told):
    """What counts is what comes."""
    taken = []
    lying = {**JSON, "content-length": told}
    assert post(app, in_chunks(1000, 10_000, taken), lying).status_code == 413
    assert len(taken) <= 22
    assert post(app, body_of([[1, 2, 3, 4]]), lying).status_code == 200


def test_declared_length_is_refused_unread(app):
    taken = []
    huge = {**JSON, "content-length": "20001"}
    assert post(app, in_chunks(1000, 21, taken), huge).status_code == 413
    assert taken == []


def exchange(app, messages, wait=False):
    """What the app sends for raw ASGI messages; with `wait` it waits in vain for more."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "path": "/predict", "raw_path": b"/predict", "root_path": "", "query_string": b"",
        "scheme": "http", "server": ("test", 80), "client": ("test", 1),
        "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    sent, coming = [], list(messages)

    async def receive():
        if not coming and wait:
            await asyncio.Event().wait()
        return coming.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"]


def test_body_that_does_not_come(iris):
    """A client that stops in the midst of its body is answered when its time is over."""
    app = create_app(fusednn.freeze(iris[0]), Limits(seconds=0.05))
    begun = {"type": "http.request", "body": b'{"rows"', "more_body": True}
    assert exchange(app, [begun], wait=True) == 408
    assert exchange(app, [begun, {"type": "http.disconnect"}]) == 400
    found = metrics(app)
    assert found['service_requests_total{path="/predict",status="408"}'] == 1
    assert found['service_requests_total{path="/predict",status="400"}'] == 1

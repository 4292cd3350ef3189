"""Texts of a language model over HTTP, as server-sent events."""

import json
import warnings
from http.client import HTTPConnection

import load_test
import pytest
from app import Limits, create_app
from asking import JSON, get, metrics, post, together
from cases.small_language_models import CODES, fitted, model_of, text_model
from generation import language_model

import fusednn


@pytest.fixture(scope="module")
def writer():
    return fitted(text_model())


def asked(**how):
    return json.dumps({"prompt": "the ", "n": 20, "seed": 5, **how}).encode()


def texts_of(body):
    """The pieces of text of a stream of events, which must end."""
    *events, last, rest = body.decode().split("\n\n")
    assert (last, rest) == ("event: end\ndata: {}", "")
    return [json.loads(event.removeprefix("data: "))["text"] for event in events]


def test_events_are_the_pieces(writer):
    app = create_app(fusednn.freeze(writer), Limits(tokens=30), writer)
    [response] = together(app, ("POST", "/generate", {"content": asked(), "headers": JSON}))
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    pieces = texts_of(response.content)
    assert pieces == list(writer.iter_generate("the ", 20, random_state=5))
    how = {"temperature": 0.5, "top_k": 3, "top_p": 0.9}
    [response] = together(app, ("POST", "/generate", {"content": asked(**how), "headers": JSON}))
    expected = writer.generate("the ", 20, *how.values(), random_state=5)
    assert "".join(texts_of(response.content)) == expected
    assert metrics(app)['service_requests_total{path="/generate",status="200"}'] == 2
    assert "/generate" in get(app, "/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        (asked(n=31), ["body", "n"], "less than or equal to 30"),
        (asked(temperature=-1), ["body", "temperature"], "greater than or equal to 0"),
        (asked(prompt="THE"), ["body", "prompt"], "holds the character 'T'"),
        (asked(prompt=""), ["body", "prompt"], "is empty"),
        (b"{", ["body"], "Invalid JSON"),
    ],
)
def test_refusals(writer, body, place, words):
    app = create_app(fusednn.freeze(writer), Limits(tokens=30), writer)
    [response] = together(app, ("POST", "/generate", {"content": body, "headers": JSON}))
    assert response.status_code == 422
    [reason] = response.json()["detail"]
    assert (reason["loc"], words in reason["msg"]) == (place, True)


def test_other_models_have_no_such_path(app, tmp_path):
    assert together(app, ("POST", "/generate", {"content": asked()}))[0].status_code == 404
    of_codes = fitted(model_of(), CODES)
    of_codes.save(tmp_path / "codes.st")
    assert language_model(tmp_path / "codes.st") is None
    answer = post(create_app(fusednn.freeze(of_codes)), json.dumps({"rows": [[1] * 12]}).encode())
    assert len(answer.json()["predictions"][0]) == 12


def test_a_service_sends_each_piece_at_once(writer, tmp_path):
    """On the loopback interface: the first events are read while later ones are made."""
    writer.save(tmp_path / "model.safetensors")
    with load_test.service(tmp_path / "model.safetensors") as (port, _):
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/generate", asked(n=1000), JSON)
        response = connection.getresponse()
        assert response.getheader("transfer-encoding") == "chunked"
        first = response.readline()
        assert json.loads(first.removeprefix(b"data: "))["text"]
        pieces = texts_of(first + response.read())
        connection.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "".join(pieces) == writer.generate("the ", 1000, random_state=5)

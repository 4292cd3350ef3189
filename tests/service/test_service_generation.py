"""Texts of a language model over HTTP, as server-sent events."""

import asyncio
import contextlib
import json
import time
import warnings
from http.client import HTTPConnection

import load_test
import pytest
from app import Limits, create_app
from asking import JSON, get, metrics, post, together
from cases.small_language_models import CODES, fitted, model_of, text_model
from generation import END, LATE, events, language_model
from starlette.requests import ClientDisconnect

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
        (asked(prompt="the " * 13), ["body", "prompt"], "prompt has 52 tokens: at most 50"),
        (b"{", ["body"], "Invalid JSON"),
    ],
)
def test_refusals(writer, body, place, words):
    app = create_app(fusednn.freeze(writer), Limits(tokens=30, prompt=50, texts=1), writer)
    for _ in range(2):  # a text that is refused leaves room for another
        [response] = together(app, ("POST", "/generate", {"content": body, "headers": JSON}))
        assert response.status_code == 422
    [reason] = response.json()["detail"]
    assert (reason["loc"], words in reason["msg"]) == (place, True)


def request(**how):
    return "POST", "/generate", {"content": asked(**how), "headers": JSON}


def test_texts_at_once(writer):
    """The others are told to ask again; each may later."""
    app = create_app(fusednn.freeze(writer), Limits(texts=2), writer)
    for _ in range(2):
        answers = together(app, *[request(n=300)] * 5)
        statuses = [one.status_code for one in answers]
        assert sorted(statuses) == [200, 200, 503, 503, 503]
        refused = answers[statuses.index(503)]
        assert refused.json() == {"detail": "2 texts are being written: ask again"}
        assert refused.headers["retry-after"] == "1"
        texts = {"".join(texts_of(one.content)) for one in answers if one.status_code == 200}
        assert texts == {writer.generate("the ", 300, random_state=5)}
    assert metrics(app)['service_requests_total{path="/generate",status="503"}'] == 6


def test_the_time_of_a_text(writer):
    app = create_app(fusednn.freeze(writer), Limits(tokens=10**9, writing=0.2), writer)
    began = time.monotonic()
    [response] = together(app, request(n=10**9))
    assert time.monotonic() - began < 10
    *pieces, last, rest = response.text.split("\n\n")
    assert (last, rest) == ('event: end\ndata: {"stopped": "time"}', "")
    texts = [json.loads(piece.removeprefix("data: "))["text"] for piece in pieces]
    assert "".join(texts) == writer.generate("the ", len(texts), random_state=5)


@pytest.mark.parametrize(
    ("pieces", "sent", "last"), [("a", 1, END), ("ab", 1, LATE), ("", 0, END)]
)
def test_a_late_text_is_complete_if_no_piece_follows(pieces, sent, last):
    async def all_events():
        return [event async for event in events(iter(pieces), time.monotonic() - 1)]

    found = asyncio.run(all_events())
    assert found == [b'data: {"text":"%c"}\n\n' % ord(one) for one in pieces[:sent]] + [last]


@pytest.mark.parametrize("client", ["goes at once", "goes later", "does not read"])
@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_clients_that_do_not_read_to_the_end(writer, client, version, monkeypatch):
    """Their texts end, and others have room, for either way in which servers tell of it."""
    monkeypatch.setattr("generation.SECONDS_TO_READ", 0.1)
    app = create_app(fusednn.freeze(writer), Limits(tokens=10**9, texts=1, writing=0.3), writer)
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": version}, "method": "POST",
        "http_version": "1.1", "path": "/generate", "raw_path": b"/generate", "root_path": "",
        "query_string": b"", "scheme": "http", "server": ("test", 80), "client": ("test", 1),
        "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    coming, sent = [{"type": "http.request", "body": asked(n=10**9)}], []

    async def run():
        gone = asyncio.Event()
        if client == "goes at once":
            gone.set()

        async def receive():
            if coming:
                return coming.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if gone.is_set() and version == "2.4":
                raise OSError
            sent.append(message)
            if len(sent) == 5:
                if client == "does not read":
                    await asyncio.Event().wait()
                gone.set()

        with contextlib.suppress(ClientDisconnect, OSError):
            await app(scope, receive, send)

    asyncio.run(run())
    assert len(sent) <= (1 if client == "goes at once" else 7)
    assert together(app, request(n=3))[0].status_code == 200


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


def test_a_client_that_closes_its_connection_ends_the_work(writer, tmp_path):
    writer.save(tmp_path / "model.safetensors")
    limits = "--max-tokens", "1000000000", "--max-texts", "1", "--max-writing", "600"
    with load_test.service(tmp_path / "model.safetensors", *limits) as (port, _):
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("POST", "/generate", asked(n=10**9), JSON)
            assert connection.getresponse().readline().startswith(b"data: ")
        end, status = time.monotonic() + 30, 503
        while status == 503 and time.monotonic() < end:
            with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                connection.request("POST", "/generate", asked(n=3), JSON)
                response = connection.getresponse()
                status = response.status
                body = response.read()
            time.sleep(0.02)
        assert status == 200
        assert len("".join(texts_of(body))) == 3

"""The service in a process of its own, and the load test, on the loopback interface."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.error import HTTPError

import client
import load_test
import numpy as np
import pytest
from asking import JSON, body_of

import fusednn


@pytest.fixture
def model_file(iris, tmp_path):
    file = tmp_path / "model.safetensors"
    fusednn.freeze(iris[0]).save(file)
    return file


def until(holds, seconds=10.0):
    """Whether something holds after `seconds` at the latest."""
    end = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


def status_of_health(port):
    try:
        load_test.get(port, "/health")
    except HTTPError as refused:
        refused.close()
        return refused.code
    return 200


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True


GRACEFUL = pytest.mark.skipif(
    sys.platform == "win32", reason="there terminate() lets nothing end by itself"
)


@GRACEFUL
def test_serve(model_file, iris, capfd):
    """One command serves the file; one line is logged; it ends with what has begun."""
    model, X = iris
    options = "--max-body", "5000", "--max-rows", "20", "--max-connections", "8"
    with load_test.service(model_file, *options) as (port, process):
        answer = json.loads(load_test.get(port, "/predict", body_of(X[:20])))
        np.testing.assert_array_equal(answer["predictions"], model.predict(X[:20]))
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            for body, chunked, status in (
                (body_of(X[:21]), False, 422),
                (b" " * 3_000_000, False, 413),
                (iter([b" " * 1000] * 3000), True, 413),
                (body_of(X[:1]), False, 200),  # the connection is good for more
            ):
                connection.request("POST", "/predict", body, JSON, encode_chunked=chunked)
                response = connection.getresponse()
                assert (response.status, response.read() != b"") == (status, True)
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert until(lambda: status_of_health(port) == 503)

        with socket.create_connection(("127.0.0.1", port)) as slow:
            body = body_of(X[:1])
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            slow.sendall(head.encode() + b"Content-Type: application/json\r\n")
            slow.sendall(b"Expect: 100-continue\r\n\r\n")
            slow.settimeout(10)
            assert slow.recv(4096).startswith(b"HTTP/1.1 100 Continue")  # it has begun
            slow.sendall(body[:9])
            process.terminate()
            assert until(lambda: not listens(port))
            assert process.poll() is None
            slow.sendall(body[9:])
            assert slow.recv(4096).startswith(b"HTTP/1.1 200 OK")
    assert process.returncode in (0, -signal.SIGTERM)
    first, *others = capfd.readouterr().err.splitlines()
    assert "serves <Predictor of MLPClassifier: 4-16-3" in first
    assert all("Exceeded concurrency limit" in line for line in others)
    assert not listens(port)


@GRACEFUL
@pytest.mark.long
def test_two_workers_count_together(model_file, iris, capfd):
    """Metrics are those of all processes, whichever answers."""
    body = body_of(iris[1][:3])
    with load_test.service(model_file, "--workers", "2") as (port, process):
        with ThreadPoolExecutor(10) as clients:
            answers = set(clients.map(lambda _: load_test.get(port, "/predict", body), range(30)))
        assert len(answers) == 1
        asked = 'service_requests_total{path="/predict",status="200"}'
        assert until(lambda: load_test.metrics(port)[asked] == 30)  # counted behind an answer
        for _ in range(5):
            found = load_test.metrics(port)
            assert found[asked] == 30
            assert found["service_rows_total"] == 90
    assert process.returncode == 0
    assert capfd.readouterr().err.count("serves <Predictor") == 2


REFUSED = {
    "no file": (["none"], "no file none"),
    "no model": (["other"], "other cannot be loaded"),
    "port": (["model", "--port", "70000"], "must be from 0 to 65535"),
    "rows": (["model", "--max-rows", "-1"], "--max-rows: must be from 1"),
    "body": (["model", "--max-body", "0"], "--max-body: must be from 1"),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name not in ("no model", "port")))
        for name in REFUSED
    ],
)
def test_serve_refuses(name, tmp_path):
    """In a line, before anything listens."""
    options, message = REFUSED[name]
    (tmp_path / "other").write_bytes(b"no model at all")
    (tmp_path / "model").write_bytes(b"")
    command = [sys.executable, str(load_test.HERE / "serve.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@GRACEFUL
def test_load_test(capfd, monkeypatch):
    """The script's figures agree with what the service has counted; no error."""
    monkeypatch.setattr(load_test, "WARM_SECONDS", 0.2)
    assert load_test.main(["--seconds", "1", "--connections", "4", "--client", "python"]) == 0
    printed = dict(line.split(None, 1) for line in capfd.readouterr().out.splitlines())
    assert printed["errors"] == "0"
    assert int(printed["requests/s"].split(", ")[1].split()[0]) > 100
    assert "problem:" not in printed


def test_the_client_sees_errors():
    """Wrong answers, connections that break and answers that never come are errors."""
    right = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    answers = [right, right.replace(b"{}", b"[]"), right.replace(b"200 OK", b"500 No"), b""]

    async def serve(answer):
        handlers = []

        async def handle(reader, writer):
            handlers.append(asyncio.current_task())
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while await reader.readuntil(b"body") and answer:
                    writer.write(answer)
                    await asyncio.sleep(0.05)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            found = await client.drive(port, [b"body"], [b"{}"], 2, 0.2)
            await asyncio.gather(*handlers)
            return found

    good, other, failed, broken = [asyncio.run(serve(answer)) for answer in answers]
    assert good["errors"] == 0
    assert good["requests"] >= 2
    assert other["errors"] == other["requests"] >= 2
    assert failed["errors"] == failed["requests"] >= 2
    assert (broken["errors"], broken["requests"]) == (2, 0)

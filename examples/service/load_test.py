"""Measures the service under load: requests per second, their times, memory and CPU.

    python examples/service/load_test.py [--seconds 60] [--connections 16] [--check]

It trains a 20-64-64-2 network, serves it on a free port of the loopback interface, and requests
one row at a time over keep-alive connections, by wrk if it is installed, else by `client.py`. The
exit code is 1 after errors; with --check also if the service was slower than the figures below, or
its memory grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import warnings
from contextlib import contextmanager
from pathlib import Path

import client
import numpy as np
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

import fusednn

HERE = Path(__file__).resolve().parent
WARM_SECONDS = 3
LEAST_RATE, MOST_P99, MOST_GROWTH = 2000, 0.020, 0.02
"""Limits of --check: requests per second, seconds, and the fraction by which memory may grow."""

LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # uses no proxy


def train(file: Path) -> tuple[list[bytes], list[dict]]:
    """Trains and saves a small network; returns 64 request bodies and the expected answers."""
    X, y = make_classification(1000, 20, random_state=0)
    model = fusednn.MLPClassifier((64, 64), dtype="float32", max_iter=20, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    fusednn.freeze(model).save(file)
    rows = X[:64].round(4)
    predictions, probabilities = model.predict(rows), model.predict_proba(rows)
    bodies = [json.dumps({"rows": [row.tolist()]}).encode() for row in rows]
    return bodies, [
        {"predictions": [label], "probabilities": [shares]}
        for label, shares in zip(predictions.tolist(), probabilities.tolist(), strict=True)
    ]


def ask_each(port: int, bodies: list[bytes], expected: list[dict]) -> list[bytes]:
    """Sends each body once; checks the answers against the model's, and returns them."""
    answers = [get(port, "/predict", body) for body in bodies]
    for answer, right in zip(map(json.loads, answers), expected, strict=True):
        np.testing.assert_array_equal(answer["predictions"], right["predictions"])
        np.testing.assert_allclose(answer["probabilities"], right["probabilities"], atol=1e-6)
    return answers


@contextmanager
def service(model: Path, *options: str):
    """Runs the service; yields its port and its process, which ends with the context."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(HERE / "serve.py"), str(model), "--port", str(port), *options]
    process = subprocess.Popen(command)
    try:
        wait_for(process, port)
        yield port, process
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()


def wait_for(process: subprocess.Popen, port: int, seconds: float = 120.0) -> None:
    """Waits until the service answers.

    Raises
    ------
    RuntimeError
        If the process has ended, or does not answer within `seconds`.
    """
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        try:
            get(port, "/health")
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the service did not start; exit code {process.poll()}")


def get(port: int, path: str, body: bytes | None = None) -> bytes:
    """The answer to a GET, or to a POST if there is a body."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"}
    )
    with LOOPBACK.open(request, timeout=10) as response:
        return response.read()


def metrics(port: int) -> dict[str, float]:
    """Values of the service's metrics, by name including labels."""
    lines = get(port, "/metrics").decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


class Watch(threading.Thread):
    """Each second, records the service's memory and checks an answer."""

    def __init__(self, port: int, bodies: list[bytes], answers: list[bytes]):
        super().__init__(daemon=True)
        self.port, self.asked = port, list(zip(bodies, answers, strict=True))
        self.memory, self.wrong, self.end = [memory(metrics(port))], 0, threading.Event()

    def run(self):
        while not self.end.wait(1):
            body, answer = self.asked[len(self.memory) % len(self.asked)]
            self.wrong += get(self.port, "/predict", body) != answer
            self.memory.append(memory(metrics(self.port)))


def drive(port: int, bodies, answers, folder: Path, options, seconds: float) -> dict:
    """Generates load by wrk or by `client`; returns its figures and its own CPU seconds."""
    began = os.times()
    if options.client == "wrk":
        (folder / "bodies").write_bytes(b"\n".join(bodies))
        command = ["wrk", "-t1", f"-c{options.connections}", f"-d{seconds}s", "-s"]
        command += [str(HERE / "post.lua"), f"http://127.0.0.1:{port}/predict", "--"]
        command += [str(folder / "bodies")]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(printed.splitlines()[-1])
    else:
        found = asyncio.run(client.drive(port, bodies, answers, options.connections, seconds))
    spent = sum(os.times()[:4]) - sum(began[:4])
    return found | {"cpu": spent}


def measure(options) -> tuple[dict, list[str]]:
    """Measures the service; returns the figures, and a list of problems."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bodies, expected = train(folder / "model.safetensors")
        with service(folder / "model.safetensors") as (port, _):
            answers = ask_each(port, bodies, expected)
            drive(port, bodies, answers, folder, options, WARM_SECONDS)
            before, watch = metrics(port), Watch(port, bodies, answers)
            watch.start()
            found = drive(port, bodies, answers, folder, options, options.seconds)
            watch.end.set()
            watch.join(30)
            after = metrics(port)
    found |= {
        "rate": found["requests"] / found["seconds"],
        "errors": found["errors"] + refused(after) + watch.wrong,
        "server_cpu": cpu(after) - cpu(before),
        "memory": (memory(before), memory(after), max(watch.memory)),
    }
    problems = [f"{found['errors']} errors"] * bool(found["errors"])
    if watch.is_alive() or len(watch.memory) < options.seconds / 2:
        problems.append("the service did not always answer the watch")
    if options.check:
        first, last, _ = found["memory"]
        problems += [f"under {LEAST_RATE} requests/s"] * (found["rate"] < LEAST_RATE)
        problems += [f"p99 of {MOST_P99 * 1000:g} ms or more"] * (found["p99"] >= MOST_P99)
        problems += ["memory grew"] * (last > first * (1 + MOST_GROWTH))
    return found, problems


def cpu(values: dict[str, float]) -> float:
    """CPU seconds of the service since its start; 0 except on Linux."""
    return values.get("process_cpu_seconds_total", 0.0)


def memory(values: dict[str, float]) -> float:
    """Resident bytes of the service; 0 except on Linux."""
    return values.get("process_resident_memory_bytes", 0.0)


def refused(values: dict[str, float]) -> int:
    """The number of requests for predictions that were not answered with status 200."""
    here = 'service_requests_total{path="/predict"'
    found = [name for name in values if name.startswith(here) and 'status="200"' not in name]
    return int(sum(values[name] for name in found))


def main(arguments=None) -> int:
    """Prints the figures; returns 1 if there are problems, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--client", choices=("wrk", "python"), help="default: wrk if installed")
    parser.add_argument("--check", action="store_true", help="fail if slower than the limits")
    options = parser.parse_args(arguments)
    options.client = options.client or ("wrk" if shutil.which("wrk") else "python")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    found, problems = measure(options)
    seconds, (first, last, most) = found["seconds"], (part / 2**20 for part in found["memory"])
    print(f"{options.client}, {options.connections} connections, {seconds:.1f} s")
    print(f"machine       {os.cpu_count()} CPUs, load average {load:.2f} before")
    print(f"requests/s    {found['rate']:.0f}, {found['requests']} in all")
    print(f"errors        {found['errors']}")
    times = (f"{name} {found[name] * 1000:.2f} ms" for name in ("p50", "p99", "longest"))
    print(f"time          {', '.join(times)}")
    print(f"service       {found['server_cpu'] / seconds:.0%} of a CPU")
    print(f"memory        {first:.1f} MiB, at the end {last:.1f}, at most {most:.1f}")
    print(f"client        {found['cpu'] / seconds:.0%} of a CPU")
    for problem in problems:
        print("problem:", problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())

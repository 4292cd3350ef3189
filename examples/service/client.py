"""Generates load without wrk: each connection sends its next request after every answer."""

from __future__ import annotations

import asyncio
import time
from array import array
from functools import partial

TIMEOUT = 10.0
"""Seconds to wait for the last answers."""


class Load:
    """Requests for all connections, the seconds of each answer, and the number of errors."""

    def __init__(self, bodies: list[bytes], answers: list[bytes], deadline: float):
        self.requests = [
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            for body in bodies
        ]
        self.answers, self.deadline, self.turn = answers, deadline, 0
        self.seconds, self.errors = array("d"), 0


class Connection(asyncio.Protocol):
    """One keep-alive connection, which compares every answer with the expected one."""

    def __init__(self, load: Load, ended: asyncio.Future):
        self.load, self.ended, self.waits = load, ended, False

    def connection_made(self, transport):
        self.transport = transport
        self._ask()

    def data_received(self, data):
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self.waits = False
        self.load.seconds.append(time.perf_counter() - self.asked)
        right = head.startswith(b"HTTP/1.1 200 ") and body == self.load.answers[self.number]
        self.load.errors += not right
        self._ask()

    def connection_lost(self, error):
        self.load.errors += self.waits  # its last request was not answered
        if not self.ended.done():
            self.ended.set_result(None)

    def _ask(self):
        self.asked = time.perf_counter()
        if self.asked > self.load.deadline:
            self.transport.close()
            return
        self.number = self.load.turn = (self.load.turn + 1) % len(self.load.requests)
        self.received, self.waits = b"", True
        self.transport.write(self.load.requests[self.number])


async def drive(port: int, bodies, answers, connections: int, seconds: float) -> dict:
    """Loads the service for `seconds`; returns the same figures as post.lua prints."""
    loop, began = asyncio.get_running_loop(), time.perf_counter()
    load = Load(bodies, answers, began + seconds)
    transports, ends = [], []
    for _ in range(connections):
        ended = loop.create_future()
        transport, _ = await loop.create_connection(
            partial(Connection, load, ended), "127.0.0.1", port
        )
        transports.append(transport)
        ends.append(ended)
    _, late = await asyncio.wait(ends, timeout=seconds + TIMEOUT)
    for transport in transports:
        transport.abort()
    times = sorted(load.seconds) or [0.0]
    return {
        "requests": len(load.seconds),
        "seconds": time.perf_counter() - began,
        "errors": load.errors + len(late),
        "p50": times[len(times) // 2],
        "p99": times[int(0.99 * len(times))],
        "longest": times[-1],
    }


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0

"""Metrics for Prometheus: requests by status, time of predictions, rows, and the process."""

from __future__ import annotations

import os
import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

BOUNDS = 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0
"""Bounds of the histogram's buckets, in seconds."""


class Metrics:
    """Counts of one process, or of all processes that share PROMETHEUS_MULTIPROC_DIR if it is set.

    Memory and CPU are reported only for one process, and only on Linux.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self):
        self._registry = registry = CollectorRegistry()
        self._shared = "PROMETHEUS_MULTIPROC_DIR" in os.environ
        self.requests = Counter(
            "service_requests", "Requests answered", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "service_predict_seconds",
            "Time from the head of a request for /predict to the end of its answer",
            buckets=BOUNDS,
            registry=registry,
        )
        self.rows = Counter("service_rows", "Rows predicted", registry=registry)
        PlatformCollector(registry)
        ProcessCollector(registry=registry)

    def text(self) -> bytes:
        """All metrics in Prometheus's format."""
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry)


class CountRequests:
    """ASGI middleware that counts all answers and times those of /predict.

    Paths other than `paths` are counted as "other", so clients cannot create new time series.
    """

    def __init__(self, app, metrics: Metrics, paths: frozenset[str]):
        self.app, self.metrics, self.paths = app, metrics, paths

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500  # what the server answers if no response comes

        async def watched(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self.app(scope, receive, watched)
        finally:
            path = scope["path"]
            if path == "/predict":
                self.metrics.seconds.observe(time.perf_counter() - began)
            self.metrics.requests.labels(path if path in self.paths else "other", status).inc()

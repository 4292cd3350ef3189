"""Requests to an application in this process, and what its metrics say."""

import asyncio
import json

import httpx
import numpy as np

JSON = {"content-type": "application/json"}


def together(app, *requests):
    """The responses to requests that are sent at once; each a tuple of method, path, options."""

    async def send():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as session:
            calls = [session.request(method, path, **how) for method, path, how in requests]
            return await asyncio.gather(*calls)

    return asyncio.run(send())


def get(app, path):
    return together(app, ("GET", path, {}))[0]


def post(app, content, headers=JSON):
    return together(app, ("POST", "/predict", {"content": content, "headers": headers}))[0]


def body_of(rows):
    return json.dumps({"rows": np.asarray(rows, float).tolist()}).encode()


def metrics(app):
    lines = get(app, "/metrics").text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}

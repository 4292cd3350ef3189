"""Predictions over HTTP: an ASGI application around a predictor.

    uvicorn --app-dir examples/service --factory app:from_environment

SERVICE_MODEL names the model's file. `serve.py` does the same, with options.
"""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from generation import Events, Writing, language_model, pieces_of, prompt_model
from metrics import CountRequests, Metrics
from prediction import Answerer
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

import fusednn

INLINE_SECONDS = 0.002
"""The event loop computes answers that take at most this long; threads compute the others."""

MOST_THREADS = 4
"""The most answers computed in threads at once: each holds its rows and JSON in memory."""

PATHS = frozenset(
    {"/predict", "/generate", "/model", "/health", "/metrics", "/docs", "/openapi.json"}
)


class Limits(NamedTuple):
    """Limits of a request.

    Parameters
    ----------
    body : int
        Bytes.
    seconds : float
        Until the body has arrived.
    rows : int
    tokens, prompt : int
        Tokens of a text, and of what it goes on from.
    writing : float
        Seconds of a text.
    texts : int
        Texts that are written at once.
    """

    body: int = 1 << 20
    seconds: float = 10.0
    rows: int = 1000
    tokens: int = 1000
    prompt: int = 4000
    writing: float = 60.0
    texts: int = 4


LIMITS = Limits()


class ModelInfo(BaseModel):
    """The model that the service uses."""

    name: str
    n_features: int
    features: list[str] | None
    classes: list[Any] | None
    dtype: str


class Problem(BaseModel):
    """Why a request was refused: a sentence, or for 422 a list with `loc`, `msg` and `type`."""

    detail: str | list[dict[str, Any]]


def create_app(predictor, limits: Limits = LIMITS, writer=None) -> FastAPI:
    """Creates the service, and compiles everything that it calls.

    Parameters
    ----------
    predictor : fusednn.Predictor or fusednn.TabularPredictor
    limits : Limits
    writer : fusednn.LanguageModel, optional
        Writes the texts of /generate.
    """
    answerer, metrics = Answerer(predictor, limits.rows), Metrics()
    threads = ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS))
    answerer.prepare(limits.body)
    inline_bytes = answerer.longest_within(INLINE_SECONDS)
    app = FastAPI(title="fusednn", version=fusednn.__version__, redoc_url=None)
    app.add_middleware(CountRequests, metrics=metrics, paths=PATHS)
    info = _info(predictor)
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem} for status in (408, 413, 415, 422)
    }
    schema = {"application/json": {"schema": answerer.request.model_json_schema()}}

    @app.post(
        "/predict",
        response_model=answerer.answer,
        responses=refusals,
        openapi_extra={"requestBody": {"required": True, "content": schema}},
    )
    async def predict(request: Request) -> Response:
        """Predictions for rows."""
        if not _is_json(request.headers.get("content-type", "")):
            raise HTTPException(415, "the body must be application/json")
        body = await _body(request, limits)
        try:
            if len(body) <= inline_bytes:
                answer, rows = answerer(body)
            else:
                loop = asyncio.get_running_loop()
                answer, rows = await loop.run_in_executor(threads, answerer, body)
        except ValueError as error:
            raise HTTPException(422, _reasons(error)) from None
        metrics.rows.inc(rows)
        return Response(answer, media_type="application/json")

    if writer is not None:
        _add_generate(app, writer, limits, refusals)

    @app.get("/model")
    async def model() -> ModelInfo:
        """The network: its features and classes."""
        return info

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Always ok: the port opens only when the model is loaded and compiled."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=Response)
    async def show_metrics() -> Response:
        """Metrics for Prometheus."""
        return Response(metrics.text(), media_type=metrics.content_type)

    return app


def _add_generate(app: FastAPI, writer, limits: Limits, refusals) -> None:
    """Adds the path that writes texts, and compiles what it calls."""
    request_model, writing = prompt_model(limits.tokens), Writing(limits.texts, limits.writing)
    [*writer.iter_generate(writer.tokenizer_.decode([writer.tokenizer_.n_codes_ - 1]), 2)]
    schema = {"application/json": {"schema": request_model.model_json_schema()}}

    @app.post(
        "/generate",
        response_class=StreamingResponse,
        responses={**refusals, 503: {"model": Problem}},
        openapi_extra={"requestBody": {"required": True, "content": schema}},
    )
    async def generate(request: Request) -> StreamingResponse:
        """What follows a prompt, as server-sent events: a piece of text in each."""
        if not _is_json(request.headers.get("content-type", "")):
            raise HTTPException(415, "the body must be application/json")
        body = await _body(request, limits)
        try:
            asked = request_model.model_validate_json(body)
        except ValueError as error:
            raise HTTPException(422, _reasons(error)) from None
        if not writing.begin():
            busy = f"{limits.texts} texts are being written: ask again"
            raise HTTPException(503, busy, {"Retry-After": "1"})
        try:
            return Events(
                await run_in_threadpool(pieces_of, writer, asked, limits.prompt), writing
            )
        except BaseException as error:
            writing.end()
            if isinstance(error, ValueError):
                raise HTTPException(422, _reasons(error, "prompt")) from None
            raise


def from_environment() -> FastAPI:
    """Creates the service from SERVICE_MODEL and limits such as SERVICE_MAX_BODY."""
    given = {name: os.environ.get(f"SERVICE_MAX_{name.upper()}") for name in LIMITS._fields}
    limits = LIMITS._replace(
        **{
            name: type(getattr(LIMITS, name))(text)
            for name, text in given.items()
            if text is not None
        }
    )
    predictor = fusednn.load(os.environ["SERVICE_MODEL"])
    app = create_app(predictor, limits, language_model(os.environ["SERVICE_MODEL"]))
    logging.getLogger("service").info("pid %d serves %r with %r", os.getpid(), predictor, limits)
    return app


async def _body(request: Request, limits: Limits) -> bytearray:
    """Reads the body; refuses it as soon as it is known to be too long."""
    declared = request.headers.get("content-length", "")
    too_long = HTTPException(413, f"the body is longer than {limits.body} bytes")
    if declared.isdecimal() and int(declared) > limits.body:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body:
                    raise too_long
    except TimeoutError:
        raise HTTPException(408, f"no whole body in {limits.seconds} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body ended early") from None  # only the metrics show it
    return body


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _reasons(error: ValueError, field: str = "rows") -> list[dict[str, Any]]:
    """The first error in FastAPI's form, without the input, which may be long or not finite."""
    if not isinstance(error, ValidationError):
        return [{"type": "value_error", "loc": ["body", field], "msg": str(error)}]
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{**part, "loc": ["body", *part["loc"]]} for part in found[:1]]


def _info(predictor) -> ModelInfo:
    classes = getattr(predictor, "classes_", None)
    if isinstance(classes, list):  # several columns of classes
        classes = [part.tolist() for part in classes]
    elif classes is not None:
        classes = classes.tolist()
    features = getattr(predictor, "feature_names_in_", None)
    return ModelInfo(
        name=repr(predictor).strip("<>"),
        n_features=predictor.n_features_in_,
        features=None if features is None else features.tolist(),
        classes=classes,
        dtype=str(predictor.dtype),
    )

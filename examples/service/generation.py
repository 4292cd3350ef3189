"""Texts as server-sent events: each piece is sent as soon as the model has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from pydantic import BaseModel, Field, create_model
from pydantic_core import to_json
from starlette.concurrency import iterate_in_threadpool

import fusednn

EVENTS = "text/event-stream"
END = b"event: end\ndata: {}\n\n"
"""The last event: the text is complete."""


def language_model(path) -> fusednn.LanguageModel | None:
    """The language model that a file holds, if it holds one that writes texts."""
    try:
        model = fusednn.LanguageModel.load(path)
    except ValueError:
        return None
    return model if model.tokenizer_ is not None else None


def prompt_model(most_tokens: int) -> type[BaseModel]:
    """The schema of a request."""
    return create_model(
        "Prompt",
        __doc__="What a text goes on from, and how.",
        prompt=(str, ...),
        n=(Annotated[int, Field(ge=1, le=most_tokens, strict=True)], min(100, most_tokens)),
        temperature=(Annotated[float, Field(ge=0, allow_inf_nan=False)], 1.0),
        top_k=(Annotated[int, Field(ge=1)] | None, None),
        top_p=(Annotated[float, Field(gt=0, le=1)] | None, None),
        seed=(Annotated[int, Field(ge=0, lt=2**32)] | None, None),
    )


def pieces_of(model: fusednn.LanguageModel, asked) -> Iterator[str]:
    """The pieces of a text; raises ValueError for a prompt that the model does not take."""
    return model.iter_generate(
        *(asked.prompt, asked.n, asked.temperature, asked.top_k, asked.top_p, asked.seed)
    )


async def events(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    """An event for each piece, computed in threads, and the last one."""
    async for piece in iterate_in_threadpool(pieces):
        yield b"data: " + to_json({"text": piece}) + b"\n\n"
    yield END

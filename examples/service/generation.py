"""Texts as server-sent events: each piece is sent as soon as the model has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Annotated

from pydantic import BaseModel, Field, create_model
from pydantic_core import to_json
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

import fusednn

EVENTS = "text/event-stream"
END = b"event: end\ndata: {}\n\n"
"""The last event: the text is complete."""

LATE = b'event: end\ndata: {"stopped": "time"}\n\n'
"""The last event of a text whose time is over."""

SECONDS_TO_READ = 10.0
"""Seconds after the time of a text in which its client can read the rest."""


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


def pieces_of(model: fusednn.LanguageModel, asked, most: int) -> Iterator[str]:
    """The pieces of a text; raises ValueError for a prompt that the model does not take.

    Parameters
    ----------
    model : fusednn.LanguageModel
    asked
        The request, of `prompt_model`.
    most : int
        The most tokens of a prompt.
    """
    count = 0
    with suppress(ValueError):  # `iter_generate` names the prompt in its errors
        count = len(model.tokenizer_.encode(asked.prompt))
    if count > most:
        raise ValueError(f"prompt has {count} tokens: at most {most} are read")
    return model.iter_generate(
        *(asked.prompt, asked.n, asked.temperature, asked.top_k, asked.top_p, asked.seed)
    )


class Writing:
    """The texts that are being written, at most so many at once.

    Parameters
    ----------
    most : int
    seconds : float
        A text ends after so many.
    """

    def __init__(self, most: int, seconds: float):
        self._left, self.seconds = most, seconds

    def begin(self) -> bool:
        """Whether one more may be written; `end` must follow if so."""
        if not self._left:
            return False
        self._left -= 1
        return True

    def end(self) -> None:
        """Makes room for another."""
        self._left += 1


class Events(StreamingResponse):
    """A text as it is written. A client that goes ends it; one that does not read does so later.

    Parameters
    ----------
    pieces : iterator of str
    writing : Writing
        It has begun one more text, which ends with this response.
    """

    def __init__(self, pieces: Iterator[str], writing: Writing):
        super().__init__(events(pieces, time.monotonic() + writing.seconds), media_type=EVENTS)
        self._writing = writing

    async def __call__(self, scope, receive, send) -> None:
        """Sends the events."""
        try:
            with suppress(TimeoutError):  # the server closes the connection
                async with asyncio.timeout(self._writing.seconds + SECONDS_TO_READ):
                    await super().__call__(scope, receive, send)
        finally:
            self._writing.end()


async def events(pieces: Iterator[str], until: float) -> AsyncIterator[bytes]:
    """An event for each piece, computed in threads, and the last one.

    A text is late if there is a piece more after the first one behind the time.
    """
    late = False
    async for piece in iterate_in_threadpool(pieces):
        if late:
            yield LATE
            return
        yield b"data: " + to_json({"text": piece}) + b"\n\n"
        late = time.monotonic() > until
    yield END

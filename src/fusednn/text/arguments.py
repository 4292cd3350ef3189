"""Checks of what users give to tokenizers."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any

import numpy as np


def need_whole(tokenizer, name: str, least: int, optional: bool = False) -> None:
    """Refuses a parameter unless it is an integer from `least`, or None if it is optional."""
    value = getattr(tokenizer, name)
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(
            f"{name} of {type(tokenizer).__name__} must be an integer from {least}"
            f"{' or None' if optional else ''}, got {value!r}."
        )


def need_one_of(tokenizer, name: str, choices: tuple) -> None:
    """Refuses a parameter unless it is one of the choices."""
    value = getattr(tokenizer, name)
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        known = " or ".join(map(repr, choices))
        raise ValueError(f"{name} of {type(tokenizer).__name__} must be {known}, got {value!r}.")


def checked_texts(X: Any) -> list[str]:
    """X as a list; refuses what is not a sequence of texts."""
    if isinstance(X, str | bytes):
        raise TypeError(f"X must be a list of texts, got one: pass [{reprlib.repr(X)}].")
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape) != 1:
        raise ValueError(f"X must be a list of texts, got the shape {tuple(shape)}.")
    if not isinstance(X, Iterable):
        raise TypeError(f"X must be a list of texts, got {type(X).__name__}.")
    texts = list(X)
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"X[{at}] must be a text, got {reprlib.repr(text)}.")
    if not texts:
        raise ValueError("X must hold at least one text, got none.")
    return texts


def checked_codes(codes: Iterable[int], count: int, name: str) -> Iterator[int]:
    """Integers below `count`, each checked when it is asked for.

    Parameters
    ----------
    codes : iterable of int
    count : int
        The number of codes.
    name : str
        The class of the tokenizer, for messages.
    """
    if isinstance(codes, np.ndarray):
        if codes.ndim != 1:
            raise ValueError(f"codes of one text must have one axis, got {codes.shape}.")
        codes = codes.tolist()
    for code in codes:
        if isinstance(code, bool) or not isinstance(code, Integral) or not 0 <= code < count:
            raise ValueError(
                f"codes of this {name} are integers from 0 to {count - 1}, got {code!r}."
            )
        yield int(code)

"""Tokenizers as values that JSON holds, for files without pickle."""

from __future__ import annotations

import reprlib
from numbers import Integral
from typing import Any

from .byte_pairs import BpeTokenizer
from .characters import CharTokenizer
from .tokenizer import Tokenizer
from .vocabulary import VocabularyTokenizer
from .words import WordTokenizer

TOKENIZERS: dict[str, type[Tokenizer]] = {
    kind.__name__: kind for kind in (BpeTokenizer, CharTokenizer, WordTokenizer)
}


def values_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """A tokenizer, fitted or not, as texts, numbers, lists and dicts.

    Returns
    -------
    dict
        ``class``, ``params`` (by their names), and ``fitted``: None, or of a `BpeTokenizer`
        ``{"merges": pairs of codes}``, of others ``{"tokens": in the order of codes, "unknown":
        whether there is a code of unknown tokens}``.
    """
    params = {
        name: int(value) if isinstance(value, Integral) and type(value) is not bool else value
        for name, value in tokenizer.get_params(deep=False).items()
    }
    fitted: dict[str, Any] | None = None
    if hasattr(tokenizer, "n_codes_"):
        if isinstance(tokenizer, BpeTokenizer):
            fitted = {"merges": tokenizer.merges_.tolist()}
        else:
            assert isinstance(tokenizer, VocabularyTokenizer)
            fitted = {"tokens": list(tokenizer.vocabulary_), "unknown": tokenizer._has_unknown}
    return {"class": type(tokenizer).__name__, "params": params, "fitted": fitted}


def tokenizer_of(values: Any) -> Tokenizer:
    """The tokenizer of such values; raises ValueError, without a full stop, for any others."""
    _need_keys(values, "a tokenizer", {"class", "params", "fitted"})
    kind = TOKENIZERS.get(values["class"]) if isinstance(values["class"], str) else None
    if kind is None:
        raise ValueError(f"class must be one of {', '.join(TOKENIZERS)}")
    _need_keys(values["params"], "params", set(kind().get_params()))
    made: Any = kind(**values["params"])
    try:
        made._check()
    except ValueError as error:
        raise ValueError(str(error).removesuffix(".")) from None
    fitted = values["fitted"]
    if fitted is None:
        return made
    if kind is BpeTokenizer:
        _need_keys(fitted, "fitted", {"merges"})
        pairs = fitted["merges"]
        if type(pairs) is not list or not all(map(_is_pair, pairs)):
            raise ValueError("merges must be a list of pairs of codes")
        made._know([tuple(pair) for pair in pairs])
        return made
    _need_keys(fitted, "fitted", {"tokens", "unknown"})
    if type(fitted["unknown"]) is not bool:
        raise ValueError("unknown must be true or false")
    made._know(_checked_tokens(fitted["tokens"], kind is CharTokenizer), fitted["unknown"])
    return made


def _need_keys(values: Any, name: str, keys: set[str]) -> None:
    if type(values) is not dict or set(values) != keys:
        raise ValueError(f"{name} must be an object of {', '.join(sorted(keys))}")


def _is_pair(pair: Any) -> bool:
    return type(pair) is list and len(pair) == 2 and all(type(code) is int for code in pair)


def _checked_tokens(tokens: Any, single: bool) -> list[str]:
    """Refuses what is no list of distinct texts, each of one character if `single`."""
    if type(tokens) is not list or not tokens:
        raise ValueError("tokens must be a list of texts")
    for token in tokens:
        if type(token) is not str or not token or (single and len(token) > 1):
            raise ValueError(
                f"a token must be a {'character' if single else 'text'}, not {reprlib.repr(token)}"
            )
    if len(set(tokens)) < len(tokens):
        raise ValueError("tokens must be distinct")
    return tokens

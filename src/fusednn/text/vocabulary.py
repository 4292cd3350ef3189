"""Tokenizers with a list of all tokens that they know."""

from __future__ import annotations

import reprlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from .arguments import need_one_of, need_whole
from .tokenizer import PADDING, Tokenizer

UNKNOWN = 1
"""The code of tokens that training does not know, where they have one."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""What the code of unknown tokens becomes."""


class VocabularyTokenizer(Tokenizer):
    """Base class of tokenizers whose tokens are those of the training texts."""

    min_count: int
    max_codes: int | None
    handle_unknown: str
    vocabulary_: dict[str, int]

    def _check(self) -> None:
        super()._check()
        need_whole(self, "min_count", 1)
        need_whole(self, "max_codes", 3, optional=True)
        need_one_of(self, "handle_unknown", ("error", "code"))

    def _learn(self, texts: list[str]) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(self._split(text)[: self.length])
        kept = [token for token, count in counts.items() if count >= self.min_count]
        if not kept:
            often = f" that occurs at least {self.min_count} times" if self.min_count > 1 else ""
            raise ValueError(f"X holds no {self.token_kind}{often}.")
        has_unknown = self.handle_unknown == "code"
        if self.max_codes is not None:
            kept = sorted(kept, key=lambda token: (-counts[token], token))
            kept = kept[: self.max_codes - _first(has_unknown)]
        self._know(sorted(kept), has_unknown)

    def _know(self, tokens: list[str], has_unknown: bool) -> None:
        """Sets the fitted attributes from the tokens in the order of their codes."""
        self.vocabulary_ = {token: at for at, token in enumerate(tokens, _first(has_unknown))}
        self.n_codes_ = _first(has_unknown) + len(tokens)

    @property
    def _has_unknown(self) -> bool:  # type: ignore[override]  # it follows from fitted attributes
        """Whether unknown tokens have a code; `handle_unknown` may have been set since `fit`."""
        return self.n_codes_ - len(self.vocabulary_) > UNKNOWN

    def _encode(self, text: str, length: int | None) -> np.ndarray:
        tokens, codes = self._split(text)[:length], self.vocabulary_
        if self._has_unknown:
            found = (codes.get(token, UNKNOWN) for token in tokens)
        else:
            found = (codes[token] for token in tokens)
        try:
            return np.fromiter(found, self._dtype(), len(tokens))
        except KeyError as error:
            raise ValueError(
                f"holds the {self.token_kind} {reprlib.repr(error.args[0])}, which this"
                f" {type(self).__name__} does not know: leave it out, or fit with"
                " handle_unknown='code'."
            ) from None

    def _texts_of_codes(self) -> list[str]:
        """The text of each code."""
        return ["", *([REPLACEMENT] if self._has_unknown else []), *self.vocabulary_]

    @abstractmethod
    def _split(self, text: str) -> Sequence[str]:
        """The tokens of a text."""


def _first(has_unknown: bool) -> int:
    """The code of the first token."""
    return (UNKNOWN if has_unknown else PADDING) + 1


def spaced(tokens: Iterator[str], continues: bool) -> Iterator[str]:
    """The tokens with a space between them, and before the first if they go on a text."""
    for token in tokens:
        yield f" {token}" if continues else token
        continues = True

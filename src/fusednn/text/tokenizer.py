"""What tokenizers have in common: texts to codes and back, padding, checks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .arguments import checked_codes, checked_texts, need_one_of, need_whole

PADDING = 0
"""The code that fills the ends of short texts."""


class Tokenizer(TransformerMixin, BaseEstimator):
    """Base class of the tokenizers; not for direct use."""

    token_kind = "token"
    """What messages call a token."""

    _has_unknown = False
    """Whether unknown tokens have a code, `UNKNOWN`."""

    length: int | None
    padded: bool
    n_codes_: int

    def fit(self, X: Any, y: Any = None):
        """Learns the tokens.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If X is one text, or holds what is no text.
        ValueError
            If a parameter is invalid, or X has no token to learn.
        """
        self._check()
        self._learn(checked_texts(X))
        return self

    def transform(self, X: Any) -> Any:
        """Converts texts to codes.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts.

        Returns
        -------
        ndarray of shape (n_samples, n_steps), or list of ndarray of shape (n_steps_i,)
            In uint8, uint16 or int32, whichever is the first to hold all codes. n_steps is
            `length`, or of the longest text; behind the ends are zeros. A list if `padded` is
            False.

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.
        TypeError
            If X is one text, or holds what is no text.
        ValueError
            If a text holds no token, or one that is unknown and has no code.
        """
        check_is_fitted(self, "n_codes_")
        self._check()
        parts = [
            self._named_encode(text, f"X[{at}]", self.length)
            for at, text in enumerate(checked_texts(X))
        ]
        for at, part in enumerate(parts):
            if not len(part):
                raise ValueError(
                    f"X[{at}] is a text without any {self.token_kind}: a sample needs one."
                )
        if not self.padded:
            return parts
        steps = self.length or max(map(len, parts))
        codes: np.ndarray = np.full((len(parts), steps), PADDING, self._dtype())
        for row, part in zip(codes, parts, strict=True):
            row[: len(part)] = part
        return codes

    def inverse_transform(self, X: Any) -> list[str]:
        """Converts codes to texts.

        Parameters
        ----------
        X : array-like of int of shape (n_samples, n_steps), or list of arrays (n_steps_i,)
            Codes. Padding becomes nothing.

        Returns
        -------
        list of str

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.
        ValueError
            If X holds what is no code of this tokenizer, or has other axes.
        """
        check_is_fitted(self, "n_codes_")
        if isinstance(X, str) or any(np.ndim(row) != 1 for row in X):
            raise ValueError("X must hold a row of codes for each text; decode takes one text.")
        return [self.decode(row) for row in X]

    def encode(self, text: str) -> np.ndarray:
        """Converts one text to codes, without padding and whatever `length` is.

        Parameters
        ----------
        text : str
            An empty one has no codes.

        Returns
        -------
        ndarray of shape (n_steps,)
            In the type that `transform` gives.

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.
        TypeError
            If it is no text.
        ValueError
            If it holds a token that is unknown and has no code.
        """
        check_is_fitted(self, "n_codes_")
        if not isinstance(text, str):
            raise TypeError(f"text must be a text, got {type(text).__name__}.")
        return self._named_encode(text, "text")

    def decode(self, codes: Iterable[int], continues: bool = False) -> str:
        """Converts the codes of one text to it.

        Parameters
        ----------
        codes : iterable of int of length n_steps
            Padding becomes nothing.
        continues : bool, default=False
            Whether they go on a text: a word then has a space before it.

        Returns
        -------
        str

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.
        ValueError
            If `codes` holds what is no code of this tokenizer.
        """
        return "".join(self.iter_decode(codes, continues))

    def iter_decode(self, codes: Iterable[int], continues: bool = False) -> Iterator[str]:
        """Converts codes to pieces of a text, as soon as each is known.

        Parameters
        ----------
        codes : iterable of int
            Those of one text, perhaps a generator. Each is asked for when the piece before has
            been taken.
        continues : bool, default=False
            Whether they go on a text: a word then has a space before it.

        Yields
        ------
        str
            A piece of at least one character. All together are what `decode` returns.

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.
        ValueError
            If `codes` holds what is no code of this tokenizer.
        """
        check_is_fitted(self, "n_codes_")
        checked = checked_codes(codes, self.n_codes_, type(self).__name__)
        pieces = self._pieces((one for one in checked if one != PADDING), continues)
        return (piece for piece in pieces if piece)

    def _named_encode(self, text: str, name: str, length: int | None = None) -> np.ndarray:
        """The codes of a text that messages call `name`, of its first `length` tokens."""
        try:
            return self._encode(text, length)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None

    def _dtype(self) -> type:
        """The first type of integers that holds all codes."""
        if self.n_codes_ <= 1 << 8:
            return np.uint8
        return np.uint16 if self.n_codes_ <= 1 << 16 else np.int32

    def _check(self) -> None:
        """Raises ValueError for invalid parameters."""
        need_whole(self, "length", 1, optional=True)
        need_one_of(self, "padded", (True, False))

    @abstractmethod
    def _learn(self, texts: list[str]) -> None:
        """Sets the fitted attributes."""

    @abstractmethod
    def _encode(self, text: str, length: int | None) -> np.ndarray:
        """The codes of a text's first `length` tokens.

        The message of a ValueError goes on after the text's name.
        """

    @abstractmethod
    def _pieces(self, codes: Iterator[int], continues: bool) -> Iterator[str]:
        """Pieces of the text of codes other than padding, perhaps empty ones."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

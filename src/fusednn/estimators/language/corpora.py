"""Texts and sequences of codes as one array, over which windows are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fusednn.layers.token_embedding import MOST_CODES


class Corpus(NamedTuple):
    """Sequences of codes.

    Parameters
    ----------
    sequences : list of ndarray of shape (n_i,)
        Whole numbers from 0.
    several : bool
        Whether they were given as a list, so that each is a whole text with a beginning and an
        end.
    """

    sequences: list[np.ndarray]
    several: bool

    @property
    def largest(self) -> int:
        """The largest code."""
        return max(int(one.max()) for one in self.sequences)

    def joined(self, end: int | None, count: int) -> np.ndarray:
        """All of them in one array, with the code `end` before, between and behind several.

        A single sequence is not copied.

        Parameters
        ----------
        end : int or None
        count : int
            The number of codes.
        """
        if not self.several:
            return np.ascontiguousarray(self.sequences[0])
        kind = np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.int32
        codes = np.full(1 + sum(len(one) + 1 for one in self.sequences), end, kind)
        at = 1
        for one in self.sequences:
            codes[at : at + len(one)] = one
            at += len(one) + 1
        return codes


def texts_of(X: Any, name: str = "X") -> list[str] | None:
    """The texts of X, if it is one, or a list, array or column of texts; None of codes."""
    if isinstance(X, str):
        return [X]
    if isinstance(X, bytes | bytearray):
        raise TypeError(f"{name} is bytes: make a text of them, such as {name}.decode().")
    X = _array_of_column(X)
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUS":
        return None
    if isinstance(X, Sequence | np.ndarray) and len(X) and isinstance(X[0], str):
        return list(X)
    return None


def corpus_of(X: Any, tokenizer: Any, name: str = "X") -> Corpus:
    """The sequences of X.

    Parameters
    ----------
    X : str, array-like of int, or list of these
    tokenizer : Tokenizer or None
        Fitted; for texts.
    name : str
        What messages call X.

    Raises
    ------
    TypeError, ValueError
        If X is neither, is empty, texts have no tokenizer or unknown tokens, or codes are none.
    """
    X = _array_of_column(X)
    texts, several = texts_of(X, name), not isinstance(X, str)
    if texts is not None:
        if tokenizer is None:
            raise ValueError(
                f"{name} holds texts, and tokenizer is None: give one of fusednn.text, such as"
                " CharTokenizer(), or codes."
            )
        places = [f"{name}[{at}]" if several else name for at in range(len(texts))]
        found = [_encoded(tokenizer, *one) for one in zip(texts, places, strict=True)]
        return Corpus(found, several)
    several = _lists(X)
    parts = list(X) if several else [X]
    if not parts:
        raise ValueError(f"{name} holds no sequence: give at least one.")
    places = [f"{name}[{at}]" if several else name for at in range(len(parts))]
    return Corpus([_checked(*one) for one in zip(parts, places, strict=True)], several)


def _array_of_column(X: Any) -> Any:
    """The array of a column of a frame, of a tensor and the like; other X as it is."""
    return np.asarray(X) if hasattr(X, "__array__") and not isinstance(X, np.ndarray) else X


def _encoded(tokenizer, text: Any, name: str) -> np.ndarray:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a text as the others, got {type(text).__name__}.")
    try:
        codes = tokenizer.encode(text)
    except ValueError as error:
        raise ValueError(f"{name}{str(error).removeprefix('text')}") from None
    if not len(codes):
        raise ValueError(f"{name} is a text without any {tokenizer.token_kind}: leave it out.")
    return codes


def _lists(X: Any) -> bool:
    """Whether X lists sequences rather than codes."""
    if isinstance(X, np.ndarray) and X.dtype != object:
        return X.ndim > 1
    return isinstance(X, Sequence | np.ndarray) and (not len(X) or np.ndim(X[0]) > 0)


def _checked(codes: Any, name: str) -> np.ndarray:
    """One sequence of codes, not copied if it is an array of the machine's integers."""
    found = np.asarray(codes)
    if not found.ndim:
        raise TypeError(
            f"{name} must be a text or a sequence of codes, got {type(codes).__name__}."
        )
    found = found.astype(found.dtype.newbyteorder("="), copy=False)
    if found.ndim != 1:
        raise ValueError(f"{name} must be a sequence of codes, got the shape {found.shape}.")
    if not found.size:
        raise ValueError(f"{name} is empty: a sequence needs a code.")
    if found.dtype.kind == "f" and (found == np.floor(found)).all() and found.max() < MOST_CODES:
        found = found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold codes, whole numbers from 0.")
    if found.min() < 0:
        raise ValueError(f"{name} must hold codes, whole numbers from 0; found {found.min()}.")
    return found


def check_known(corpus: Corpus, count: int, name: str = "X") -> None:
    """Refuses codes that a model of `count` codes does not have."""
    if corpus.largest >= count:
        raise ValueError(
            f"{name} must hold codes from 0 to {count - 1}, those of the model; found"
            f" {corpus.largest}."
        )

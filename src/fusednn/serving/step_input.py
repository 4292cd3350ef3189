"""What users give a stream, as its compiled steps take it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import empty  # looked up in every call

from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.token_embedding import TokenEmbedding

from . import checks, refusals


class Features:
    """Steps of so many features.

    Parameters
    ----------
    count : int
    dtype : dtype
    names : tuple of str
        See `Model`.
    """

    def __init__(self, count: int, dtype: np.dtype, names: tuple[str, str]):
        self._count, self._dtype, self._names = count, dtype, names

    def one(self, x: Any, validate: bool) -> np.ndarray:
        """A step (features,); compiled code looks for NaN and infinity."""
        given = np.atleast_1d(x) if np.ndim(x) == 0 else x
        found = checks.converted(given, self._dtype, self._names, None).reshape(-1)
        if len(found) != self._count:
            raise ValueError(
                f"A step of this stream has {self._count} features; got x of shape {np.shape(x)}."
            )
        return found

    def several(self, X: Any, validate: bool) -> np.ndarray:
        """Steps (n, features), looked through if `validate`."""
        given = np.asarray(X)
        if given.ndim != 2 or given.shape[1] != self._count:
            raise ValueError(
                f"Steps of this stream are (n_steps, {self._count}); got X of shape {given.shape}."
            )
        found = checks.converted(given, self._dtype, self._names, None)
        if validate and not np.isfinite(found).all():
            raise refusals.refuse_values(found, self._names)
        return found


class Tokens:
    """Steps that are codes.

    Parameters
    ----------
    first : TokenEmbedding
    dtype, names
        As in `Features`.
    """

    def __init__(self, first: TokenEmbedding, dtype: np.dtype, names: tuple[str, str]):
        self._dtype, self._names = dtype, names
        self._count, self._padding = first.categories, first.padding
        self._code = empty(1, dtype)

    def one(self, x: Any, validate: bool) -> np.ndarray:
        """A step (1,), in an array that the next call writes over."""
        if type(x) is not int:
            x = self._plain(x, 1).item()
        if validate and not (0 <= x < self._count and x == int(x) and x != self._padding):
            self._check(self._plain(x, 1).reshape(1))
        self._code[0] = x
        return self._code

    def several(self, X: Any, validate: bool) -> np.ndarray:
        """Steps (n, 1)."""
        found = self._plain(X, None)
        if validate:
            self._check(found)
        return np.ascontiguousarray(found, self._dtype)[:, np.newaxis]

    def _plain(self, X: Any, size: int | None) -> np.ndarray:
        """Codes as an array; refuses what are no numbers, or other axes."""
        found = np.asarray(X)
        fits = found.ndim == 1 if size is None else found.size == size
        if not fits or found.dtype.kind not in "iuf":
            what = "Steps of this stream are codes (n_steps,)" if size is None else (
                "A step of this stream is a code"
            )  # fmt: skip
            raise ValueError(f"{what}; got {found.dtype} of shape {found.shape}.")
        return found

    def _check(self, X: np.ndarray) -> None:
        """Refuses codes (n,) that are no tokens."""
        if not np.isfinite(X).all():
            raise refusals.refuse_values(X, self._names)
        checks.check_tokens(X[:, np.newaxis], self._count)
        if self._padding is not None and np.equal(X, self._padding).any():
            raise ValueError(
                f"A stream takes the tokens of a series, but {self._padding} is the padding of"
                " layers[0], a TokenEmbedding: it is no step."
            )


def input_of(first: Layer, dtype: np.dtype, names: tuple[str, str]) -> Features | Tokens:
    """The steps that a network with this first op reads."""
    if isinstance(first, TokenEmbedding):
        return Tokens(first, dtype, names)
    return Features(first.fan_in, dtype, names)

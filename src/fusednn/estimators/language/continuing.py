"""Continues a sequence of codes token by token.

`NextLogits` is the one place that says how the logits behind a growing sequence are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .sampling import Sampling


class NextLogits:
    """The logits behind a sequence that grows, by a stream, which keeps what later steps need.

    Parameters
    ----------
    predictor : Predictor
        A language model's.
    """

    def __init__(self, predictor: Any):
        self._stream = predictor.stream()

    def advance(self, codes: Sequence[int]) -> np.ndarray:
        """Appends codes to the sequence; returns the logits (V,) of the next."""
        if len(codes) == 1:
            return self._stream.step(codes[0])
        return self._stream.steps(np.array(codes, np.int64))[-1]


def continued(
    logits_of: NextLogits,
    prompt: Sequence[int],
    n: int,
    sampling: Sampling,
    random_state: np.random.RandomState,
    never: np.ndarray,
    end: int | None,
) -> Iterator[int]:
    """Up to n codes behind a prompt.

    Parameters
    ----------
    logits_of : NextLogits
        It has read no code yet.
    prompt : sequence of int
    n : int
    sampling : Sampling
    random_state : RandomState
    never : ndarray of int
        Codes that are not drawn.
    end : int or None
        The code that ends the sequence, which is not part of it.
    """
    latest = list(map(int, prompt))
    for _ in range(n):
        logits = logits_of.advance(latest)
        logits[never] = -np.inf
        code = sampling.draw(logits, random_state)
        if code == end:
            return
        yield code
        latest = [code]

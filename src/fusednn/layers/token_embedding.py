"""The embedding of tokens: texts, and other series of codes."""

from __future__ import annotations

from dataclasses import dataclass

from .layer import Layer

MOST_CODES = 1 << 24
"""The most codes: float32 holds the integers up to there."""


@dataclass(frozen=True, repr=False)
class TokenEmbedding(Layer):
    """Replaces each of the T codes of a sample by a learned vector; only as the first layer.

    X (n, T) holds tokens, whole numbers from 0, as integers of any type or as floats. The output
    is a series (T, size), for convolutions, recurrences, and pools over steps. The first values
    are drawn from a standard normal distribution.

    Parameters
    ----------
    size : int
        Elements of each vector.
    count : int or None, default=None
        The number of codes. None: one more than the largest code in the first training data (or
        than `padding`), so give this for streams of `partial_fit`. A number that the data
        determine may exceed 10,000 only up to 100 times the number of distinct codes. Codes from
        `count` on raise an error: keep one code for words that training does not know.
    padding : int or None, default=None
        The code that fills the ends of short samples. Its vector is 0 and is not trained.
    rate_factor, decay_factor : float, default=1.0
        Factors of the learning rate and of the weight decay.

    Examples
    --------
    >>> import numpy as np
    >>> from fusednn import NetworkClassifier
    >>> from fusednn.layers import GlobalAvgPool, TokenEmbedding
    >>> X, y = np.array([[1, 4, 2], [3, 3, 1]]), [0, 1]
    >>> model = NetworkClassifier([TokenEmbedding(8), GlobalAvgPool()]).initialize(X, y)
    >>> [[array.shape for array in layer] for layer in model.get_weights()]
    [[(5, 8)], [], [(8, 1), (1,)]]
    """

    size: int
    count: int | None = None
    padding: int | None = None
    rate_factor: float = 1.0
    decay_factor: float = 1.0

    def _check(self) -> None:
        self._need("size", 1, whole=True)
        if self.count is not None:
            self._need("count", 1, MOST_CODES + 1, whole=True)
        if self.padding is not None:
            self._need("padding", 0, self.count or MOST_CODES, whole=True)
        self._need("rate_factor", 0)
        self._need("decay_factor", 0)

"""Powers with the same bits on every CPU."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

BLOCK = 256
"""Powers below this exponent have the bits of the C library; larger ones round once more."""

FEW = 32
"""For fewer steps, powers are computed one by one, which is faster than with tables."""


def powers(base: float, steps: np.ndarray) -> np.ndarray:
    """Raises a base in [0, 1] to whole numbers from 0, with the C library's `pow`.

    NumPy's powers of arrays have different last bits with and without AVX-512, and a rate with
    different bits trains different weights. One call of `pow` per step would take 5 % of the
    shortest steps, so many powers are computed as products of two table entries.
    """
    base = float(base)
    if len(steps) and steps.max() < BLOCK:
        return _first_powers(base)[steps.astype(np.intp)]
    if len(steps) < FEW:
        pairs = [(step // BLOCK * BLOCK, step % BLOCK) for step in steps.tolist()]
        return np.array([base**coarse * base**fine for coarse, fine in pairs])
    coarse, fine = (part.astype(np.intp) for part in (steps // BLOCK, steps % BLOCK))
    first = coarse.min()
    blocks = [base ** (BLOCK * block) for block in range(first, coarse.max() + 1)]
    return np.array(blocks)[coarse - first] * _first_powers(base)[fine]


@lru_cache(maxsize=16)
def _first_powers(base: float) -> np.ndarray:
    return np.array([base**step for step in range(BLOCK)])

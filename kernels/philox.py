"""Random words from counters: a place in the computation has the same words on every thread.

Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011: four
32-bit words from a counter of four words and a key of two. Words are held in uint64, so that
loops over counters vectorise with the multiply of 32 by 32 bits.
"""

import numpy as np

from ._jit import inline
from .intrinsics.scalars import cast, from_bits

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_LIFT_BITS = np.uint64(0x4330000000000000)
"""The bits of 2**52 as float64, whose last place is 1."""


@inline
def _round(c0, c1, c2, c3, k0, k1):
    p0, p1 = _M0 * c0, _M1 * c2
    return (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW


@inline
def philox(c0, c1, c2, c3, k0, k1):
    """Four words of 32 bits of the counter (c0, c1, c2, c3) and the key (k0, k1), all uint64."""
    for _ in range(9):
        c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return _round(c0, c1, c2, c3, k0, k1)


@inline
def uniform(word, like):
    """A word of 32 bits as a number in (0, 1): (word + 1/2) / 2**32 as `like`'s type.

    It sets the bits of a float64, since no instruction before AVX-512 converts vectors of uint64.
    In float32 the 128 largest words give 1.
    """
    lifted = from_bits(np.int64(word | _LIFT_BITS))
    return cast((lifted - (2.0**52 - 0.5)) * 2.0**-32, like)

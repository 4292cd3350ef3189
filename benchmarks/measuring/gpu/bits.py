"""How far arrays of a GPU are from those of the CPU: how many elements, and how many ulp."""

import numpy as np


def ulps(found, wanted):
    """The most representable numbers between two arrays of floats; NaN beside another is infinite.

    Parameters
    ----------
    found, wanted : ndarray
        Of one shape and one type.

    Returns
    -------
    float
    """
    apart = _bits(found) != _bits(wanted)
    if not apart.any():
        return 0.0
    found, wanted = found[apart], wanted[apart]
    if np.isnan(found).any() or np.isnan(wanted).any():
        return float("inf")
    steps = [_ordered(array) for array in (found, wanted)]
    return float(max(abs(int(a) - int(b)) for a, b in zip(*steps, strict=True)))


def _bits(array):
    """Bits as integers; those of NaN are alike, since a GPU has others than a CPU."""
    bits = array.view(f"i{array.itemsize}")
    return (
        np.where(np.isnan(array), bits.dtype.type(-1), bits) if array.dtype.kind == "f" else bits
    )


def _ordered(array):
    """Integers in the order of floats, the next for the next."""
    bits = array.view(f"i{array.itemsize}")
    return np.where(bits < 0, np.iinfo(bits.dtype).min - bits, bits)


class Difference:
    """The differences of some arrays, added up.

    Attributes
    ----------
    elements, differing : int
    ulps : float
        The largest difference of floats.
    """

    def __init__(self):
        self.elements, self.differing, self.ulps = 0, 0, 0.0

    def add(self, found, wanted):
        """Compares two arrays to the bit, but for the bits of NaN."""
        found, wanted = np.ascontiguousarray(found), np.ascontiguousarray(wanted)
        if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
            raise ValueError(f"{found.shape} {found.dtype}, not {wanted.shape} {wanted.dtype}")
        self.elements += found.size
        self.differing += int((_bits(found.reshape(-1)) != _bits(wanted.reshape(-1))).sum())
        if found.dtype.kind == "f":
            self.ulps = max(self.ulps, ulps(found.reshape(-1), wanted.reshape(-1)))

    def in_words(self):
        """`ok`, or what differs."""
        if not self.differing:
            return "ok"
        return f"{self.differing} of {self.elements} differ, {self.ulps:.0f} ulp"

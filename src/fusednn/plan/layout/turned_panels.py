"""The form of a table whose vectors are also the weights of a product."""

from __future__ import annotations

import numpy as np

from .forms import Panels


class TurnedPanels(Panels):
    """Panels of w (I, O) for a table (O, I) that is w transposed: its rows are columns of w.

    Parameters
    ----------
    count, size : int
        O and I.
    dtype : dtype
    transposed : bool
    """

    def __init__(self, count: int, size: int, dtype, transposed: bool = True):
        super().__init__(size, count, dtype, transposed)
        self.shape = count, size

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        super().pack(flat, np.asarray(array).T)

    def pack_transposed(self, flat: np.ndarray, array: np.ndarray) -> None:
        super().pack_transposed(flat, np.asarray(array).T)

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        w = np.empty((self.fan_in, self.fan_out), self.dtype)
        super().unpack(w, flat)
        array[:] = w.T

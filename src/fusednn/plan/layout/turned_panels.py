"""The forms of a table whose vectors are also the weights of a product."""

from __future__ import annotations

from typing import Any

import numpy as np

from .forms import Panels, Product
from .rounded_weights import HALF, INTEGER, Halves, Integers


class Turned(Product):
    """A form of w (I, O) for a table (O, I) that is w transposed: its rows are columns of w.

    Mixed into the class of the form of w.

    Parameters
    ----------
    count, size : int
        O and I.
    options
        Those of the form of w.
    """

    is_half = False
    padded_out: int

    def __init__(self, count: int, size: int, *options, **named):
        super().__init__(size, count, *options, **named)  # type: ignore[call-arg]  # the form of w's
        self.shape = count, size

    def look_up_operands(self, flat: np.ndarray) -> dict[str, Any]:
        """The operands of a lookup in the table."""
        return {"w": flat, "columns": self.padded_out, "is_half": self.is_half}

    def pack(self, flat: np.ndarray, array: np.ndarray) -> None:
        super().pack(flat, np.asarray(array).T)  # type: ignore[safe-super]  # the other base has it

    def unpack(self, array: np.ndarray, flat: np.ndarray) -> None:
        w = np.empty(self.shape[::-1], self.dtype)
        super().unpack(w, flat)  # type: ignore[safe-super]  # the other base has it
        array[:] = w.T


class TurnedPanels(Turned, Panels):
    """Panels of a table's w, with its options `dtype` and `transposed`."""

    def pack_transposed(self, flat: np.ndarray, array: np.ndarray) -> None:
        super().pack_transposed(flat, np.asarray(array).T)


class TurnedHalves(Turned, Halves):
    """A table in bfloat16."""

    is_half = True


class TurnedIntegers(Turned, Integers):
    """A table of integers with a factor for each vector."""

    def look_up_operands(self, flat: np.ndarray) -> dict[str, Any]:
        words, factors, _ = self.parts(flat)
        return {**super().look_up_operands(words), "factors": factors}


TURNED: dict[str, type[Turned]] = {HALF: TurnedHalves, INTEGER: TurnedIntegers}
"""The form of a table for each storage."""

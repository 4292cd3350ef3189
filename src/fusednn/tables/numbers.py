"""Which text is a number, and which says that there is none."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

BLANK = frozenset({"", "?"})
MISSING = BLANK | {"na", "n/a", "nan", "null", "none"}


class Notation(NamedTuple):
    """
    How a table writes numbers and missing values.

    Parameters
    ----------
    missing : frozenset of str
        Texts that say that there is no value, in lower case.
    """

    missing: frozenset[str] = MISSING

    def is_missing(self, text: str) -> bool:
        """Whether a text says that there is no value."""
        return text.lower() in self.missing

    def number(self, text: str) -> float | None:
        """What a text says in numbers, or None."""
        try:  # Python takes "_" in numbers, and other programs do not
            return None if "_" in text else float(text)
        except ValueError:
            return None

    def numbers(self, texts: list[str]) -> np.ndarray | None:
        """
        What texts say in numbers.

        Parameters
        ----------
        texts : list of str

        Returns
        -------
        ndarray of float64, or None
            NaN where missing or infinite, which no network can use. None if one text is neither a
            number nor missing.
        """
        try:
            if "_" in "".join(texts):
                raise ValueError
            found = np.array(list(map(float, texts)), float)
        except ValueError:
            found = np.empty(len(texts))
            for place, text in enumerate(texts):
                number = np.nan if self.is_missing(text) else self.number(text)
                if number is None:
                    return None
                found[place] = number
        return _finite(found)

    def arrow_numbers(self, texts: Any) -> np.ndarray | None:
        """`numbers` of a StringArray of pyarrow, which parses what is plain."""
        import pyarrow
        from pyarrow import compute

        missing = self.arrow_missing(texts)
        masked = compute.if_else(missing, pyarrow.scalar(None, texts.type), texts)
        try:
            found = masked.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
        except pyarrow.ArrowInvalid:  # a word, or a number that only Python reads, such as +1
            return self.numbers(texts.to_pylist())
        if masked.null_count < np.count_nonzero(np.isnan(found)):  # such as nan(1)
            return self.numbers(texts.to_pylist())
        return _finite(found)

    def arrow_missing(self, texts: Any) -> Any:
        """`is_missing` of a StringArray of pyarrow, as a BooleanArray."""
        import pyarrow
        from pyarrow import compute

        markers = pyarrow.array(sorted(self.missing), texts.type)
        return compute.is_in(compute.utf8_lower(texts), value_set=markers)


PLAIN = Notation()


def _finite(numbers: np.ndarray) -> np.ndarray:
    """The same with NaN for infinity."""
    if np.isinf(numbers).any():
        numbers = np.where(np.isinf(numbers), np.nan, numbers)
    return numbers

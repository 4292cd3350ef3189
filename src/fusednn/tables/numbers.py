"""Reads texts as numbers or missing values."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

BLANK = frozenset({"", "?"})
FIRST_MISSING = BLANK | {"na", "n/a", "nan", "null", "none"}
"""Missing values of models whose notes do not list them."""
PANDAS = frozenset(
    {"#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "nat"}
)
EXCEL = frozenset({"#n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"})
MISSING = FIRST_MISSING | PANDAS | EXCEL | {r"\n"}  # databases write \N

OTHER = {".": ",", ",": "."}
"""The two signs that mark decimals or thousands."""
SPACES = " \u00a0\u2009\u202f"
APOSTROPHES = "'\u2019"
SIGNS = "+\u2212-"
CURRENCIES = "$€£¥₩₪₫₹₺₽"
PERCENT = "%"
POSSIBLE = re.compile(
    rf"[\d.,eE(){SPACES}{APOSTROPHES}{CURRENCIES}{PERCENT}{SIGNS}]+|[+-]?(?i:inf|infinity|nan)"
)
"""A text that does not match is a word in every notation."""


class Reading(NamedTuple):
    """
    Texts read as numbers.

    Parameters
    ----------
    numbers : ndarray of float64
        NaN where missing.
    units : list of str, default=None
        The currency or percent sign of each text, or ""; None if no text has one.
    formatted : int, default=-1
        Index of the first number with separators, a unit or parentheses, or -1.
    """

    numbers: np.ndarray
    units: list[str] | None = None
    formatted: int = -1


class Notation(NamedTuple):
    """
    How a table writes numbers and missing values.

    Parameters
    ----------
    decimal : {".", ","}, default="."
    grouped : bool, default=False
        Whether the other sign separates thousands. Spaces and apostrophes always may.
    missing : frozenset of str
        Texts that mean a missing value, in lower case.
    stated : frozenset of str
        Further such texts, given by the user. They also mean missing in a column of labels. A
        number among them matches however it is written; infinity matches both signs.
    """

    decimal: str = "."
    grouped: bool = False
    missing: frozenset[str] = MISSING
    stated: frozenset[str] = frozenset()

    def is_missing(self, text: str) -> bool:
        """Whether a text means a missing value."""
        return text.lower() in self.missing or text.lower() in self.stated

    def number(self, text: str) -> float | None:
        """The number that a text means, or None."""
        if not POSSIBLE.fullmatch(text):
            return None
        plain = self._plain(text)
        if plain is not None:
            return plain
        found = self._formatted(text)
        return None if found is None else found[0]

    def without_stated(self, numbers: np.ndarray) -> np.ndarray:
        """Replaces numbers that the user stated as missing by NaN."""
        values = _stated_numbers(self)
        if not values:
            return numbers
        compared = np.where(np.isinf(numbers), np.inf, numbers)
        return np.where(np.isin(compared, values), np.nan, numbers)

    def read(self, texts: list[str]) -> Reading | None:
        """
        Read texts as numbers.

        Parameters
        ----------
        texts : list of str

        Returns
        -------
        Reading, or None
            None if a text is neither a number nor missing.
        """
        try:
            if not self._may_be_plain("".join(texts)):
                raise ValueError
            numbers = np.array([float(t.replace(",", self._comma)) for t in texts], float)
            return Reading(self.without_stated(numbers))
        except ValueError:
            pass
        numbers, units, formatted = np.full(len(texts), np.nan), [""] * len(texts), []
        for place, text in enumerate(texts):
            if self.is_missing(text):
                continue
            plain = self._plain(text)
            if plain is not None:
                numbers[place] = plain
                continue
            found = self._formatted(text) if POSSIBLE.fullmatch(text) else None
            if found is None:
                return None
            numbers[place], units[place] = found
            formatted.append(place)
        numbers = self.without_stated(numbers)
        first = next((place for place in formatted if not np.isnan(numbers[place])), -1)
        return Reading(numbers, units if any(units) else None, first)

    def read_arrow(self, texts: Any) -> Reading | None:
        """`read` for a StringArray of pyarrow, which parses numbers without formatting."""
        import pyarrow
        from pyarrow import compute

        missing = self.arrow_missing(texts)
        masked = compute.if_else(missing, pyarrow.scalar(None, texts.type), texts)
        if self.decimal == ",":
            if compute.any(compute.match_substring(masked, ".")).as_py():
                return self.read(texts.to_pylist())
            masked = compute.replace_substring(masked, ",", ".")
        try:
            found = masked.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
        except pyarrow.ArrowInvalid:  # a word, or a number that only Python reads, such as +1
            return self.read(texts.to_pylist())
        if masked.null_count < np.count_nonzero(np.isnan(found)):  # such as nan(1)
            return self.read(texts.to_pylist())
        return Reading(self.without_stated(found))

    def arrow_missing(self, texts: Any) -> Any:
        """`is_missing` for a StringArray of pyarrow, as a BooleanArray."""
        import pyarrow
        from pyarrow import compute

        markers = pyarrow.array(sorted(self.missing | self.stated), texts.type)
        return compute.is_in(compute.utf8_lower(texts), value_set=markers)

    @property
    def _comma(self) -> str:
        """What replaces a comma before Python's `float` reads a text."""
        return "." if self.decimal == "," else ","

    def _may_be_plain(self, text: str) -> bool:
        """Whether `float` may read a text; it would accept "_", unlike other programs."""
        return "_" not in text and not (self.decimal == "," and "." in text)

    def _plain(self, text: str) -> float | None:
        """The number in a text of digits, a decimal sign and an exponent, or None."""
        try:
            return float(text.replace(",", self._comma)) if self._may_be_plain(text) else None
        except ValueError:
            return None

    def _formatted(self, text: str) -> tuple[float, str] | None:
        """The number and the unit in a text with separators, a unit or parentheses, or None."""
        negative = text.startswith("(") and text.endswith(")")  # accountants' minus
        found = _form(self.decimal, self.grouped).fullmatch(text[1:-1] if negative else text)
        if found is None:
            return None
        first, before, second, whole, _, part, power, after = found.groups(default="")
        sign = first + second
        if len(sign) > 1 or (before and after) or (negative and sign) or not (whole or part):
            return None
        digits = "".join(c for c in whole if c.isdigit())
        number = float(f"{digits or 0}.{part}{power}".replace("\u2212", "-"))
        return -number if negative or sign in tuple("-\u2212") else number, before or after


PLAIN = Notation()
POINT, COMMA = Notation(grouped=True), Notation(",", grouped=True)


def is_number_in_some_notation(text: str) -> bool:
    """Whether a text is a number with a decimal point or with a decimal comma."""
    return POINT.number(text) is not None or COMMA.number(text) is not None


@lru_cache
def _form(decimal: str, grouped: bool) -> re.Pattern[str]:
    """Matches signs, a unit, and groups of three digits that do not begin with 0."""
    mark = SPACES + APOSTROPHES + (OTHER[decimal] if grouped else "")
    groups = rf"[1-9][0-9]{{0,2}}([{mark}])[0-9]{{3}}(?:\5[0-9]{{3}})*"
    return re.compile(
        rf"([{SIGNS}]?)[{SPACES}]*([{CURRENCIES}]?)[{SPACES}]*([{SIGNS}]?)"
        rf"({groups}|[0-9]*)(?:[{decimal}]([0-9]*))?([eE][{SIGNS}]?[0-9]+)?"
        rf"[{SPACES}]*([{CURRENCIES}{PERCENT}]?)"
    )


@lru_cache
def _stated_numbers(notation: Notation) -> tuple[float, ...]:
    """The numbers in `stated`: read in the table's notation, else with either decimal sign."""
    found = []
    for text in notation.stated:
        read = (one.number(text) for one in (notation, POINT, COMMA))
        value = next((v for v in read if v is not None), None)
        if value is not None and value == value:
            found.append(np.inf if np.isinf(value) else value)
    return tuple(found)

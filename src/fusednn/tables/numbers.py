"""Which text is a number, and which says that there is none."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

BLANK = frozenset({"", "?"})
FIRST_MISSING = BLANK | {"na", "n/a", "nan", "null", "none"}
"""What models have whose notes name no such texts."""
PANDAS = frozenset(
    {"#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "nat"}
)
EXCEL = frozenset({"#n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"})
MISSING = FIRST_MISSING | PANDAS | EXCEL | {r"\n"}  # the last is what databases write

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
"""Any other text is a word, in all notations."""


class Reading(NamedTuple):
    """
    What texts say in numbers.

    Parameters
    ----------
    numbers : ndarray of float64
        NaN where missing.
    units : list of str, default=None
        The currency or percent sign of each, or ""; None where none has one.
    formatted : int, default=-1
        The place of the first number that is more than digits and a decimal sign, or -1.
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
        Whether the other sign marks thousands. Spaces and apostrophes always may.
    missing : frozenset of str
        Texts that say that there is no value, in lower case.
    stated : frozenset of str
        More of them, named by the user: they are so among labels too, and the numbers among them
        in whatever way they are written. Infinity stands for both signs.
    """

    decimal: str = "."
    grouped: bool = False
    missing: frozenset[str] = MISSING
    stated: frozenset[str] = frozenset()

    def is_missing(self, text: str) -> bool:
        """Whether a text says that there is no value."""
        return text.lower() in self.missing or text.lower() in self.stated

    def number(self, text: str) -> float | None:
        """What a text says in numbers, or None."""
        if not POSSIBLE.fullmatch(text):
            return None
        plain = self._plain(text)
        if plain is not None:
            return plain
        found = self._formatted(text)
        return None if found is None else found[0]

    def without_stated(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers with NaN in place of those that the user called missing."""
        values = _stated_numbers(self)
        if not values:
            return numbers
        compared = np.where(np.isinf(numbers), np.inf, numbers)
        return np.where(np.isin(compared, values), np.nan, numbers)

    def read(self, texts: list[str]) -> Reading | None:
        """
        What texts say in numbers.

        Parameters
        ----------
        texts : list of str

        Returns
        -------
        Reading, or None
            None if one text is neither a number nor missing.
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
        """`read` of a StringArray of pyarrow, which parses what is plain."""
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
        """`is_missing` of a StringArray of pyarrow, as a BooleanArray."""
        import pyarrow
        from pyarrow import compute

        markers = pyarrow.array(sorted(self.missing | self.stated), texts.type)
        return compute.is_in(compute.utf8_lower(texts), value_set=markers)

    @property
    def _comma(self) -> str:
        """What Python is to see for a comma."""
        return "." if self.decimal == "," else ","

    def _may_be_plain(self, text: str) -> bool:
        """Python takes "_" in numbers, and other programs do not."""
        return "_" not in text and not (self.decimal == "," and "." in text)

    def _plain(self, text: str) -> float | None:
        """The number of a text of digits, a decimal sign and an exponent."""
        try:
            return float(text.replace(",", self._comma)) if self._may_be_plain(text) else None
        except ValueError:
            return None

    def _formatted(self, text: str) -> tuple[float, str] | None:
        """The number and the unit of any other text."""
        negative = text.startswith("(") and text.endswith(")")  # as bookkeepers have it
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
    """Signs, units and groups of three digits; the first group does not begin with 0."""
    mark = SPACES + APOSTROPHES + (OTHER[decimal] if grouped else "")
    groups = rf"[1-9][0-9]{{0,2}}([{mark}])[0-9]{{3}}(?:\5[0-9]{{3}})*"
    return re.compile(
        rf"([{SIGNS}]?)[{SPACES}]*([{CURRENCIES}]?)[{SPACES}]*([{SIGNS}]?)"
        rf"({groups}|[0-9]*)(?:[{decimal}]([0-9]*))?([eE][{SIGNS}]?[0-9]+)?"
        rf"[{SPACES}]*([{CURRENCIES}{PERCENT}]?)"
    )


@lru_cache
def _stated_numbers(notation: Notation) -> tuple[float, ...]:
    """They may have either decimal sign, unless the table's notation reads them."""
    found = []
    for text in notation.stated:
        read = (one.number(text) for one in (notation, POINT, COMMA))
        value = next((v for v in read if v is not None), None)
        if value is not None and value == value:
            found.append(np.inf if np.isinf(value) else value)
    return tuple(found)

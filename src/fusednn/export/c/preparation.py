"""A preparation of tables in C: a struct of raw columns in, numbers, flags and codes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from fusednn.tables.preparing.features import Category, Feature, Moment, Quantity
from fusednn.tables.preparing.preparation import Preparation
from fusednn.tables.preparing.raw_types import DAY, Raw, numbers_of, raw_type_of, texts_of
from fusednn.tables.preparing.scaling import Scale

from .raw_values import DOUBLE, FUNCTIONS
from .text import KEYWORDS, PER_LINE, array, in_words, number, remark, string

TYPES = {Raw.NUMBER: "double ", Raw.TEXT: "const char *", Raw.MOMENT: "int64_t "}
MACROS = frozenset({"errno", "stdin", "stdout", "stderr", "linux", "unix", "i386"})
"""Names that headers and compilers may have made macros of; those in capitals become small."""
PARTS = {
    "year": "(double)date.year",
    "month": "(double)date.month",
    "day": "(double)date.day",
    "weekday": "(double)date.weekday",
    "hour": f"(double)date.time / {DAY // 24}.0",
}

_PREPARE = """\
/* The inputs of the networks for a row. */
static void NAME_prepare(const NAME_row *row, REAL *x)
{{
{lines}    (void)row;
}}

/* Whether a number is infinite. */
static int NAME_odd(const NAME_row *row)
{{
    int odd = 0;
{checks}    (void)row;
    return odd;
}}

"""


def fields_of(preparation: Preparation) -> list[str]:
    """The names of the struct's members: those of the columns, as C may have them."""
    found: list[str] = []
    for place, feature in enumerate(preparation.features):
        name = re.sub("[^A-Za-z0-9_]", "_", feature.name)
        is_word = name.startswith(("NAME_", "MACRO_"))  # of the templates
        name = name.lower() if name.isupper() or is_word else name
        if not re.match("[A-Za-z]", name):
            name = f"column_{name.strip('_') or place}"
        if name in KEYWORDS | MACROS:
            name += "_"
        own, again = name, 2
        while own in found:
            own, again = f"{name}_{again}", again + 1
        found.append(own)
    return found


def struct_text(preparation: Preparation, words: dict[str, str]) -> str:
    """The struct of a row, in the words of the file."""
    lines = [
        f"    {TYPES[raw_type_of(feature)]}{field}; /* {_about(feature)} */\n"
        for field, feature in zip(fields_of(preparation), preparation.features, strict=True)
    ]
    return "typedef struct {\n" + "".join(lines) + f"}} {words['NAME_']}row;\n"


def _about(feature: Feature) -> str:
    """The column's name, and what its values are."""
    name = remark(feature.name)
    if isinstance(feature, Moment):
        return name + (", in UTC" if feature.form.zoned else "")
    if isinstance(feature, Quantity):
        return name
    if raw_type_of(feature) == Raw.NUMBER:
        return f"{name}, a category" if feature.kind == "numbers" else f"{name}, 1 or 0"
    return name


class Preparing:
    """The C code of a preparation.

    Parameters
    ----------
    preparation : Preparation
    words : dict of str to str
        See `in_words`; the texts of categories must not be taken for such words.
    """

    def __init__(self, preparation: Preparation, words: dict[str, str]):
        self._preparation, self._words = preparation, words
        self._called: set[str] = set()
        self._lines: list[str] = []

    def text(self) -> Iterator[str]:
        """The tables and functions, up to `NAME_prepare` and `NAME_odd`, which read one row."""
        preparation, checks = self._preparation, []
        at, coded = 0, len(preparation.names)
        named = zip(fields_of(preparation), preparation.features, strict=True)
        for place, (field, feature) in enumerate(named):
            value = f"row->{field}"
            if isinstance(feature, Category):
                is_code = feature.becomes == "codes"
                if feature.becomes != "nothing":
                    yield from _category_tables(feature, place, self._words)
                    self._category(feature, place, value, coded if is_code else at)
                coded += is_code
            elif isinstance(feature, Quantity):
                checks.append(f"odd |= {value} - {value} != 0 && {value} == {value};")
                self._quantity(feature, value, at)
            else:
                self._moment(feature, value, at)
            at += len(feature.numbers) + len(feature.flags)
        functions = "".join(text for name, text in FUNCTIONS.items() if name in self._called)
        yield in_words(functions + _PREPARE, self._words).format(
            lines="".join(f"    {in_words(line, self._words)}\n" for line in self._lines),
            checks="".join(f"    {check}\n" for check in checks),
        )

    def _quantity(self, feature: Quantity, value: str, at: int) -> None:
        if feature.scale.factor > 0:
            self._lines.append(f"x[{at}] = {self._scaled(value, feature.scale)};")
            at += 1
        if feature.indicator:
            self._lines.append(f"x[{at}] = (REAL)({value} != {value} ? 1 : -1);")

    def _moment(self, feature: Moment, value: str, at: int) -> None:
        if not feature.flags and not feature.parts:
            return
        self._called.add("date")
        start = int(np.datetime64(feature.start, "us").view(np.int64))
        elapsed = f"NAME_days({value}, INT64_C({start}))"
        self._lines += ["{", f"    const NAME_date date = NAME_date_of({value});"]
        if "elapsed" in dict(feature.parts):
            self._called.add("days")
        for part, scale in feature.parts:
            found = self._scaled(PARTS.get(part, elapsed), scale)
            self._lines.append(f"    x[{at}] = date.gone ? 0 : {found};")
            at += 1
        if feature.indicator:
            self._lines.append(f"    x[{at}] = (REAL)(date.gone ? 1 : -1);")
        self._lines.append("}")

    def _category(self, feature: Category, place: int, value: str, at: int) -> None:
        kind = "text" if raw_type_of(feature) == Raw.TEXT else "number"
        self._called.add(f"{kind}_code")
        count = len(_sorted(feature)[0])
        code = f"NAME_{kind}_code({value}, NAME_categories_{place}, NAME_codes_{place}, {count})"
        if feature.becomes == "codes":
            self._lines.append(f"x[{at}] = (REAL){code};")
            return
        width = len(feature.flags)
        source = f"NAME_flags_{place} + {width} * {code}"
        self._lines.append(f"memcpy(x + {at}, {source}, {width} * sizeof *x);")

    def _scaled(self, value: str, scale: Scale) -> str:
        self._called.add("scaled")
        numbers = f"{number(scale.center, DOUBLE)}, {number(scale.factor, DOUBLE)}"
        return f"(REAL)NAME_by_quartiles({value}, {numbers})"


def _sorted(feature: Category) -> tuple[Sequence[bytes] | Sequence[float], list[int]]:
    """Categories in the order of their bytes or numbers, and their codes.

    A text with a NUL, or one that UTF-8 cannot hold, cannot be given in C, so it is left out.
    """
    if raw_type_of(feature) == Raw.NUMBER:
        numbers = numbers_of(feature)
        order = np.argsort(numbers, kind="stable").tolist()
        return [numbers[place] for place in order], [place + 1 for place in order]
    found = sorted(
        (text, code)
        for code, text in enumerate(texts_of(feature), 1)
        if text is not None and b"\0" not in text
    )
    return [text for text, _ in found], [code for _, code in found]


def _category_tables(feature: Category, place: int, words: dict[str, str]) -> Iterator[str]:
    prefix, real = words["NAME_"], words["REAL"]
    keys, codes = _sorted(feature)
    if raw_type_of(feature) == Raw.TEXT:
        texts = [string(feature.categories[code - 1]) for code in codes] or ["NULL"]
        yield f"static const char *const {prefix}categories_{place}[{len(texts)}] = {{\n"
        yield from (f"    {text},\n" for text in texts)
        yield "};\n"
    else:
        yield from array(f"{prefix}categories_{place}", np.array(keys, float))
    yield f"static const uint32_t {prefix}codes_{place}[{max(1, len(codes))}] = {{\n"
    yield from _in_lines([str(code) for code in codes or [0]])
    if feature.becomes != "codes":
        rows = np.empty((len(feature.categories) + 1, len(feature.flags)))
        feature.write_flags(rows, np.arange(len(rows)))
        yield f"static const {real} {prefix}flags_{place}[{rows.size}] = {{\n"
        single = np.dtype(np.float32 if real == "float" else np.float64)
        yield from _in_lines([number(value, single) for value in rows.ravel()])


def _in_lines(items: Sequence[str]) -> Iterator[str]:
    for first in range(0, len(items), PER_LINE):
        yield f"    {', '.join(items[first : first + PER_LINE])},\n"
    yield "};\n\n"

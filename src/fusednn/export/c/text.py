"""Names, numbers, strings and comments in C99, escaped so that no text of a model ends them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

import numpy as np

KEYWORDS = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if
    inline int long register restrict return short signed sizeof static struct switch typedef
    union unsigned void volatile while alignas alignof bool constexpr false nullptr
    static_assert thread_local true typeof asm catch class const_cast delete dynamic_cast
    explicit export friend mutable namespace new operator private protected public
    reinterpret_cast static_cast template this throw try typeid typename using virtual wchar_t
    and and_eq bitand bitor compl not not_eq or or_eq xor xor_eq fusednn
    """.split()  # noqa: SIM905 - a list would take eighty lines
)
"""Names that models must not have: keywords of C and C++, and the prefix of a library's names."""
PER_LINE = 12
MOST_OF_STRING = 4000
"""In bytes; C99 requires compilers to accept 4095."""


def identifier(name: str | None, path: Path) -> str:
    """The prefix of a file's functions: `name`, or an identifier made from the file's stem.

    Raises
    ------
    ValueError
        If it is not an identifier, or is a keyword.
    """
    found = name
    if found is None:
        found = re.sub("[^A-Za-z0-9_]", "_", path.name.split(".")[0])
        found = found if found[:1].isalpha() or not found.strip("_") else f"model_{found}"
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", found) or found in KEYWORDS:
        advice = "" if name is not None else f" (from the file's name {path.name!r}); pass name="
        raise ValueError(
            "name must be an identifier of C that begins with a letter and is no keyword; got"
            f" {found!r}{advice}"
        )
    return found


def number(value: float, dtype: np.dtype) -> str:
    """A constant of exactly this value and type."""
    return _numbers([float(dtype.type(value))], dtype)


def array(name: str, values: np.ndarray) -> Iterator[str]:
    """The definition of an array of floats, line by line."""
    dtype, flat = values.dtype, values.ravel()
    kind = "float" if dtype == np.float32 else "double"
    yield f"static const {kind} {name}[{flat.size}] = {{\n"
    for first in range(0, flat.size, PER_LINE):
        yield f"    {_numbers(flat[first : first + PER_LINE].tolist(), dtype)},\n"
    yield "};\n\n"


def _numbers(values: list[float], dtype: np.dtype) -> str:
    """Hexadecimal constants: exact, and compilers parse them faster than decimal ones."""
    suffix, zeros = ("f", "0000000p") if dtype == np.float32 else ("", "p")
    infinity = "INFINITY" if dtype == np.float32 else "HUGE_VAL"
    odd = {"inf": infinity, "-inf": f"-{infinity}", "nan": "NAN"}
    return ", ".join(
        value.hex().replace(zeros, "p") + suffix if isfinite(value) else odd[str(value)]
        for value in values
    )


def remark(value) -> str:
    """JSON of a value, for inside a comment."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text.replace("/", r"\u002f").replace("?", r"\u003f")


def string(text: str) -> str:
    """A string constant in UTF-8.

    Raises
    ------
    ValueError
        If it is longer than compilers must accept.
    """
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > MOST_OF_STRING:
        raise ValueError(f"a label of {len(data)} bytes is too long for C: {text[:40]!r}...")
    return '"' + "".join(map(_character, data)) + '"'


def _character(byte: int) -> str:
    plain = 32 <= byte < 127 and byte not in b'"\\?'
    return chr(byte) if plain else f"\\{byte:03o}"


def in_words(text: str, words: dict[str, str]) -> str:
    """Replaces the words of a template, which must not yet contain any text of a model."""
    return _WORD.sub(lambda found: words[found[0]], text)


_WORD = re.compile(r"\b(?:NAME_|MACRO_|(?:REAL|BITS|SQRT|HALF|INLINE)\b)")


def characters(text: str, name: str) -> str:
    """The definition of a zero-terminated array of ASCII characters, of any length."""
    codes = [*text.encode("ascii"), 0]
    lines = [", ".join(map(str, codes[at : at + 24])) for at in range(0, len(codes), 24)]
    return f"static const char {name}[] = {{\n    " + ",\n    ".join(lines) + "\n};\n"

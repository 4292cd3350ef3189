"""Reads text files for language models."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fusednn.command.terminal.errors import UserError
from fusednn.tables.reading.sources import STANDARD_INPUT

OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""By the file's suffix."""


def read_text(path: Path) -> str:
    """
    Read a text in UTF-8, plain or compressed.

    Raises
    ------
    UserError
        If it cannot be read, is in another encoding or empty.
    """
    try:
        if path is STANDARD_INPUT:
            raw = sys.stdin.buffer.read()
        else:
            with OPENERS.get(path.suffix.lower(), lambda path: path.open("rb"))(path) as file:
                raw = file.read()
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not in UTF-8: convert it") from None
    except (EOFError, lzma.LZMAError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    if not text:
        raise UserError(f"{path} is empty: a language model needs a text")
    return text

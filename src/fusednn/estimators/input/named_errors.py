"""Errors of others' checks, which do not know what was checked."""

from __future__ import annotations

import re
from contextlib import contextmanager

_NAMED = re.compile(r"\b(X_val|y_val|sample_weight_val)\b")


@contextmanager
def said_of(what: str):
    """Puts `what` before the messages of errors that do not name it themselves.

    They stay of their type, which must be one of Python's own: others are as they were.
    """
    try:
        yield
    except Exception as error:
        message = str(error)
        if type(error).__module__ != "builtins" or _NAMED.search(message):
            raise
        try:
            other = type(error)(f"{what}: {message}")
        except TypeError:  # of more than a message, such as a UnicodeDecodeError
            raise error from None
        raise other from error

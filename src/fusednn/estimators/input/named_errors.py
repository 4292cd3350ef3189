"""Adds the name of the argument to errors of other libraries' checks."""

from __future__ import annotations

import re
from contextlib import contextmanager

_NAMED = re.compile(r"\b(X_val|y_val|sample_weight_val)\b")


@contextmanager
def said_of(what: str):
    """Puts `what` before messages of errors that do not name a validation argument.

    The type of the error stays. Errors of types that Python does not define are not changed.
    """
    try:
        yield
    except Exception as error:
        message = str(error)
        if type(error).__module__ != "builtins" or _NAMED.search(message):
            raise
        try:
            other = type(error)(f"{what}: {message}")
        except TypeError:  # the type needs more than a message, as UnicodeDecodeError does
            raise error from None
        raise other from error

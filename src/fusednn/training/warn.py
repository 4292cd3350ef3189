"""Warnings that name the user's line, however many wrappers lie between."""

from __future__ import annotations

import sys
import warnings

_OURS = ("fusednn", "sklearn")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns of `message` at the nearest caller outside this library and scikit-learn."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)

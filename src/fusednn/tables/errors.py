"""What tables refuse."""

from __future__ import annotations


class TableError(ValueError):
    """
    A table that cannot be read, or not be learned from; the message is one line.

    Parameters
    ----------
    message : str
    remedy : {"again", "classification", "dtype", "fitted", "target"}, default=None
        What mends it, where the caller's options do: a program that has such options says which.
    """

    def __init__(self, message: str, remedy: str | None = None):
        super().__init__(message)
        self.remedy = remedy

"""Calls of the driver that fail: the first is told, as all others will fail too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from . import refusals


class Failures:
    """Notes the first failure of a GPU.

    Parameters
    ----------
    name : str
        What messages call the GPU.

    Attributes
    ----------
    noted : bool
        Whether there was one.
    """

    def __init__(self, name: str):
        self._name, self._process, self.noted = name, os.getpid(), False

    @property
    def is_forked(self) -> bool:
        """Whether this process is a child of the one that opened the GPU."""
        return self._process != os.getpid()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Inside the `with` a failure says what the user can do.

        Raises
        ------
        RuntimeError
            If a call fails; what fails after that is raised as it is.
        """
        try:
            yield
        except Exception as reason:
            if self.noted:
                raise
            self.noted = True
            raise refusals.failed(self._name, reason) from reason

    def check(self, status: object, success: object) -> None:
        """The same for a status that a call has returned."""
        if status != success:
            with self.told():
                raise RuntimeError(getattr(status, "name", str(status)))

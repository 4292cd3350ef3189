"""Steps in bursts of some 0.1 s: the host waits after each, so that Ctrl-C is answered."""

from __future__ import annotations

import time
from collections.abc import Callable

from .device import Device
from .interrupts import Deferred

WAIT_SECONDS = 0.1
"""How long a burst takes, about."""

MOST_TOGETHER = 1 << 12
"""The most steps of a burst, however short they are."""

Begin = Callable[[int, int, Deferred], None]
"""Begins steps [first, last), or fewer if Ctrl-C was pressed before they have begun."""


class Bursts:
    """Runs steps; a burst has twice as many as the one before until it takes long enough.

    Parameters
    ----------
    device : Device
    begin : callable
    """

    def __init__(self, device: Device, begin: Begin):
        self._device, self._begin, self._together = device, begin, 1

    def run(self, first: int, last: int, meanwhile: Callable[[], None] | None = None) -> None:
        """Runs steps [first, last), and a function of the host during the first of them.

        Raises
        ------
        KeyboardInterrupt
            Between two steps.
        """
        while first < last:
            stop, start = min(first + self._together, last), time.perf_counter()
            with Deferred() as interrupt:
                self._begin(first, stop, interrupt)
                if meanwhile is not None and not interrupt.noted:
                    meanwhile()
                self._device.wait()
            meanwhile = None
            seconds = time.perf_counter() - start
            if seconds > 2 * WAIT_SECONDS:
                self._together = max(1, self._together // 2)
            elif seconds < WAIT_SECONDS / 2 and stop - first == self._together:
                self._together = min(2 * self._together, MOST_TOGETHER)
            first = stop

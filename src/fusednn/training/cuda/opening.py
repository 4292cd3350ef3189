"""Opens devices by the names that estimators take."""

from __future__ import annotations

from collections.abc import Callable

from .device import Device


def _gpu() -> Device:
    from .gpu import open_gpu  # imports what compiles for GPUs

    return open_gpu()


OPENED: dict[str, Callable[[], Device]] = {"cuda": _gpu}
"""What opens each kind of device."""


def opened(name: str) -> Device:
    """Opens a device.

    Raises
    ------
    ImportError, RuntimeError
        As `gpu.open_gpu` does.
    """
    return OPENED[name]()

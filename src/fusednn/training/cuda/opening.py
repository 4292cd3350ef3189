"""Opens devices by the names that estimators take."""

from __future__ import annotations

from collections.abc import Callable

from .device import Device

OPENED: dict[str, Callable[[], Device]] = {}
"""What opens each kind of device."""


def opened(name: str) -> Device:
    """Opens a device.

    Raises
    ------
    RuntimeError
        If there is none of this name.
    """
    if name not in OPENED:
        raise RuntimeError(f"device={name!r} is not to be had here; use device='cpu'.")
    return OPENED[name]()

"""The modes in which a device runs programs, chosen by tests."""

import pytest
from running.host_device import HostDevice

from fusednn.plan.cuda.modes import ALONE, LAUNCHES, TOGETHER
from fusednn.training.cuda import preparing

MODES = pytest.mark.parametrize("mode", [LAUNCHES, TOGETHER, ALONE])


def run_in(mode, monkeypatch, device=HostDevice):
    """All programs run in one mode; a block's shared memory has room for any of a test."""
    monkeypatch.setattr(preparing, "mode_of", lambda *given: mode)
    monkeypatch.setattr(device, "shared", 1 << 28)

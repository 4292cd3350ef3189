"""Ops over windows neither read nor write behind their arrays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="mprotect is a function of Unix")
def test_memory_behind_arrays_is_not_touched():
    """In a process of its own, since it would end with a signal."""
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(TESTS / "running" / "guarded_ops.py")]
    found = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]

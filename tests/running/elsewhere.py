"""Tests in another process, where another instruction set is forced or the JIT is off."""

import os
import subprocess
import sys


def run_pytest(changes, *arguments):
    """Runs pytest with changes to the environment; all that it runs must pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **changes}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout

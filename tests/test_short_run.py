"""The marks `long` and `thinned`, in a process of pytest's own."""

import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from short_run import covering

PROJECT = Path(__file__).resolve().parents[1]
GRID = """
import pytest

@pytest.mark.thinned
@pytest.mark.parametrize("a", range(3))
@pytest.mark.parametrize(("b", "c"), [(0, 1), (2, 3)])
def test_grid(a, b, c): pass

@pytest.mark.long
def test_long(): pass

def test_short(): pass
"""
ONLY_LONG = """
import pytest

@pytest.mark.long
def test_long(): pass
"""


def collected(folder, *arguments, **files):
    """What pytest says it would run, with the project's settings."""
    (folder / "tests").mkdir()
    for name, text in files.items():
        (folder / "tests" / f"{name}.py").write_text(text)
    shutil.copy(PROJECT / "pyproject.toml", folder)
    shutil.copy(PROJECT / "tests" / "short_run.py", folder)
    plugins = "-p", "pytest_timeout", "-p", "short_run"
    command = [sys.executable, "-m", "pytest", *plugins, "--collect-only", "-q", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout.split("\n\n")[0].split(), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["test_grid[0-1-0]", "test_grid[2-3-1]", "test_grid[0-1-2]", "test_short"]),
        (
            ["-m", "long"],
            ["test_grid[0-1-1]", "test_grid[2-3-0]", "test_grid[2-3-2]", "test_long"],
        ),
        (["tests/test_a.py::test_grid[0-1-1]"], ["test_grid[0-1-1]"]),
    ],
)
def test_short_and_long_are_all(arguments, names, tmp_path):
    code, found, printed = collected(tmp_path, *arguments, test_a=GRID)
    assert code == 0, printed
    assert sorted(found) == sorted(f"tests/test_a.py::{name}" for name in names)


def test_a_module_that_is_all_long_is_refused(tmp_path):
    code, _, printed = collected(tmp_path, test_a=GRID, test_b=ONLY_LONG)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "test_b.py is marked long" in printed


def test_few_tests_have_every_value():
    sizes = (2, 5, 3)
    places = [frozenset(enumerate(place)) for place in product(*map(range, sizes))]
    few = covering(places)
    assert len(few) == max(sizes)
    assert frozenset().union(*few) == frozenset().union(*places)

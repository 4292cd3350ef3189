"""Folders of tests run in several processes, modules in one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import joblib
import pytest
from side_by_side import MOST, pytest_cmdline_main

HERE = Path(__file__).parent
WHO = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(40))
def test_who(number):
    pathlib.Path("who", str(os.getpid())).touch()
"""


def chosen(cpus, monkeypatch, *arguments, **options):
    """The processes and how they divide the tests, by the options that pytest-xdist reads."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(joblib, "cpu_count", lambda: cpus)
    defaults = {"numprocesses": None, "dist": "no", "usepdb": False, "trace": False}
    option = SimpleNamespace(**defaults | {"capture": "fd"} | options)
    invoked = SimpleNamespace(dir=HERE, args=arguments)
    paths = [one for one in arguments if not one.startswith("--")]
    pytest_cmdline_main(SimpleNamespace(option=option, invocation_params=invoked, args=paths))
    return option.numprocesses, option.dist


@pytest.mark.parametrize(("cpus", "workers"), [(1, None), (2, 2), (64, MOST)])
@pytest.mark.parametrize("paths", [["."], ["plan"], ["plan", "test_imports.py"], [str(HERE)]])
def test_folders_have_a_process_for_each_cpu(cpus, workers, paths, monkeypatch):
    expected = workers, "worksteal" if workers else "no"
    assert chosen(cpus, monkeypatch, *paths) == expected


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["test_imports.py"], {}),
        (["test_imports.py::test_names", "test_short_run.py"], {}),
        (["."], {"usepdb": True}),
        (["."], {"trace": True}),
        ([".", "--dist=no"], {}),
        (["."], {"capture": "no"}),
    ],
)
def test_others_have_one(arguments, options, monkeypatch):
    assert chosen(2, monkeypatch, *arguments, **options) == (None, "no")


@pytest.mark.parametrize(("before", "expected"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_each_process_has_one_thread_of_blas(before, expected, monkeypatch):
    monkeypatch.setattr(os, "environ", before)
    chosen(2, monkeypatch, ".")
    assert os.environ["OPENBLAS_NUM_THREADS"] == expected


def test_another_way_to_divide_the_tests_is_kept(monkeypatch):
    assert chosen(2, monkeypatch, ".", "--dist=loadfile", dist="loadfile") == (2, "loadfile")


@pytest.mark.parametrize("number", [0, 8, "auto"])
def test_the_command_line_decides(number, monkeypatch):
    assert chosen(2, monkeypatch, ".", numprocesses=number) == (number, "no")


XDIST = "-p", "xdist.plugin"


@pytest.mark.parametrize(
    ("arguments", "processes"),
    [
        ([*XDIST, "tests"], min(joblib.cpu_count(), MOST)),
        ([*XDIST, "tests/test_a.py"], 1),
        ([*XDIST, "tests", "-n0"], 1),
        (["tests"], 1),  # without pytest-xdist
    ],
)
def test_in_processes(arguments, processes, tmp_path):
    (tmp_path / "who").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(WHO)
    shutil.copy(HERE / "side_by_side.py", tmp_path / "tests" / "conftest.py")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "40 passed" in done.stdout, done.stdout + done.stderr
    assert len(list((tmp_path / "who").iterdir())) == processes

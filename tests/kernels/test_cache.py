"""The disk cache of compiled kernels, in processes of its own: a fault may end a process."""

import errno
import json
import os
import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import json, os, sys, warnings
import numpy as np
from numba import float64
from numba.core.ccallback import CFunc
from fusednn.kernels import _cache
from fusednn.kernels._jit import OPTIONS, entry

def total(x):
    result = x[0]
    for i in range(1, x.shape[0]):
        result += x[i]
    return result

def square(x):
    return x * x

def totals():
    compiled = entry(total)
    return [float(compiled(np.arange(4, dtype=dtype))) for dtype in ("f4", "f8")]

def closure(k):
    return lambda x: x * k

def fail(*args, **kwargs):
    raise RuntimeError("broken on purpose")

with warnings.catch_warnings(record=True) as caught:
    if not sys.warnoptions:
        warnings.simplefilter("always")
    exec(sys.argv[1])
messages = [f"{w.category.__name__}: {w.message}" for w in caught]
print(json.dumps({"answer": answer, "warnings": messages, **_cache.statistics(),
                  "directory": _cache.cache_directory()}))
"""

TOTALS = "answer = totals()"
RIGHT = [6.0, 6.0]

DAMAGE = """
import pathlib, random
answer = []
totals()
directory = pathlib.Path(_cache.cache_directory())
for case in {cases}:
    draw = random.Random(case)
    for path in directory.iterdir():
        data = bytearray(path.read_bytes())
        if case < 8:
            data = data[: (0, 1, 15, 16, 47, 48, len(data) // 2, len(data) - 1)[case]]
        elif case < 16:
            data[case * 3] ^= 1 << draw.randrange(8)
        else:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
    before = _cache.statistics()["hits"]
    answer.append(totals())
    assert _cache.statistics()["hits"] == before
    totals()
    assert _cache.statistics()["hits"] == before + 2
"""

CALLBACK = """
callback = CFunc(square, ((float64,), float64), {}, OPTIONS)
callback._cache = _cache.DiskCache(square, "callback")
callback.compile()
answer = callback.ctypes(3.0)
"""

NOT_KEPT = """
import ctypes
space = {}
exec("def unfiled(x): return x + 1", space)
address = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(abs)
def dynamic(x):
    return address(x)
unkept = space["unfiled"], closure(2), closure(3)
answer = [entry(function)(2) for function in unkept]
compiled = entry(total)
compiled._cache.disable()
answer.append(float(compiled(np.arange(4))))
globals()["address"] = address
from numba.core.registry import cpu_target
answer.append(entry(dynamic)(-2.0))
"""

FLUSH = """
totals()
entry(total)._cache.flush()
left = len(os.listdir(_cache.cache_directory()))
answer = [left, *totals(), *totals()]
"""


def start(folder, body=TOTALS, flags=(), **variables):
    program = next(path for path in folder.parents if path.is_dir()) / "program.py"
    program.write_text(PROGRAM)
    prefixes = "FUSEDNN_", "NUMBA_"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(prefixes)}
    environment |= {"FUSEDNN_CACHE_DIR": str(folder), **variables}
    return subprocess.Popen(
        [sys.executable, *flags, str(program), body],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    with process:
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    return json.loads(output)


def run(folder, body=TOTALS, flags=(), **variables):
    return finish(start(folder, body, flags, **variables))


def files(result):
    return sorted(os.listdir(result["directory"]))


def counts(result):
    return [result[name] for name in ("hits", "misses", "saved", "failures")]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache that one process has filled; only for tests that leave it whole."""
    folder = tmp_path_factory.mktemp("kept") / "not" / "there"
    folder.parent.mkdir()
    return folder, run(folder, flags=["-W", "error"])


@pytest.fixture
def copy(kept, tmp_path):
    return shutil.copytree(kept[0], tmp_path / "copy")


def test_two_signatures_are_kept_and_found(kept):
    folder, cold = kept
    assert cold["answer"] == RIGHT
    assert counts(cold) == [0, 2, 2, 0]
    assert len(files(cold)) == 2
    if os.name == "posix":
        umask = os.umask(0o077)
        os.umask(umask)
        for path in (folder, *folder.rglob("*")):
            wanted = 0o644 if path.is_file() else 0o755 & ~umask
            assert path.stat().st_mode & 0o777 == wanted
    warm = run(folder, flags=["-W", "error"])
    assert warm["answer"] == RIGHT
    assert counts(warm) == [2, 0, 0, 0]
    assert warm["directory"] == cold["directory"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FUSEDNN_SHAPE", "plain"),
        pytest.param("NUMBA_OPT", "1", marks=pytest.mark.long),
        pytest.param("NUMBA_BOUNDSCHECK", "1", marks=pytest.mark.long),
        pytest.param("NUMBA_CPU_NAME", "generic", marks=pytest.mark.long),
    ],
)
def test_other_options_miss(kept, copy, name, value):
    result = run(copy, **{name: value})
    assert counts(result) == [0, 2, 2, 0]
    assert os.path.basename(result["directory"]) != os.path.basename(kept[1]["directory"])


@pytest.mark.parametrize(
    "kind",
    [
        "writable by others",
        "read-only",
        *(pytest.param(kind, marks=pytest.mark.long) for kind in ("file", "below a file")),
    ],
)
def test_unusable_directory_is_one_warning(tmp_path, kind):
    folder = tmp_path / "cache"
    if kind == "writable by others":
        folder.mkdir()
        folder.chmod(0o770)
    elif kind == "read-only":
        folder.mkdir(0o500)
    else:
        folder.write_text("")
    if os.name != "posix" and not folder.is_file():
        pytest.skip("needs POSIX permissions")
    if kind == "read-only" and os.geteuid() == 0:
        pytest.skip("permissions do not bind this user")
    result = run(folder / "below" if kind == "below a file" else folder)
    assert result["answer"] == RIGHT
    assert result["failures"] > 0
    assert len(result["warnings"]) == 1
    assert result["warnings"][0].startswith("CacheWarning")
    assert "FUSEDNN_CACHE_DIR" in result["warnings"][0]
    assert folder.is_file() or not os.listdir(folder)


NO_SPACE = f"""
def replace(*paths):
    raise OSError({errno.ENOSPC}, os.strerror({errno.ENOSPC}))
os.replace = replace
"""
SMALL_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
"""


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(NO_SPACE, id="full"),
        pytest.param(SMALL_FILES, id="limit", marks=pytest.mark.long),
        pytest.param("_cache.dumps = fail", id="unpicklable", marks=pytest.mark.long),
    ],
)
def test_failed_save_is_one_warning(tmp_path, fault):
    if fault is SMALL_FILES and os.name != "posix":
        pytest.skip("needs POSIX limits")
    result = run(tmp_path / "cache", fault + "\n" + TOTALS)
    assert result["answer"] == RIGHT
    assert counts(result) == [0, 2, 0, 2]
    assert len(result["warnings"]) == 1
    assert files(result) == []


def test_failed_rebuild_is_a_miss(copy):
    result = run(copy, "_cache._CODEC.rebuild = fail\n" + TOTALS)
    assert result["answer"] == RIGHT
    assert counts(result) == [0, 2, 2, 2]
    assert len(result["warnings"]) == 1


@pytest.mark.parametrize(
    "cases", [(0, 48, 9), *(pytest.param((k, 48, 5), marks=pytest.mark.long) for k in range(1, 5))]
)
def test_damaged_files_are_misses_and_are_replaced(cases, copy):
    result = run(copy, DAMAGE.format(cases=range(*cases)))
    count = len(range(*cases))
    assert result["answer"] == [RIGHT] * count
    assert result["failures"] == 2 * count
    assert len(result["warnings"]) == 1
    assert run(copy)["hits"] == 2


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_files_that_others_can_write_to_are_misses_and_are_replaced(copy):
    files = list(copy.rglob("*.kernel"))
    for path in files:
        path.chmod(0o664)
    result = run(copy)
    assert result["answer"] == RIGHT
    assert counts(result) == [0, 2, 2, 2]
    assert "can be written to by other users" in result["warnings"][0]
    assert all(path.stat().st_mode & 0o022 == 0 for path in files)


def test_two_cold_processes_at_once(tmp_path):
    folder = tmp_path / "cache"
    both = [start(folder, flags=["-W", "error"]) for _ in range(2)]
    for result in [finish(process) for process in both]:
        assert result["answer"] == RIGHT
        assert result["failures"] == 0
    assert len(files(result)) == 2
    assert run(folder)["hits"] == 2


def test_callback_is_found(tmp_path):
    found = [counts(run(tmp_path / "cache", CALLBACK)) for _ in range(2)]
    assert found == [[0, 1, 1, 0], [1, 0, 0, 0]]


def test_what_cannot_be_kept_is_compiled(tmp_path):
    result = run(tmp_path / "cache", NOT_KEPT)
    assert result["answer"] == [3, 4, 6, 6.0, 2.0]
    assert counts(result) == [0, 4, 0, 0]
    assert result["warnings"] == []
    assert not (tmp_path / "cache").exists()


def test_flush_removes_the_files_of_one_function(copy):
    result = run(copy, FLUSH)
    assert result["answer"] == [0, *RIGHT, *RIGHT]
    assert counts(result) == [4, 2, 2, 0]

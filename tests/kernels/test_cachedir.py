"""Where compiled kernels are kept: the directory, its name by a digest, old ones removed."""

import os
import shutil
import time

import pytest
from fusednn.kernels import _cache, _cachedir


def test_foreign_directory_is_refused(tmp_path, monkeypatch):
    if os.name != "posix":
        pytest.skip("needs POSIX owners")
    owner = os.geteuid()
    if owner == 0:
        os.chown(tmp_path, 4711, -1)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(_cachedir, "code_digest", lambda: "0" * 20)
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(tmp_path))
    with pytest.raises(PermissionError, match="another user"):
        _cachedir.kernel_directory()
    assert _cache.cache_directory() is None


@pytest.fixture
def tree(tmp_path):
    tree = shutil.copytree(
        _cachedir.KERNELS, tmp_path / "tree", ignore=shutil.ignore_patterns("__pycache__")
    )
    for path in tree.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    return tree


def test_digest_follows_every_source(tree):
    def edit(path, text):
        path.write_text(text)
        os.utime(path, (1e9, 1e9))
        return _cachedir.source_digest(tree)

    sources = tree / "intrinsics" / "scalars.py", tree / "_jit.py", tree / "new.py"
    digests = [_cachedir.source_digest(tree)]
    digests += [edit(path, "# edited") for path in sources]
    sources[2].rename(tree / "renamed.py")
    digests.append(_cachedir.source_digest(tree))
    assert None not in digests
    assert len(set(digests)) == 5
    (tree / "notes.txt").write_text("no source")
    assert edit(tree / "cuda" / "twins.py", "# for GPUs alone") == digests[-1]
    assert _cachedir.source_digest(tree) == digests[-1]


def test_no_digest_of_sources_that_changed_since_the_start(tree, tmp_path):
    os.utime(tree / "_jit.py")
    assert _cachedir.source_digest(tree) is None
    later = time.time() + 1e6
    os.utime(tree / "_jit.py", (later, later))
    assert _cachedir.source_digest(tree)
    assert _cachedir.source_digest(tmp_path / "empty") is None


def test_root_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("FUSEDNN_CACHE_DIR", raising=False)
    monkeypatch.setattr(_cachedir.config, "CACHE_DIR", str(tmp_path))
    assert _cachedir.root_directory() == str(tmp_path / "fusednn")
    monkeypatch.setattr(_cachedir.config, "CACHE_DIR", "")
    monkeypatch.setattr(_cachedir.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert _cachedir.root_directory() == str(tmp_path / "xdg" / "fusednn")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(OSError, match="home"):
        _cachedir.root_directory()
    assert _cache.cache_directory() is None


def make_digests(root, ages):
    for number, age in enumerate(ages):
        path = root / f"kernels-{number:020x}"
        path.mkdir()
        (path / "one.kernel").write_bytes(b"")
        os.utime(path, (time.time() - age, time.time() - age))


def test_old_digests_are_pruned(tmp_path):
    make_digests(tmp_path, [10 * day * 86400 + 10 for day in range(12)])
    (tmp_path / "mine").mkdir()
    _cachedir._prune(str(tmp_path), str(tmp_path / f"kernels-{11:020x}"))
    left = {int(path.name[8:], 16) for path in tmp_path.glob("kernels-*")}
    assert left == {*range(7), 11}
    assert (tmp_path / "mine").exists()


def test_digests_in_use_are_not_pruned(tmp_path):
    make_digests(tmp_path, [60] * 12)
    _cachedir._prune(str(tmp_path), str(tmp_path / "kernels-none"))
    assert len(list(tmp_path.iterdir())) == 12


def test_clear_says_what_it_cannot_remove(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    make_digests(tmp_path, [0])

    def refuse(path, *arguments, **options):
        raise PermissionError(f"{path} stays")

    monkeypatch.setattr(os, "rmdir", refuse)
    with pytest.raises(PermissionError, match="stays"):
        _cache.clear()


def test_clear(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSEDNN_CACHE_DIR", str(tmp_path / "root"))
    assert _cache.clear() == 0
    (tmp_path / "root").mkdir(0o700)
    make_digests(tmp_path / "root", [0, 1e6])
    (tmp_path / "root" / "mine").write_text("kept")
    assert _cache.clear() == 2
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["mine"]

"""Files on the disk: permissions, failures, readers at the same time, links."""

import os
import stat
import threading
from pathlib import Path

import pytest
import safetensors.numpy
from cases.saved_models import X
from running.saved_predictors import assert_same_array, small

from fusednn import load
from fusednn.serving.files import replacing


def test_no_file_is_open_or_mapped_while_the_predictor_lives(tmp_path):
    path = tmp_path / "model"
    small().save(path)
    loaded = load(path)
    if os.path.exists("/proc/self/maps"):
        assert str(path) not in Path("/proc/self/maps").read_text()
        opened = [os.path.realpath(found.path) for found in os.scandir("/proc/self/fd")]
        assert str(path) not in opened
    before = loaded(X)
    path.write_bytes(b"other")
    path.unlink()
    assert_same_array(loaded(X), before)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_a_new_file(mask, tmp_path):
    if os.name != "posix":
        pytest.skip("permission bits are POSIX's")
    old = os.umask(mask)
    try:
        small().save(tmp_path / "model")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("step", ["save_file", "fsync", "replace", "chmod"])
def test_a_save_that_fails_leaves_the_old_file(step, tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.write_bytes(b"the old one")

    def fail(*args, **kwargs):
        if step == "save_file":  # some of it is written
            Path(args[1]).write_bytes(b"half")
        raise OSError("the disk is full")

    where = safetensors.numpy if step == "save_file" else replacing.os
    monkeypatch.setattr(where, step, fail)
    with pytest.raises(OSError, match="disk is full"):
        small().save(path)
    assert path.read_bytes() == b"the old one"
    assert [found.name for found in tmp_path.iterdir()] == ["model"]


def test_an_error_of_the_library_is_one_of_the_system(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise safetensors.SafetensorError("No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", fail)
    with pytest.raises(OSError, match="model could not be written: No space left"):
        small().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_contents_are_on_the_disk_before_the_name(tmp_path, monkeypatch):
    calls = []

    def noted(name):
        function = getattr(os, name)

        def call(*args):
            kind = "folder" if name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode) else ""
            calls.append(kind or name)
            return function(*args)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(replacing.os, name, noted(name))
    small().save(tmp_path / "model")
    assert calls == ["fsync", "replace", *["folder"] * (os.name == "posix")]


def test_readers_meet_whole_files_while_one_saves(tmp_path):
    path = tmp_path / "model"
    small().save(path)
    over, wrong = threading.Event(), []

    def read():
        while not over.is_set():
            try:
                assert (load(path)(X[:1]) == small()(X[:1])).all()
            except BaseException as error:
                wrong.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(60):
        small().save(path)
    over.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_links_are_followed_and_other_things_are_not_replaced(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "model")
    small().save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert_same_array(load(tmp_path / "model")(X), small()(X))
    with pytest.raises(IsADirectoryError):
        small().save(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular file"):
        small().save(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError):
        small().save(tmp_path / "none" / "model")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)

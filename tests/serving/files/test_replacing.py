"""Files are replaced whole or not at all."""

import os
from pathlib import Path

import pytest

from fusednn.serving.files.replacing import replacing


def write(path, data):
    with replacing(path) as beside:
        Path(beside).write_bytes(data)


def test_new_and_replaced(tmp_path):
    path = tmp_path / "file"
    write(path, b"first")
    assert path.read_bytes() == b"first"
    write(str(path), b"the second")
    assert path.read_bytes() == b"the second"
    assert os.listdir(tmp_path) == ["file"]


def test_others_may_read_as_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_was_there_stays_if_a_step_fails(step, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"first")

    def fails(*args):
        raise OSError("no space left")

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(OSError, match="no space left"):
        write(path, b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["file"]


def test_links_stay(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "file", tmp_path / "link"
    link.symlink_to(target)
    write(link, b"content")
    assert link.is_symlink()
    assert target.read_bytes() == b"content"


def test_a_directory_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "no" / "file", b"")

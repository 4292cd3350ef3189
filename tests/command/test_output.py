"""Files that a command writes."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from fusednn.command.terminal.errors import UserError
from fusednn.command.terminal.output import check_form, replacing, text_file


def test_a_file_is_replaced_when_all_is_well(tmp_path):
    path, link = tmp_path / "out", tmp_path / "link"
    path.write_text("old")
    link.symlink_to(path)

    def interrupted():
        with replacing(link) as place:
            place.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    with replacing(link) as place:
        place.write_text("new")
    assert (path.read_text(), link.is_symlink()) == ("new", True)
    assert sorted(tmp_path.iterdir()) == [link, path]
    with pytest.raises(UserError, match="cannot be written"), replacing(tmp_path / "no" / "out"):
        pass


@pytest.mark.parametrize(
    ("suffix", "opened"), [(".gz", gzip.open), (".BZ2", bz2.open), (".xz", lzma.open)]
)
def test_text_is_compressed_as_its_name_says(tmp_path, suffix, opened):
    written = []
    for name in ("a", "b"):
        with text_file(tmp_path / name, suffix, encoding="utf-8", newline="") as file:
            file.write("größe\n1\n" * 1000)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    with opened(tmp_path / "a", "rt", encoding="utf-8") as file:
        assert file.read() == "größe\n1\n" * 1000


def test_names_for_what_is_not_written():
    for name in ("a", "a.csv", "a.csv.gz", "a.parquet", "a.b.pq", "a.GZ"):
        check_form(Path(name))
    for name in ("a.zip", "a.csv.zst", "a.xlsx", "a.parquet.gz"):
        with pytest.raises(UserError, match="names a format that is not written: end it in"):
            check_form(Path(name))

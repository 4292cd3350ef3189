"""Files that a command writes."""

import pytest

from fusednn.command.errors import UserError
from fusednn.command.output import replacing


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

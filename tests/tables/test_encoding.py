"""How a table's encoding is learned, kept and applied, and how its file is read."""

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from fusednn.command.data.narration import notes_on_encoding
from fusednn.tables.inputs import Numbers, Words
from fusednn.tables.labelled import labelled_table
from fusednn.tables.learning import learned_encoding
from fusednn.tables.reading import sources, table_reader
from fusednn.tables.reading.table_reader import blocks_of, read_table
from fusednn.tables.tabular import Tabular


def table_of(tmp_path, text, **options):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return read_table(path, **options)


def learned(tmp_path, text, target="y", rows=None):
    labelled = labelled_table(table_of(tmp_path, text), target)
    rows = np.arange(len(labelled.y)) if rows is None else rows
    found = learned_encoding(labelled.table, labelled.place, rows)
    return found.encoding, labelled, notes_on_encoding(found, labelled.table)


def lines(columns, rows):
    return columns + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)


def test_medians_and_categories_are_of_the_training_rows(tmp_path):
    text = lines("a,b,y", [(i if i else "", "uvw"[i // 4], i / 8) for i in range(12)])
    encoding, labelled, _ = learned(tmp_path, text, rows=np.arange(8))
    assert encoding.inputs == (Numbers("a", 4.0), Words("b", ("u", "v")))
    X = encoding.encode(labelled.table, "float64")
    np.testing.assert_array_equal(X[:, 0], [4, *range(1, 12)])
    np.testing.assert_array_equal(X[:, 1:], [[1, 0]] * 4 + [[0, 1]] * 4 + [[0, 0]] * 4)
    np.testing.assert_array_equal(encoding.flags, [False, True, True])


def test_commonest_categories_have_an_input(tmp_path):
    rows = [(f"w{min(i % 100, i % 7)}", i / 3) for i in range(700)]
    rows += [(f"rare{i}", 1.5) for i in range(60)]
    encoding, _, _ = learned(tmp_path, lines("word,y", rows))
    counts = pd.Series([word for word, _ in rows]).value_counts()
    [words] = encoding.inputs
    assert len(words.categories) == 50
    assert set(words.categories) >= set(counts[counts > 1].index)


def test_missing_values_in_any_spelling_are_one_category(tmp_path):
    rows = [(("red", "", "NA", "Null", "?")[i % 5], i / 3) for i in range(40)]
    encoding, _, notes = learned(tmp_path, lines("colour,y", rows))
    assert encoding.inputs == (Words("colour", (None, "red")),)
    assert encoding.names == ["colour=?", "colour=red"]
    assert "32 missing values: medians, or a category of their own" in notes


def test_an_index_without_a_name_is_left_out(tmp_path):
    frame = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20) / 3})
    encoding, _, notes = learned(tmp_path, frame.to_csv())
    assert [part.name for part in encoding.inputs] == ["x"]
    assert "left out Unnamed: 0 (an index without a name)" in notes
    frame.index = [2, 2] * 10  # no index, whatever its name
    encoding, _, _ = learned(tmp_path, frame.to_csv())
    assert [part.name for part in encoding.inputs] == ["Unnamed: 0", "x"]


def test_words_among_numbers_are_told(tmp_path):
    rows = [("3+" if i % 4 == 3 else i % 4, i / 3) for i in range(60)]
    encoding, _, notes = learned(tmp_path, lines("x,y", rows))
    assert notes[0] == "x is taken as words, for it is '3+' in line 5"
    assert encoding.inputs == (Words("x", ("0", "1", "2", "3+")),)


def test_columns_of_one_name_are_told_apart(tmp_path):
    text = lines("a,a,a.1,a", [(1, 2, 3, 4), (5, 6, 7, 8)])
    assert table_of(tmp_path, text).names == ["a", "a.2", "a.1", "a.3"]


def test_notes_are_json_and_come_back(tmp_path):
    rows = [(i / 7, ("red", "é\n", "")[i % 3], ("no", "yes")[i % 2]) for i in range(30)]
    encoding, labelled, _ = learned(tmp_path, lines("a,b,y", rows).replace("é\n", '"é\n"'))
    tabular = Tabular(encoding, labelled.target, (1 / 3, 1e-9))
    text = json.dumps(tabular.to_notes(), allow_nan=False)
    assert Tabular.from_notes(json.loads(text), tmp_path) == tabular


# -- files -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_blocks_make_up_the_whole(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(table_reader, "BLOCK_ROWS", 6)
    frame = pd.DataFrame({"a": np.arange(20) / 3, "b": list("xyzx") * 5, "c": [None, True] * 10})
    path = tmp_path / f"t.{suffix}"
    frame.to_parquet(path) if suffix == "parquet" else frame.to_csv(path, index=False)
    whole, blocks, shares = read_table(path), [], []
    source = blocks_of(path)
    for block in source:
        blocks.append(block)
        shares.append(source.share())
    assert [block.rows for block in blocks] == [6, 6, 6, 2]
    assert shares == sorted(shares)
    for i, column in enumerate(whole.columns):
        parts = [block.columns[i] for block in blocks]
        assert [c.name for c in parts] == [column.name] * 4
        texts = [text for c in parts for text in c.texts()]
        assert texts == column.texts()
    assert [block.place(1) for block in blocks] == [whole.place(row) for row in (1, 7, 13, 19)]
    assert whole.place(19) == ("row 20" if suffix == "parquet" else "line 21")


def test_the_delimiter_that_gives_the_columns_is_taken(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("my size;word, or two\n1;a, b\n2;c, d\n")
    wanted = {"my size", "word, or two"}
    [table] = blocks_of(path, lambda row: set(row) == wanted, True)
    assert table.columns[1].values == ["a, b", "c, d"]


def test_any_encoding_is_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK_BYTES", 16)
    text = lines("größe,wort", [(i, "çédille€"[: i % 9]) for i in range(1, 40)])
    for encoding, compress in (
        ("utf-8", False),
        ("utf-8-sig", True),
        ("cp1252", False),
        ("latin-1", False),
    ):
        # \x81 has no meaning in cp1252
        sign = "\x81" if encoding == "latin-1" else "€"
        data = text.replace("€", sign).encode(encoding)
        (tmp_path / "t").write_bytes(gzip.compress(data) if compress else data)
        table = read_table(tmp_path / "t")
        assert table.names == ["größe", "wort"]
        assert f"çédille{sign}" in table.columns[1].values


def test_parquet_values_are_those_of_text(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": [1.0, None, 3.0],
            "tenth": np.array([0.1, 0.2, np.inf]),
            "flag": [True, False, None],
            "bytes": [b" x", b"y", None],
            "category": pd.Categorical(["b", None, "a"]),
            "none": [None, None, None],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    texts = {c.name: c.texts() for c in table.columns}
    assert texts == {
        "whole": ["1", "", "3"],
        "tenth": ["0.1", "0.2", "inf"],
        "flag": ["True", "False", ""],
        "bytes": ["x", "y", ""],
        "category": ["b", "", "a"],
        "none": ["", "", ""],
    }


def test_columns_of_one_name_in_parquet(tmp_path):
    columns = [pyarrow.array([number, number]) for number in range(4)]
    table = pyarrow.Table.from_arrays(columns, ["a", "a", "", "a.1"])
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    whole, [block] = read_table(tmp_path / "t.parquet"), blocks_of(tmp_path / "t.parquet")
    for found in (whole, block):
        assert found.names == ["a", "a.2", "Unnamed: 2", "a.1"]
        assert [column.texts()[0] for column in found.columns] == list("0123")

"""Files in any encoding and compression: the rows that were written, or a refusal."""

import bz2
import codecs
import gzip
import io
import lzma
import sys
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fusednn.tables.errors import TableError
from fusednn.tables.reading import compression, csv_arrow, sources
from fusednn.tables.reading.sources import STANDARD_INPUT, Source
from fusednn.tables.reading.table_reader import blocks_of, read_table

ROWS = [(f"{i}.5", f"größe {i % 7}, 猫", "ja" if i % 3 else "nein") for i in range(60)]
TEXT = "zahl\twort\tziel\r\n" + "".join("\t".join(row) + "\r\n" for row in ROWS)


@pytest.fixture(params=["pyarrow", "csv"])
def reader(request, monkeypatch):
    """Each of the two reads all text."""
    if request.param == "csv":
        monkeypatch.setattr(csv_arrow, "pyarrow_or_none", lambda: None)
    return request.param


def rows_of(table):
    return list(zip(*(column.texts() for column in table.columns), strict=True))


def check(path):
    """Whole and in blocks."""
    table = read_table(path)
    assert table.names == ["zahl", "wort", "ziel"]
    assert rows_of(table) == ROWS
    assert table.place(9) == "line 11"
    assert [row for block in blocks_of(path) for row in rows_of(block)] == ROWS


def zipped(data, name="t.csv", method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("__MACOSX/._t.csv", b"\0\5\26\7")
        archive.writestr("folder/", b"")
        archive.writestr(name, data)
    return file.getvalue()


def zstandard(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
    "stored": lambda data: zipped(data, method=zipfile.ZIP_STORED),
    "zst": zstandard,
}

# -- encodings ---------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1 << 20, 7])
@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_encodings(tmp_path, reader, monkeypatch, encoding, mark, block):
    monkeypatch.setattr(sources, "BLOCK_BYTES", block)
    data = ("\ufeff" * mark + TEXT).encode(encoding)
    (tmp_path / "t.txt").write_bytes(data)
    check(tmp_path / "t.txt")
    (tmp_path / "t.zip").write_bytes(zipped(data))
    check(tmp_path / "t.zip")


def test_spaces_before_quotes_in_a_wide_encoding(tmp_path, reader):
    text = 'a, b\n1, "x, y"\n2, "z"\n'
    (tmp_path / "t.csv").write_bytes(text.encode("utf-16"))
    assert read_table(tmp_path / "t.csv").columns[1].texts() == ["x, y", "z"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            "a,b\n1,2\n".encode("utf-16") + b"\0",
            "is damaged, or not text: it begins like utf-16",
        ),
        ("a,b\n1,2\n".encode("utf-16-le") + b"\0\xd8\1\0", ".*begins like utf-16-le"),
        ("a,b\n1,2\n".encode("utf-32-be") + b"\1\1\1\1", ".*begins like utf-32-be"),
        ("a,b\n1,\0\n".encode("utf-16"), "is not a text file"),
        (b"a,b\n1,\0\n", "is not a text file"),
        (b"\x93NUMPY\1\0v\0", "is not a text file"),
        (codecs.BOM_UTF8 + b"a,b\n1,2\n3,\xe9\n", ", line 3 is not UTF-8"),
        (codecs.BOM_UTF16_LE, "is empty"),
        (codecs.BOM_UTF8 + b"\n \n", "is empty"),
    ],
)
def test_what_is_no_text(tmp_path, data, expected):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(TableError, match=f"t.csv ?{expected}"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("block", [1 << 20, 7])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bad", [b"gr\xf6\xdfe", b"\xc3", b"\xe7\x8c", b"\xed\xa0\x80"])
@pytest.mark.parametrize(
    ("mark", "before", "after"),
    [("", "größe", "x"), ("", "x", "größe"), ("\ufeff", "x", "x")],
)
def test_two_encodings_in_one_file(tmp_path, monkeypatch, mark, before, after, bad, end, block):
    monkeypatch.setattr(sources, "BLOCK_BYTES", block)
    lines = [f"{i},{before if i < 10 else after}".encode() for i in range(20)]
    lines[10] = b"10," + bad
    data, path = mark.encode() + end.encode().join(lines), tmp_path / "t.csv"
    for written in (data, gzip.compress(data)):
        path.write_bytes(written)
        for read in (read_table, blocks_of):
            with pytest.raises(TableError, match=r"t\.csv, line 11 is not UTF-8, unlike the rest"):
                read(path)


@pytest.mark.parametrize("block", [1 << 20, 7])
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_one_western_encoding(tmp_path, reader, monkeypatch, encoding, block):
    monkeypatch.setattr(sources, "BLOCK_BYTES", block)
    sign = "\x81" if encoding == "latin-1" else "€"
    words = [f"größe {sign}", "élève", "x"] * 5
    text = "a,b\n" + "".join(f"{i},{word}\n" for i, word in enumerate(words))
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = read_table(tmp_path / "t.csv")
    assert table.columns[1].texts() == words
    assert table.encoding == encoding
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    assert read_table(tmp_path / "t.csv").encoding == ""


# -- compressions ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COMPRESS)
def test_compressions(tmp_path, reader, kind):
    """By what is in a file, whatever its name."""
    path = tmp_path / "t.csv"
    path.write_bytes(COMPRESS[kind](("\ufeff" + TEXT).encode()))
    check(path)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_one_compressed_file_after_another(tmp_path, kind):
    half = TEXT.encode().index(b"\r\n30.5") + 2
    parts = TEXT.encode()[:half], TEXT.encode()[half:]
    (tmp_path / "t.csv").write_bytes(b"".join(map(COMPRESS[kind], parts)))
    check(tmp_path / "t.csv")


@pytest.mark.parametrize("kind", COMPRESS)
def test_damage(tmp_path, kind):
    rng = np.random.default_rng(0)
    text = "a,b\n" + "".join(f"{x},{x}\n" for x in rng.random(2000))
    data, path = COMPRESS[kind](text.encode()), tmp_path / "t.csv"
    middle = len(data) // 2
    changed = data[:middle] + bytes(255 - byte for byte in data[middle : middle + 9])
    damages = [data[:middle], data[:-6], changed + data[middle + 9 :]]
    for damaged in damages[:2] if kind == "zst" else damages:  # pyarrow writes no checksum
        path.write_bytes(damaged)
        with pytest.raises(
            TableError, match=r"t\.csv is damaged or incomplete: get the file again"
        ):
            read_table(path)


def archive(path, *names):
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, TEXT)


def test_archives_that_are_no_table(tmp_path):
    path = tmp_path / "t.zip"
    archive(path, "one.csv", "two.csv")
    with pytest.raises(
        TableError, match=r"2 files \(one.csv, two.csv\) in it: give an archive of"
    ):
        read_table(path)
    archive(path, "one.csv")
    data = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(TableError, match=r"t\.zip is encrypted: unpack it"):
        read_table(path)
    archive(path, "[Content_Types].xml", "xl/workbook.xml")
    with pytest.raises(TableError, match="an office document, such as a workbook: save it as CSV"):
        read_table(path)


def test_zstandard_needs_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_bytes(zstandard(TEXT.encode()))
    monkeypatch.setattr(compression, "pyarrow_or_none", lambda: None)
    with pytest.raises(TableError, match="zstd, which needs pyarrow"):
        read_table(tmp_path / "t.csv")


@pytest.mark.parametrize("kind", ["gz", "zip", "zst"])
def test_memory_does_not_grow_with_what_is_packed(tmp_path, kind):
    (tmp_path / "t.csv").write_bytes(COMPRESS[kind](b"1,2\n" * 6_000_000))
    tracemalloc.start()
    Source(tmp_path / "t.csv")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 12e6  # of 24


# -- standard input ----------------------------------------------------------------------


class Input:
    """Standard input that can be read once."""

    def __init__(self, data):
        self.buffer = io.BytesIO(data)


def parquet():
    file = io.BytesIO()
    columns = [pa.array(column) for column in zip(*ROWS, strict=True)]
    pq.write_table(pa.Table.from_arrays(columns, ["zahl", "wort", "ziel"]), file)
    return file.getvalue()


@pytest.mark.parametrize(
    "data", [TEXT.encode(), TEXT.encode("utf-16"), zipped(TEXT.encode()), parquet()]
)
def test_standard_input_is_a_table(monkeypatch, reader, data):
    monkeypatch.setattr(sys, "stdin", Input(data))
    assert rows_of(read_table(STANDARD_INPUT)) == ROWS
    monkeypatch.setattr(sys, "stdin", Input(data))
    assert [row for block in blocks_of(STANDARD_INPUT) for row in rows_of(block)] == ROWS


def test_errors_of_standard_input_say_so(monkeypatch):
    for data, expected in (
        (b"", "standard input is empty"),
        (b"a,b\n1,2\n3\n", "standard input, line 3: 1 values where the first row has 2"),
        (b"PAR1 nothing", "standard input cannot be read as Parquet"),
        (gzip.compress(b"a,b\n1,2\n")[:-4], "standard input is damaged"),
    ):
        monkeypatch.setattr(sys, "stdin", Input(data))
        with pytest.raises(TableError, match=expected):
            read_table(STANDARD_INPUT)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(TableError, match="standard input is closed"):
        read_table(STANDARD_INPUT)

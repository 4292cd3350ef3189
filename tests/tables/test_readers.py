"""Text by pyarrow and by the csv module: the same cells, and refusals of the same line."""

import csv
import gzip
import threading
from itertools import chain

import numpy as np
import pytest

from fusednn.tables.errors import TableError
from fusednn.tables.numbers import Notation
from fusednn.tables.reading import csv_arrow, table_reader
from fusednn.tables.reading.csv_arrow import ArrowText, NotRead
from fusednn.tables.reading.csv_rows import cells_of, joined
from fusednn.tables.reading.delimited import DELIMITERS, TextFile
from fusednn.tables.reading.table_reader import blocks_of, read_table

READERS = "pyarrow", "csv"


@pytest.fixture(params=READERS)
def reader(request, monkeypatch):
    """Each of the two reads all text."""
    if request.param == "csv":
        monkeypatch.setattr(csv_arrow, "pyarrow_or_none", lambda: None)
    return request.param


def texts_of(cells):
    """Rows of texts."""
    columns = [[texts.strings[code] for code in codes] for codes, texts in cells]
    return [list(row) for row in zip(*columns, strict=True)]


def by_csv(text, most=1000):
    rows = text.rows()
    next(rows)
    return cells_of(rows, len(text.first), most, text.source)


# -- cells -------------------------------------------------------------------------------

PIECES = ["a", "Ü", "猫", " ", ".5", "-1e3", ",", ";", "\t", "|", '"', "\n", "\r\n", "\u3000", "'"]
PLAIN = [piece for piece in PIECES if piece.strip() and piece not in (*DELIMITERS, '"')]


def random_table(rng, delimiter):
    """Content of a file, and its cells as they must be found."""
    width, end = rng.integers(1, 6), str(rng.choice(["\n", "\r\n", "\r"]))
    names = [f"a{i}" for i in range(width)]
    lines, rows = [delimiter.join(names)], []
    for _ in range(rng.integers(1, 40)):
        row, written = [], []
        for _ in range(width):
            quoted = rng.random() < 0.4
            pieces = rng.choice(PIECES if quoted else PLAIN, rng.integers(0, 5))
            cell = "".join(pieces)
            if quoted and "\n" in cell:  # else it may be a quote that is closed too late
                cell = "".join(piece for piece in cell if piece not in (delimiter, '"'))
            row.append(cell.strip())
            blanks = " " * rng.integers(0, 3), " " * rng.integers(0, 3)
            text = cell.replace('"', '""')
            written.append(f'"{text}"' if quoted else cell.join(blanks))
        lines.append(delimiter.join(written))
        if width > 1 or row[0]:  # otherwise it is a blank line
            rows.append(row)
        if rng.random() < 0.1:
            lines.append(rng.choice(["", "  "]))
    text = end.join(lines) + end * int(rng.integers(0, 3))
    return names, text, rows


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_both_find_the_cells_that_were_written(tmp_path, delimiter):
    rng, path, found = np.random.default_rng(ord(delimiter)), tmp_path / "t.csv", 0
    for _ in range(60):
        names, text, rows = random_table(rng, delimiter)
        path.write_bytes(text.encode())
        file = TextFile(path, lambda row, names=names: row == names)
        file.delimiter = delimiter  # of one column it may be any
        assert texts_of(joined(by_csv(file), len(names))) == rows
        blocks = [texts_of(block) for block in by_csv(file, 7)]
        assert [len(block) for block in blocks[:-1]] == [7] * (len(blocks) - 1)
        assert list(chain(*blocks)) == rows
        try:
            whole = ArrowText(file).whole()
            parts = [texts_of(block) for block in ArrowText(file).blocks(7)]
        except NotRead:  # spaces before what may be a quote, or blank rows in quotes
            continue
        assert texts_of(whole) == rows
        for codes, texts in whole:
            assert sorted(set(codes)) == list(range(len(texts)))
        assert list(chain(*parts)) == rows
        found += 1
    assert found > 30


def test_both_read_what_is_no_cell(tmp_path, reader):
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfx, y\n\n  \n1,  "a, b"\r\n"2" , "c"d\n\n3,e"f\n')
    table = read_table(path)
    assert table.names == ["x", "y"]
    assert table.columns[0].numbers().tolist() == [1, 2, 3]
    assert table.columns[1].texts() == ["a, b", "cd", 'e"f']
    assert [table.place(row) for row in range(3)] == ["line 4", "line 5", "line 7"]


def test_texts_stay_as_they_are_written(tmp_path, reader):
    path = tmp_path / "t.csv"
    path.write_text("id,y\n" + "".join(f"{'0' * (i % 3)}{i}.50,{i}\n" for i in range(50)))
    for table in (read_table(path), *blocks_of(path)):
        ids, y = table.columns
        assert ids.texts() == [f"{'0' * (i % 3)}{i}.50" for i in range(50)]
        np.testing.assert_array_equal(ids.numbers(), np.arange(50) + 0.5)
        np.testing.assert_array_equal(y.numbers(), np.arange(50))


def test_the_text_of_numbers(tmp_path, reader):
    texts = ["+1", "1.", ".5", "1e400", "-inf", "nan", "Null", "?", "", "1E-3", "9" * 25]
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{text},1\n" for text in texts))
    expected = [1, 1, 0.5, np.inf, -np.inf, *[np.nan] * 4, 1e-3, float("9" * 25)]
    np.testing.assert_array_equal(read_table(path).columns[0].numbers(), expected)
    for word in ("1_000", "nan(1)", "0x10", "1,5", "12 kg"):
        path.write_text("x;y\n" + f"1;1\n{word};1\n2;1\n")
        column = read_table(path).columns[0]
        assert column.numbers() is None
        assert column.first_word() == (1, word)


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " "])
def test_decimal_commas_are_no_delimiters(tmp_path, reader, delimiter):
    """As many in each row, and no header that has none."""
    path, rows = tmp_path / "t.csv", [(i / 8 + 0.125, -i / 4 - 0.25) for i in range(40)]
    lines = [delimiter.join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines).replace(".", ","))
    for table in (read_table(path), *blocks_of(path)):
        assert not table.header
        found = table.read_as(Notation(","))
        assert [c.numbers().tolist() for c in found.columns] == [
            list(c) for c in zip(*rows, strict=True)
        ]
    for text, width in (("1, 2, 3\n", 3), ("1,2;3,4 5\n", 3), ("1|2,3\n", 2)):
        path.write_text(text * 9)
        assert len(read_table(path).columns) == width


def test_codes_are_in_the_order_of_the_file(tmp_path, reader):
    """So categories and labels are the same whoever reads: over several of pyarrow's blocks."""
    path = tmp_path / "t.csv"
    words = [f"w{i * i % 977}{'-' * 30}" for i in range(40_000)]
    path.write_text("x,y\n" + "".join(f"{word},{i}\n" for i, word in enumerate(words)))
    table = read_table(path)
    assert table.columns[0].values == list(dict.fromkeys(words))
    assert table.columns[0].texts() == words


# -- refusals ----------------------------------------------------------------------------


def refused(call, *arguments):
    with pytest.raises(TableError) as caught:
        call(*arguments)
    return str(caught.value)


def everywhere(path):
    """What reading a file whole and in blocks refuses, which is the same."""
    [one] = {refused(read_table, path), refused(lambda: list(blocks_of(path)))}
    return one


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_of_another_width_is_told_with_its_line(tmp_path, reader, quote):
    rng, path = np.random.default_rng(0), tmp_path / "t.csv"
    for _ in range(5):
        lines = [f"{quote}a{quote},b"] + [f"{i},{i}" for i in range(60)]
        place = int(rng.integers(1, 60))
        lines[place] += rng.choice([",", ",1", ",1,2"])
        lines[int(rng.integers(1, 60))] += "\n\n"
        path.write_text("\n".join(lines))
        line = next(i for i, t in enumerate(path.read_text().split("\n"), 1) if t.count(",") > 1)
        count = lines[place].count(",") + 1
        assert f"t.csv, line {line}: {count} values where the first row has 2" in everywhere(path)


def test_a_row_of_tabs_alone_has_cells(tmp_path, reader):
    path = tmp_path / "t.csv"
    path.write_text("a\tb\tc\n" + "1\tx y\t3\n" * 5 + "\t\n \n" + "1\tx y\t3\n" * 5)
    assert "line 7: 2 values where the first row has 3" in everywhere(path)
    path.write_text("a,b,c\n" + "1,2,3\n" * 5 + "\t\n \n" + "1,2,3\n" * 5)
    assert read_table(path).rows == 10


def opened(rows, place, delimiter):
    """The rows with a quote before the last cell of one of them."""
    rows = list(rows)
    begin, end = rows[place].rsplit(delimiter, 1)
    rows[place] = f'{begin}{delimiter}"{end}'
    return rows


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_quote_that_is_never_closed(tmp_path, reader, delimiter, zipped, monkeypatch):
    monkeypatch.setattr(table_reader, "BLOCK_ROWS", 30)
    rows = [f"a{delimiter}y", *(f"{i}{delimiter}{i % 3}" for i in range(400))]
    path = tmp_path / "t"
    for place in (0, 1, 99, 399, 400):
        for end in ("\n", ""):
            data = ("\n".join(opened(rows, place, delimiter)) + end).encode()
            path.write_bytes(gzip.compress(data) if zipped else data)
            message = f"the quote that opens in line {place + 1} is never closed"
            assert message in everywhere(path)


def test_the_line_of_a_quote_below_cells_of_several_lines(tmp_path, reader):
    path = tmp_path / "t.csv"
    path.write_text('a,b,c\n"1\n\n1",2,3\n"4\r\n4","5\n5","6\n7,8,9\n' + "1,2,3\n" * 20)
    assert "opens in line 7 is never closed" in everywhere(path)
    path.write_text('b\n1\n2\n"3\n4\n')  # one column
    assert "opens in line 4 is never closed" in refused(lambda: list(blocks_of(path)))


def test_a_quote_that_only_the_next_one_closes(tmp_path, reader):
    """Whatever lies between would be lost: here one row, and then twenty."""
    path = tmp_path / "t.csv"
    rows = [f'{i},"{"yes" if i % 2 else "no"}"' for i in range(40)]
    rows[20] = rows[20][:-1]
    path.write_text("\n".join(["a,y", *rows]))
    assert "opens in line 22 is not closed before another opens in line 23" in everywhere(path)
    rows = [f"{i},yes" for i in range(20)]
    path.write_text("\n".join(["a,y", '0,"no', *rows, '1,"no"', *rows]))
    assert "opens in line 2 is not closed before another opens in line 23" in everywhere(path)
    path.write_text("\n".join(["y,a", '"no,0', *rows, '"no",1', *rows]))
    assert "opens in line 2 is not closed before another opens in line 23" in everywhere(path)


def test_large_cells(tmp_path, reader):
    """Larger than the csv module's limit, which stays as it is, and than pyarrow's blocks."""
    path, limit = tmp_path / "t.csv", csv.field_size_limit()
    for size, begin in ((20_000, "word, word\n"), (20_000, "word word\n"), (120_000, "word\n")):
        cell = (begin * size)[: 10 * size].strip()
        path.write_text(f'a,b\n1,"{cell}"\n' + "2,c\n" * 50)
        assert read_table(path).columns[1].values == [cell, "c"]
        [table] = blocks_of(path)
        assert table.columns[1].texts() == [cell] + ["c"] * 50
    assert csv.field_size_limit() == limit


def test_large_cells_in_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_arrow, "pyarrow_or_none", lambda: None)
    limit, found = csv.field_size_limit(), []
    for i in range(4):
        (tmp_path / f"{i}.csv").write_text(f'a,b\n1,"{"w" * 200_000}"\n' + "2,c\n" * (3000 * i))
    threads = [
        threading.Thread(target=lambda i=i: found.append(read_table(tmp_path / f"{i}.csv").rows))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [1, 3001, 6001, 9001]
    assert csv.field_size_limit() == limit


def test_what_pyarrow_leaves_to_the_csv_module(tmp_path):
    for name, text in (("spaces", '1, "a, b"\n' * 3), ("blanks", "1  2\n3  4\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(NotRead):
            ArrowText(TextFile(tmp_path / name))
    assert read_table(tmp_path / "spaces").columns[1].values == ["a, b"]
    # found where blocks of the file meet, too
    (tmp_path / "far").write_text(f"1,{'2' * 1021}\n" * 1024 + '1,   "a, b"\n')
    assert (tmp_path / "far").stat().st_size > 1 << 20
    assert read_table(tmp_path / "far").columns[1].values[-1] == "a, b"


def test_reading_says_how_far_it_is(tmp_path, reader, monkeypatch):
    monkeypatch.setattr(table_reader, "BLOCK_ROWS", 1000)
    path, shares = tmp_path / "t.csv", []
    path.write_text("a,b\n" + "".join(f"{i},{'b' * 99}\n" for i in range(10_000)))
    assert read_table(path, watch=shares.append).rows == 10_000
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] <= 1

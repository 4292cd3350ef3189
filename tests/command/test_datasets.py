"""What the commands read: idx folders and tables of text."""

import gzip
import struct

import numpy as np
import pytest

from fusednn.command.data.datasets import load, load_digits
from fusednn.command.data.idx import read_idx
from fusednn.command.terminal.errors import UserError
from fusednn.tables.errors import TableError
from fusednn.tables.reading.table_reader import read_table
from fusednn.tables.table import unique_names


def idx_bytes(array):
    array = np.asarray(array)
    code = {"u1": 0x08, "f4": 0x0D}[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_idx_folder(folder, compress, parts=("train", "t10k"), separator="-"):
    """Images of 4 x 3 whose brightest row is the label; 60 of training, 20 of test."""
    folder.mkdir()
    random = np.random.RandomState(0)
    for part, samples in zip(parts, (60, 20), strict=False):
        labels = np.arange(samples, dtype=np.uint8) % 3
        images = random.randint(0, 50, (samples, 4, 3)).astype(np.uint8)
        images[np.arange(samples), labels] += 200
        for kind, content in (("images", images), ("labels", labels)):
            name = f"{part}-{kind}{separator}idx{'3' if kind == 'images' else '1'}-ubyte"
            data = idx_bytes(content)
            if compress:
                (folder / f"{name}.gz").write_bytes(gzip.compress(data))
            else:
                (folder / name).write_bytes(data)
    return folder


def write_csv(path, text):
    path.write_text(text)
    return path


def load_csv(tmp_path, text, target=None, dtype="float32"):
    return load(write_csv(tmp_path / "t.csv", text), target, dtype, 0)


def message(call, *arguments):
    with pytest.raises((UserError, TableError)) as caught:
        call(*arguments)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# -- digits and idx ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_digits_are_stratified_and_in_the_unit_interval(dtype):
    data = load_digits(dtype, 0)
    assert data.X_train.dtype == dtype
    assert len(data.y_train) == 1347
    assert len(data.y_test) == 450
    assert np.ptp(data.X_train) == 1
    assert np.ptp(np.bincount(data.y_test)) <= 4


@pytest.mark.parametrize(("compress", "separator"), [(True, "-"), (False, "."), (False, "-")])
def test_idx_folder(tmp_path, compress, separator):
    data = load(write_idx_folder(tmp_path / "set", compress, separator=separator), None, "f4", 0)
    assert data.name == "set"
    assert data.what == "images of 4 x 3"
    assert data.X_train.shape == (60, 12)
    assert data.X_test.shape == (20, 12)
    assert data.X_train.dtype == np.float32
    assert 0 <= data.X_train.min() < data.X_train.max() <= 1
    brightest = data.X_test.reshape(20, 4, 3).sum(axis=2).argmax(axis=1)
    np.testing.assert_array_equal(brightest, data.y_test)


def test_idx_folder_without_test_part_is_split(tmp_path):
    data = load(write_idx_folder(tmp_path / "set", True, parts=("train",)), None, "float64", 0)
    assert len(data.y_train) == 45
    assert len(data.y_test) == 15


def test_idx_floats_keep_their_values(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    (tmp_path / "f").write_bytes(idx_bytes(values))
    np.testing.assert_array_equal(read_idx(tmp_path / "f"), values)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda data: b"\x1f\x8b" + data[2:], "damaged or incomplete"),
        (lambda data: b"PNG!" + data[4:], "is not an idx file (it begins with 50 4e 47 21)"),
        (lambda data: b"", "it begins with nothing"),
        (lambda data: data[:7], "ends inside its header"),
        (lambda data: data[:-1], "has 735 bytes, but its header says 736"),
        (lambda data: data + b"\0", "has 737 bytes, but its header says 736"),
        (lambda data: gzip.compress(data)[:-20], "damaged or incomplete"),
        (lambda data: idx_bytes(np.zeros((59, 4, 3), np.uint8)), "59 images, but"),
        (lambda data: idx_bytes(np.zeros(60, np.uint8)), "do not hold images and labels"),
    ],
)
def test_damaged_idx(tmp_path, damage, expected):
    folder = write_idx_folder(tmp_path / "set", False)
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(damage(images.read_bytes()))
    assert expected in message(load, folder, None, "float32", 0)


def test_incomplete_idx_folders(tmp_path):
    assert "has no train-images-idx3-ubyte" in message(load, tmp_path, None, "float32", 0)
    folder = write_idx_folder(tmp_path / "set", True)
    assert "--target is for tables" in message(load, folder, "2", "float32", 0)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "has no file of labels" in message(load, folder, None, "float32", 0)


# -- tables ------------------------------------------------------------------------------

NUMBERS = "".join(f"{i},{i * i % 7}.5,{i % 2}\n" for i in range(40))


def test_numbers_without_header(tmp_path):
    data = load_csv(tmp_path, NUMBERS, dtype="float64")
    assert data.classify
    assert data.X_train.shape == (30, 2)
    assert data.notes == ["target: column 2 (there is no header)"]
    np.testing.assert_allclose(data.X_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.X_train.std(axis=0), 1)
    assert sorted(np.unique(data.y_test)) == [0, 1]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", ", "])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_delimiters(tmp_path, delimiter, ending):
    text = "name,size,kind\n" + "".join(f"a{i % 3},{i}.25,k{i % 2}\n" for i in range(12))
    (tmp_path / "t").write_bytes(text.replace(",", delimiter).replace("\n", ending).encode())
    table = read_table(tmp_path / "t")
    assert table.header
    assert [column.name for column in table.columns] == ["name", "size", "kind"]
    np.testing.assert_array_equal(table.columns[1].numbers(), np.arange(12) + 0.25)
    assert table.columns[2].values == ["k0", "k1"]


def test_compressed_with_byte_order_mark_quotes_and_blank_lines(tmp_path):
    text = '\ufeffa,"b, c"\n\n1,"x, y"\n   \n2,"z ""q"""\n'
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    table = read_table(tmp_path / "t.csv.gz")
    assert [column.name for column in table.columns] == ["a", "b, c"]
    assert table.columns[1].values == ["x, y", 'z "q"']


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("a,b,c", True),
        ("0,1,2", True),
        (",b,c", True),
        ("x,1,2", False),
        ("x,?,2", False),
        ("kind,1,2", False),
    ],
)
def test_header_detection(tmp_path, first, header):
    text = first + "\n" + "".join(f"{'xyz'[i % 3]},{i},{i + 1}\n" for i in range(4, 10))
    table = read_table(write_csv(tmp_path / "t.csv", text))
    assert table.header is header
    assert len(table.columns[0].codes) == 6 + (not header)


def test_header_of_column_numbers(tmp_path):
    text = "kind,1,2,3\n" + "".join(f"{'xyz'[i % 3]},{i},{i + 1},{i}\n" for i in range(4, 10))
    assert read_table(write_csv(tmp_path / "t.csv", text)).header


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("2019,2020,2021", True),
        ("2021,2020,2019", True),
        ("2000,2005,2010", True),
        ("land,2019,2020", True),
        (",2019,2020", True),
        ("2019,2020,land", True),
        ("2019,2020,2022", False),
        ("2019,2019,2019", False),
        ("2019,2020,3", False),
        ("2019,2020.5,2022", False),
        ("1,2019,2020", False),
        ("7,8,9", False),
    ],
)
def test_header_of_years(tmp_path, first, header):
    for below in ("{},{},{}.5", "{},x{},{}"):
        rows = (below.format(i, i * i % 7, 3 * i) for i in range(4, 30))
        path = write_csv(tmp_path / "t.csv", "\n".join([first, *rows]) + "\n")
        if first != "2019,2020,land":  # a word above numbers decides as before
            assert read_table(path).header is header
        assert read_table(path, header=True).names == unique_names(first.split(","))
        assert not read_table(path, header=False).header


def test_years_among_years_are_no_header(tmp_path):
    rows = [f"{'abc'[i % 3]},{1990 + i % 20},{1992 + i % 20}" for i in range(40)]
    assert not read_table(write_csv(tmp_path / "t.csv", "\n".join(rows))).header
    table = read_table(write_csv(tmp_path / "t.csv", "land,von,bis\n" + "\n".join(rows)))
    assert table.names == ["land", "von", "bis"]


def test_words_are_no_header_when_they_come_again(tmp_path):
    text = "".join(f"{'xy'[i % 2]},{'pqr'[i % 3]}\n" for i in range(20))
    assert not read_table(write_csv(tmp_path / "a.csv", text)).header
    assert read_table(write_csv(tmp_path / "b.csv", "one,two\n" + text)).header


def test_words_missing_values_and_a_word_target(tmp_path):
    rows = [
        f"{'' if i == 5 else i},{('red', 'green', '?')[i % 3]},id{i},,{'no' if i % 4 else 'yes'}"
        for i in range(40)
    ]
    data = load_csv(tmp_path, "size,colour,id,void,sold\n" + "\n".join(rows))
    assert data.X_train.shape == (30, 4)  # size, and three colours, the missing one too
    assert np.isfinite(data.X_train).all()
    assert set(np.unique(data.X_train[:, 1:])) == {0, 1}
    assert sorted(np.unique(data.y_train)) == ["no", "yes"]
    assert data.notes == [
        "target: column 'sold'",
        "a column of words became 3 one-hot inputs",
        "54 missing values: medians, or a category of their own",
        "left out id, void (empty, or nearly all different words)",
    ]


def test_quantities_are_standardised(tmp_path):
    text = "x,y\n" + "".join(f"{i},{1e6 + i * 10.5}\n" for i in range(40))
    data = load_csv(tmp_path, text, dtype="float64")
    assert not data.classify
    assert data.score_name == "R^2"
    np.testing.assert_allclose([data.y_train.mean(), data.y_train.std()], [0, 1], atol=1e-9)
    np.testing.assert_allclose(data.X_test[:, 0], data.y_test, rtol=1e-9)


def test_whole_numbers_are_classes_when_few(tmp_path):
    few = "".join(f"{i},{i % 5}\n" for i in range(100))
    many = "".join(f"{i},{i % 50}\n" for i in range(100))
    assert load_csv(tmp_path, few).classify
    assert not load_csv(tmp_path, many).classify


def test_rows_without_target_are_left_out(tmp_path):
    data = load_csv(tmp_path, NUMBERS + "7,1.5,?\n")
    assert "left out 1 row with no target" in data.notes
    assert len(data.y_train) + len(data.y_test) == 40


def test_a_class_of_one_row_is_no_obstacle(tmp_path):
    data = load_csv(tmp_path, NUMBERS + "7,1.5,9\n")
    assert len(data.y_train) + len(data.y_test) == 41


@pytest.mark.parametrize("target", ["y", "1", "-1", None])
def test_target_by_name_and_number(tmp_path, target):
    text = "x,y\n" + "".join(f"{i}.5,{i % 2}\n" for i in range(20))
    assert load_csv(tmp_path, text, target).notes == ["target: column 'y'"]


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("", None, "is empty"),
        (" \n\n", None, "is empty"),
        (",,\n,,\n", None, "has no values"),
        ('""\n', None, "has only one column"),
        ("1\n2\n3\n", None, "has only one column"),
        ("a,b\n1,2\n", None, "one value only"),
        ("a,b\n", None, "one value only"),
        ("1,2\n3,4\n5,6,7\n", None, "line 3: 3 values where the first row has 2"),
        (NUMBERS, "size", "no column 'size': it has no header; columns are 0 to 2"),
        ("a,b\n" + "1,2\n" * 20, "c", "no column 'c': its columns are a, b, or 0 to 1"),
        (NUMBERS, "3", "no column '3'"),
        ("a,b\n" + "1,2\n" * 20, None, "column 'b' has one value only"),
        ("".join(f"{i},w{i}\n" for i in range(30)), None, "different words in 30 rows"),
        ("".join(f"w{i},{i}\n" for i in range(30)), None, "no column but the target"),
        ("1,2\n3,4\n5,6\n", None, "has 3 rows; at least 10 are needed"),
        ("a\0b,c\n", None, "is not a text file"),
        ('1,"2' + "x" * 200_000, None, "cannot be read as a table"),
    ],
)
def test_tables_with_nothing_to_learn(tmp_path, text, target, expected):
    assert expected in message(load_csv, tmp_path, text, target)


def test_files_that_cannot_be_read(tmp_path):
    assert "there is no file" in message(load, tmp_path / "no.csv", None, "float32", 0)
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(NUMBERS.encode())[:-12])
    assert "damaged or incomplete" in message(load, cut, None, "float32", 0)
    (tmp_path / "latin.csv").write_bytes(NUMBERS.replace(".5,", " caf\u00e9,").encode("latin-1"))
    assert load(tmp_path / "latin.csv", None, "float32", 0).classify
    text = NUMBERS + "1,none at all,1\n"
    assert "line 41: 1 is 'none at all' among numbers" in message(load_csv, tmp_path, text)

"""Predictors to files and back: bits, versions, what is refused, and what becomes of old files."""

import json
import os
import pickle
import stat
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from every_kind import CODES, LABELS, X, estimators, fit_quietly, others
from parity import run_python

import fusednn
from fusednn import MLPClassifier, freeze, load
from fusednn.serving.files import replacing
from fusednn.serving.files.reading import KEY, VERSION
from fusednn.serving.files.tensors import MOST_HEADER

KEPT = Path(__file__).with_name("files")
OURS, OTHERS = list(estimators()), list(others())


@cache
def fitted(name):
    estimator, X, y = (estimators() | others())[name]
    return fit_quietly(estimator, X, y), X


@cache
def small():
    return freeze(fit_quietly(MLPClassifier((4,), max_iter=2, random_state=0), X, LABELS))


def assert_same_array(one, other):
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert (
        one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes()
    )


def as_list(found):
    return found if isinstance(found, list) else [found]


def header_of(path):
    """The plan, the header without it, and the bytes behind."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return json.loads(header.pop("__metadata__")[KEY]), header, data[8 + length :]


def write_parts(path, plan, header, tensors):
    text = plan if isinstance(plan, str) else json.dumps(plan)
    found = json.dumps({"__metadata__": {KEY: text}} | header).encode()
    path.write_bytes(len(found).to_bytes(8, "little") + found + tensors)


@pytest.mark.parametrize("name", [*OURS, *OTHERS])
def test_loaded_answers_with_the_same_bits(name, tmp_path):
    estimator, rows = fitted(name)
    predictor = freeze(estimator)
    predictor.save(tmp_path / "model.safetensors", notes={"of": [name, 1.5, None]})
    loaded = load(str(tmp_path / "model.safetensors"))
    assert_same_array(loaded(rows), predictor(rows))
    assert_same_array(loaded(rows[0]), predictor(rows[0]))
    assert_same_array(loaded.predict(rows), predictor.predict(rows))
    assert loaded.dtype is predictor.dtype
    assert loaded.notes == {"of": [name, 1.5, None]}
    assert repr(loaded) == repr(predictor)
    assert hasattr(loaded, "classes_") == hasattr(predictor, "classes_")
    if hasattr(predictor, "classes_"):
        assert type(loaded.classes_) is type(predictor.classes_)
        for one, other in zip(as_list(loaded.classes_), as_list(predictor.classes_), strict=True):
            assert_same_array(one, other)
        pairs = zip(
            *(as_list(found.predict_proba(rows)) for found in (loaded, predictor)), strict=True
        )
        for one, other in pairs:
            assert_same_array(one, other)


@pytest.mark.parametrize("name", OURS)
def test_file_of_an_estimator_is_its_predictor(name, tmp_path):
    estimator, rows = fitted(name)
    estimator.save(tmp_path / "model", notes={"a": 1})
    loaded, predictor = load(tmp_path / "model", n_jobs=1), freeze(estimator)
    assert_same_array(loaded(rows), predictor(rows))
    assert_same_array(loaded.predict(rows), predictor.predict(rows))
    assert loaded.notes == {"a": 1}
    assert loaded.n_jobs == 1


@pytest.mark.parametrize("version", range(1, VERSION + 1))
@pytest.mark.parametrize("kind", ["predictor", "embedding", "estimator"])
def test_files_of_all_versions_are_read(version, kind):
    """Written by `make_files.py` when the version was new; the answers then, up to rounding."""
    expected = json.loads((KEPT / f"answers_{version}.json").read_text())[kind]
    loaded = load(KEPT / f"{kind}_{version}.safetensors")
    rows = np.array(expected["rows"])
    tolerance = 1e-5 if loaded.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(loaded(rows), expected["logits"], rtol=tolerance, atol=tolerance)
    is_normal = (version, kind) == (2, "estimator")
    predictions = np.asarray(loaded.predict(rows, return_std=is_normal))
    if predictions.dtype.kind == "U":
        assert predictions.tolist() == expected["predictions"]
    else:
        np.testing.assert_allclose(predictions, expected["predictions"], rtol=tolerance)


def test_notes_stay_with_the_predictor(tmp_path):
    path, notes = tmp_path / "model", {"table": {"columns": ["ä", "\ud800"], "mean": 0.1}}
    assert small().notes == {}
    small().save(path, notes)
    loaded = load(path)
    for again in (pickle.loads(pickle.dumps(loaded)), freeze(loaded)):
        assert again.notes == notes
    loaded.save(path)
    assert load(path).notes == notes
    loaded.save(path, notes={})
    assert load(path).notes == {}


def test_notes_that_are_nested_too_deeply_are_refused(tmp_path):
    for depth in (100, 300):
        notes = {}
        for _ in range(depth):
            notes = {"a": notes}
        if depth == 100:
            small().save(tmp_path / "model", notes)
            assert load(tmp_path / "model").notes == notes
        else:
            with pytest.raises(ValueError, match=r"save cannot write .* nested deeper"):
                small().save(tmp_path / "model", notes)


@pytest.mark.parametrize("notes", [{"a": {1, 2}}, {"a": np.nan}, [1], [], {"a": b"b"}, "text"])
def test_notes_that_json_cannot_write_are_refused(notes, tmp_path):
    with pytest.raises(ValueError, match="notes must be"):
        small().save(tmp_path / "model", notes)
    assert not list(tmp_path.iterdir())


def test_names_of_columns(tmp_path):
    frame = pd.DataFrame(X, columns=[f"column {at}" for at in range(5)])
    estimator = fit_quietly(MLPClassifier((4,), max_iter=2, random_state=0), frame, LABELS)
    for made in (freeze(estimator), estimator):
        made.save(tmp_path / "model")
        loaded = load(tmp_path / "model")
        assert loaded.feature_names_in_.tolist() == list(frame.columns)
        assert_same_array(loaded(frame), freeze(estimator)(frame))
        with pytest.raises(ValueError, match="feature names should match"):
            loaded(frame[frame.columns[::-1]])
    again = MLPClassifier.load(tmp_path / "model")
    assert_same_array(again.predict(frame), estimator.predict(frame))


ALONE = """
import sys
{before}
import fusednn
predictor = fusednn.load(sys.argv[1])
predictor(predictor(__import__("numpy").zeros((1, 5)))[:, :1] * [[0.0] * 5])
found = [name for name in sys.modules if name.split(".")[0] in {names} and sys.modules[name]]
print(found)
"""


def test_a_file_is_of_the_first_version_that_can_hold_it(tmp_path):
    """So that an earlier fusednn reads what it can."""
    found = {}
    for name in ("plain", "poisson", "gaussian", *OTHERS):
        estimator, _ = fitted(name)
        freeze(estimator).save(tmp_path / name)
        plan, _, _ = header_of(tmp_path / name)
        found[name] = plan["version"], len(plan["head"]), "columns" in plan
    later = {"gaussian", "codes apart", "twice", "a column back", "gaussian back"}
    later |= {"gaussian column back", "expm1", "exp", "square"}
    for name, told in found.items():
        assert told == ((2, 8, True) if name in later else (1, 5, False)), name


@pytest.mark.parametrize("kind", ["predictor", pytest.param("estimator", marks=pytest.mark.long)])
def test_load_needs_no_scikit_learn(kind):
    """Nor SciPy, which Numba itself imports where it is there: here it is as if it were not."""
    path = KEPT / f"{kind}_{VERSION}.safetensors"
    before = "for name in ('sklearn', 'scipy', 'joblib', 'safetensors'): sys.modules[name] = None"
    names = ("sklearn", "scipy", "joblib", "safetensors")
    options = ("-W", "error")
    code = ALONE.format(before=before, names=names)
    assert run_python(code, path, options=options).strip() == "[]"
    code = ALONE.format(before="", names=("sklearn", "joblib", "safetensors"))
    assert run_python(code, path, options=options).strip() == "[]"


# -- files that are there ----------------------------------------------------------------


def test_the_library_reads_the_tensors(tmp_path):
    small().save(tmp_path / "model")
    found = safetensors.numpy.load_file(tmp_path / "model")
    expected = ["ops.0.weights", "ops.0.biases", "ops.1.weights", "ops.1.biases"]
    assert sorted(found) == sorted(expected)
    for name, array in zip(expected, small().model().arrays, strict=True):
        assert_same_array(found[name], array)


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


# -- bad files ---------------------------------------------------------------------------


def _plan(**changes):
    return lambda plan, header: plan.update(changes)


def _op(at, **changes):
    return lambda plan, header: plan["ops"][at].update(changes)


def _head(**changes):
    return lambda plan, header: plan["head"].update(changes)


def _tensor(**changes):
    return lambda plan, header: header["ops.0.weights"].update(changes)


def _renamed(name):
    def change(plan, header):
        header[name] = header.pop("ops.0.weights")

    return change


def _more(plan, header):
    end = max(entry["data_offsets"][1] for entry in header.values())
    header["more"] = {"dtype": "F64", "shape": [0], "data_offsets": [end, end]}


_CLASSES = {"dtype": "int64", "values": [1, 2]}
BAD = {
    "later version": (_plan(version=VERSION + 1), "later fusednn"),
    "much later version": (_plan(version=10**4000), "later fusednn"),
    "no version": (_plan(version="1"), "no version"),
    "version true": (_plan(version=True), "no version"),
    "kind": (_plan(kind="pickle"), "kind must be one of"),
    "unknown key": (_plan(run="code"), "not known"),
    "dtype": (_plan(dtype="float16"), "dtype must be one of"),
    "other dtype": (_plan(dtype="float32"), "float32 of shape .* is expected"),
    "no ops": (_plan(ops=[]), "ops must be a list"),
    "ops of code": (_plan(ops=[{"op": "os.system", "command": "ls"}]), "must be one of Dense"),
    "features": (_plan(features=["a"]), "features"),
    "features of numbers": (_plan(features=[1] * 5), "features"),
    "notes": (_plan(notes=[]), "notes"),
    "names": (_plan(names=["a"]), "names"),
    "unknown op": (_op(0, op="dense"), "must be one of"),
    "unknown field": (_op(0, path="../../etc/passwd"), "not known"),
    "size 0": (_op(0, fan_in=0), "fan_in must be an integer"),
    "size -1": (_op(0, fan_in=-1), "fan_in must be an integer"),
    "size 1.0": (_op(0, fan_in=5.0), "fan_in must be an integer"),
    "size true": (_op(0, fan_in=True), "fan_in must be an integer"),
    "huge": (_op(0, fan_in=2**31 - 1), "more than the tensors have"),
    "wider": (_op(0, fan_in=6), "is expected"),
    "do not fit": (_op(0, fan_out=5), "takes 4 columns"),
    "not first": (_op(0, first=False), "first must be true"),
    "last too early": (_op(0, last=True), "last must be true"),
    "not last": (_op(1, last=False), "last must be true"),
    "weight norm": (_op(0, weight_norm=True), "only training"),
    "activation": (_op(0, after={"activation": "eval", "constants": []}), "one of identity"),
    "constants": (_op(0, after={"activation": "relu", "constants": [1.0]}), "constants must be 0"),
    "link": (_head(link="exp"), "link must be"),
    "head kind": (_head(kind="values"), "link must be"),
    "head": (_head(kind="values", link="exp"), "does not fit"),
    "classes": (_head(classes=[{"dtype": "int64", "values": [1, 2]}]), "does not fit"),
    "class too large": (_head(classes=[{"dtype": "int8", "values": [1, 2, 300]}]), "of int8"),
    "classes of objects": (_head(classes=[{"dtype": "O", "values": [1, 2, 3]}]), "type of labels"),
    "long classes": (
        _head(classes=[{"dtype": "str9999999", "values": list("abc")}]),
        "characters",
    ),
    "point": (_head(point=-1), "point must be"),
    "tensor lacks": (lambda plan, header: plan["ops"].insert(0, _norm()), "no tensor"),
    "tensor name": (_renamed("../../etc/passwd"), "no tensor 'ops.0.weights'"),
    "tensor more": (_more, "no one expects"),
    "tensor dtype": (_tensor(dtype="I64"), "is int64 of shape"),
    "tensor dtype unknown": (_tensor(dtype="F8_E4M3"), "which is not known"),
    "tensor shape": (_tensor(shape=[4, 5]), r"of shape \[4, 5\], but float64 of shape \[5, 4\]"),
    "tensor shape product": (_tensor(shape=[2**32, 2**32]), "too many elements"),
    "tensor shape negative": (_tensor(shape=[-5, -4]), "list of counts"),
    "tensor shape deep": (_tensor(shape=[20] + [1] * 20), "wrong length"),
    "tensor offsets": (_tensor(data_offsets=[0, 160]), "where another ends"),
    "tensor beyond": (_tensor(shape=[5, 5]), "does not fit its bytes"),
}


BAD_LATER = {
    "version 1": (_plan(version=1), "not known"),
    "too few": (_plan(columns={"inputs": 6, "chosen": [4, 1]}), "must be 3 of the 6"),
    "too large": (_plan(columns={"inputs": 5, "chosen": [4, 1, 5]}), "must be 3 of the 5"),
    "negative": (_plan(columns={"inputs": 6, "chosen": [4, 1, -1]}), "integer from 0"),
    "too many": (_plan(columns={"inputs": 2**31 - 1, "chosen": [4, 1, 5]}), "more columns"),
    "no columns": (_plan(columns={"inputs": 0, "chosen": []}), "integer from 1"),
    "other columns": (_plan(columns=[6, [4, 1, 5]]), "columns must be an object"),
    "features": (_plan(features=["a", "b", "c"]), "features must be 6"),
    "function": (_head(inverse="os.system"), "inverse must be one of identity"),
    "no function": (_head(inverse=None), "inverse must be one of identity"),
    "least": (_head(least=[0.0]), "does not fit"),
    "least infinite": (_head(least=["inf"]), "least.0. must be a number"),
    "column": (_head(column=1), "column must be true or false"),
    "a classifier's": (
        _head(kind="binary", link="logistic", column=True, classes=[_CLASSES]),
        "of a regressor",
    ),
    "estimator": (_plan(kind="estimator", estimator={}), "of predictors alone"),
}


def _rows(*shapes, version=3, at=1):
    """Reshapes of the samples behind the first op, or elsewhere."""

    def change(plan, header):
        plan["version"] = version
        named = {"after": {"activation": "tanh", "constants": []}, "channels_first": False}
        plan["ops"][at:at] = [{"op": "Reshape", "shape": shape, **named} for shape in shapes]

    return change


BAD_LATER |= {
    "version 2": (_rows([5, 1], [5], version=2), "version 2 of its format has not"),
    "no axes": (_rows([]), "shape must be a list"),
    "an axis of 0": (_rows([5, 0]), "integer from 1"),
    "too large axes": (_rows([2**20, 2**20]), "more elements"),
    "other elements": (_rows([5, 1], [4]), r"ops\[2\] takes 4 elements, .* has 5"),
    "rows at the end": (_rows([1, 1], at=9), "must end with one row for each sample"),
    "other columns of rows": (_rows([5, 1]), "takes 5 columns, but the op before it has 1"),
}


@pytest.mark.parametrize("name", BAD_LATER)
def test_files_of_version_2_that_are_wrong(name, tmp_path):
    path, (change, words) = tmp_path / "model", BAD_LATER[name]
    freeze(fitted("codes apart")[0]).save(path)
    plan, header, tensors = header_of(path)
    assert plan["columns"] == {"inputs": 6, "chosen": [4, 1, 5]}
    change(plan, header)
    write_parts(path, plan, header, tensors)
    assert_refused(path, words)


def _norm():
    after = {"activation": "identity", "constants": []}
    return {"op": "LayerNorm", "width": 5, "after": after, "centered": True, "epsilon": 1e-5}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_wrong_are_refused_in_a_sentence(name, tmp_path):
    path, (change, words) = tmp_path / "model", BAD[name]
    small().save(path)
    plan, header, tensors = header_of(path)
    change(plan, header)
    write_parts(path, plan, header, tensors)
    assert_refused(path, words)


def assert_refused(path, words, read=load):
    with pytest.raises(ValueError, match=words) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be loaded: ")
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 500


RAW = {
    "empty": (b"", "no safetensors file"),
    "short": (b"1234567", "no safetensors file"),
    "pickle": (pickle.dumps(list(range(100))), "no safetensors file"),
    "huge header": ((1 << 63).to_bytes(8, "little") + b"{}", "no safetensors file"),
    "oversized header": (
        (MOST_HEADER + 1).to_bytes(8, "little") + b" " * (MOST_HEADER + 1),
        "more than",
    ),
    "not JSON": ((4).to_bytes(8, "little") + b"abcd", "no JSON text"),
    "not UTF-8": ((4).to_bytes(8, "little") + b'{"\xff"', "no JSON text"),
    "nested": ((200_000).to_bytes(8, "little") + b"[" * 200_000, "no JSON text"),
    "list": ((2).to_bytes(8, "little") + b"[]", "must be a JSON object"),
    "others'": (safetensors.numpy.save({"a": np.zeros(3)}), "not one of fusednn"),
    "no plan": (safetensors.numpy.save({"a": np.zeros(3)}, {KEY: "{"}), "plan is no JSON"),
    "NaN": (safetensors.numpy.save({"a": np.zeros(3)}, {KEY: '{"version":NaN}'}), "NaN"),
    "twice": (safetensors.numpy.save({"a": np.zeros(3)}, {KEY: '{"a":1,"a":2}'}), "key twice"),
    "200 deep": (
        safetensors.numpy.save({"a": np.zeros(3)}, {KEY: '{"a":' + "[" * 200 + "]" * 200 + "}"}),
        "nested deeper",
    ),
    "deep plan": (safetensors.numpy.save({"a": np.zeros(3)}, {KEY: '{"a":' * 10**5}), "no JSON"),
    "long number": (
        safetensors.numpy.save({"a": np.zeros(3)}, {KEY: '{"a":' + "9" * 10**5 + "}"}),
        "no JSON",
    ),
}


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_such_file_is_refused(name, tmp_path):
    data, words = RAW[name]
    (tmp_path / "model").write_bytes(data)
    assert_refused(tmp_path / "model", words)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value, tmp_path):
    path, model = tmp_path / "model", small().model()
    arrays = [array.copy() for array in model.arrays]
    arrays[1][2] = value
    broken = fusednn.Predictor(model._replace(arrays=arrays))
    with pytest.raises(ValueError, match=r"'ops.0.biases' holds NaN or infinity\.$"):
        broken.save(path)
    assert not path.exists()
    small().save(path)
    plan, header, tensors = header_of(path)
    start, _ = header["ops.0.biases"]["data_offsets"]
    tensors = tensors[:start] + np.float64(value).tobytes() + tensors[start + 8 :]
    write_parts(path, plan, header, tensors)
    assert_refused(path, "'ops.0.biases' holds NaN or infinity")


def test_a_variance_below_0_is_refused(tmp_path):
    path = tmp_path / "model"
    path.write_bytes((KEPT / "predictor_1.safetensors").read_bytes())
    plan, header, tensors = header_of(path)
    [name] = [name for name in header if name.endswith("variance")]
    start, _ = header[name]["data_offsets"]
    tensors = tensors[:start] + np.float64(-1).tobytes() + tensors[start + 8 :]
    write_parts(path, plan, header, tensors)
    assert_refused(path, "variance below 0")


def test_infinite_bounds_of_a_scaling_are_kept(tmp_path):
    estimator, rows = fitted("far float32")
    freeze(estimator).save(tmp_path / "model")
    found = safetensors.numpy.load_file(tmp_path / "model")
    assert np.isneginf(found["ops.0.low"]).all()
    assert found["ops.0.before"].dtype == np.float64
    assert found["ops.1.weights"].dtype == np.float32
    assert_same_array(load(tmp_path / "model")(rows), freeze(estimator)(rows))


def test_codes_of_a_loaded_embedding_are_bounded(tmp_path):
    estimator, _ = fitted("embedding")
    freeze(estimator).save(tmp_path / "model")
    loaded, wild = load(tmp_path / "model"), CODES.copy()
    wild[:, 5] = 1e300
    with pytest.raises(ValueError, match="holds codes of an Embedding"):
        loaded(wild)
    assert np.isfinite(loaded(wild, validate=False)).all()
    assert loaded(wild[:1], validate=False).shape == (1, 1)


@pytest.mark.parametrize("count", [100, 300_000])
def test_a_header_that_would_not_be_read_is_not_written(count, tmp_path):
    notes = {"a": "x" * 10 * count}
    if count == 100:
        small().save(tmp_path / "model", notes)
        assert load(tmp_path / "model").notes == notes
    else:
        small().save(tmp_path / "model", {"a": "x" * (MOST_HEADER - 3000)})
        load(tmp_path / "model")
        with pytest.raises(ValueError, match="header of more than"):
            small().save(tmp_path / "model", {"a": "x" * MOST_HEADER})


def test_classes_of_other_objects_are_refused(tmp_path):
    model = small().model()
    for classes in (np.array([1, "a", None], object), np.array(["2020", "2021", "2022"], "M8[Y]")):
        broken = fusednn.Predictor(model._replace(head=model.head._replace(classes=(classes,))))
        with pytest.raises(ValueError, match="save cannot write classes"):
            broken.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())

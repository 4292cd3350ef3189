"""Files of predictors that are wrong: each is refused in a sentence."""

import json
import pickle

import numpy as np
import pytest
import safetensors.numpy
from cases.saved_models import CODES, fit_quietly
from running.saved_predictors import KEPT, assert_same_array, fitted, header_of, small

import fusednn
from fusednn import freeze, load
from fusednn.layers import Dense
from fusednn.serving.files.reading import KEY, VERSION
from fusednn.serving.files.tensors import MOST_HEADER


def write_parts(path, plan, header, tensors):
    text = plan if isinstance(plan, str) else json.dumps(plan)
    found = json.dumps({"__metadata__": {KEY: text}} | header).encode()
    path.write_bytes(len(found).to_bytes(8, "little") + found + tensors)


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
    "tensor more": (_more, "unexpected tensor"),
    "tensor dtype": (_tensor(dtype="I64"), "is int64 of shape"),
    "tensor dtype unknown": (_tensor(dtype="F8_E4M3"), "which is not known"),
    "tensor shape": (_tensor(shape=[4, 5]), r"of shape \[4, 5\], but float64 of shape \[5, 4\]"),
    "tensor shape product": (_tensor(shape=[2**32, 2**32]), "too many elements"),
    "tensor shape negative": (_tensor(shape=[-5, -4]), "list of whole numbers from 0"),
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


BAD_TIED = {
    "of itself": (2, {"of": 2}),
    "of a later one": (2, {"of": 3}),
    "of none": (2, {"of": 9}),
    "of another shape": (3, {"of": 1}),
    "of no dense layer": (3, {"of": 2}),
}


@pytest.mark.parametrize("name", BAD_TIED)
def test_weights_of_other_layers_are_refused(name, tmp_path):
    path, (at, changes) = tmp_path / "model", BAD_TIED[name]
    X = np.random.RandomState(0).uniform(size=(40, 5))
    model = fusednn.Autoencoder([Dense(4, "tanh"), Dense(3)], tied=True, max_iter=1)
    fit_quietly(model, X, None).save(path)
    plan, header, tensors = header_of(path)
    assert [op.get("of") for op in plan["ops"]] == [None, None, 1, 0]
    _op(at, **changes)(plan, header)
    write_parts(path, plan, header, tensors)
    for read in (load, fusednn.Autoencoder.load):
        assert_refused(path, r"must have the weights of an earlier Dense, transposed", read)
    plan["kind"] = "predictor"
    del plan["estimator"]
    _op(at, of=3 - at)(plan, header)
    write_parts(path, plan, header, tensors)
    assert_refused(path, "only training needs")


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

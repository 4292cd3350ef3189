"""Files of shared libraries: labels that come back, what is no library, and compilers."""

import os
import shutil
import sys

import numpy as np
import pytest
from cases.op_models import SHORT, chain, made
from numpy._core import _multiarray_umath
from running.c_programs import COMPILERS, assert_close, needs_compiler

from fusednn import CompiledPredictor
from fusednn.export.c.library import found_compiler, write_library
from fusednn.serving.model import BINARY, MULTICLASS, Head
from fusednn.serving.predictor import Predictor

pytestmark = needs_compiler


def test_a_new_library_at_the_same_path(tmp_path):
    path, x = tmp_path / "net.so", np.ones((1, 3))
    models = [made(chain(3, 2), SHORT, "float64", seed) for seed in range(3)]
    called = []
    for model in models:
        write_library(model, path, "net")
        called.append(CompiledPredictor(path))
    for one, model in zip(called, models, strict=True):
        assert_close(one(x), Predictor(model)(x), 1e-14)
    assert os.listdir(tmp_path) == ["net.so"]


LABELS = {
    "int64": np.array([-(2**60), 3]),
    "uint8": np.array([1, 255], np.uint8),
    "bool": np.array([False, True]),
    "float": np.array([0.1, 1e300]),
    "text": np.array(['*/ "??/\\\n', "猫"]),
    "bytes": np.array([b"a\xff", b"b"]),
    "object": np.array(["a", "b" * 300], object),
    "mixed": np.array([np.int64(3), np.str_("a")], object),
    "one": np.array([5]),
}


def test_labels_come_back(tmp_path):
    for number, (name, classes) in enumerate(LABELS.items()):
        head, path = Head(BINARY, "logistic", (classes,)), tmp_path / f"net{number}.so"
        model = made(chain(3, 1), head, "float32")._replace(features=("*/", "??/\\", '"'))
        write_library(model, path, "net", native=False)
        called = CompiledPredictor(path)
        assert called.classes_.dtype == classes.dtype, name
        assert called.classes_.tolist() == classes.tolist()
        assert called.feature_names_in_.tolist() == ["*/", "??/\\", '"']
        X = np.random.default_rng(0).standard_normal((20, 3))
        np.testing.assert_array_equal(called.predict(X), Predictor(model).predict(X))


def test_labels_that_cannot_be_written(tmp_path):
    days = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "M8[D]")
    model = made(chain(3, 3), Head(MULTICLASS, "softmax", (days,)), "float32")
    with pytest.raises(TypeError, match=r"labels of datetime64\[D\] cannot go into a library"):
        write_library(model, tmp_path / "net.so", "net")
    assert os.listdir(tmp_path) == []


def test_no_library_of_ours(tmp_path):
    text = tmp_path / "text.so"
    text.write_text("no library")
    foreign = _multiarray_umath.__file__
    for path in (text, foreign):
        with pytest.raises(ValueError, match="is no library that fusednn"):
            CompiledPredictor(path)
    with pytest.raises(FileNotFoundError):
        CompiledPredictor(tmp_path / "none.so")


def test_compilers(tmp_path, monkeypatch):
    model, path = made(chain(3, 2), SHORT, "float32"), tmp_path / "net.so"
    monkeypatch.setenv("CC", f"{COMPILERS[-1]} -O1")
    assert found_compiler() == [COMPILERS[-1], "-O1"]
    assert found_compiler(COMPILERS[0]) == [COMPILERS[0]]
    write_library(model, path, "net")
    blank = tmp_path / "a folder" / "my cc"
    blank.parent.mkdir()
    blank.symlink_to(shutil.which(COMPILERS[0]))
    assert found_compiler(str(blank)) == [str(blank)]
    write_library(model, path, "net", compiler=str(blank))
    shutil.rmtree(blank.parent)
    with pytest.raises(RuntimeError, match=r"no C compiler: none-such not found.*export_c"):
        write_library(model, path, "net", compiler="none-such")
    with pytest.raises(RuntimeError, match=r"failed with exit code 1: .*--no-such(.|\n)*no-such"):
        write_library(model, path, "net", compiler=f"{COMPILERS[0]} --no-such")
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="no C compiler: cc and gcc and clang not found"):
        write_library(model, path, "net")
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(RuntimeError, match="MSVC is not supported"):
        write_library(model, path, "net")
    assert os.listdir(tmp_path) == ["net.so"]
    assert_close(CompiledPredictor(path)(np.ones(3)), Predictor(model)(np.ones(3)), 1e-6)

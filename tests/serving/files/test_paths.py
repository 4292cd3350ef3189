"""Paths as users hold them: everything that takes one reads it in the same way."""

import os
from pathlib import Path

import numpy as np
import pytest

import fusednn
from fusednn import CompiledPredictor, MLPRegressor, export_c, export_library, freeze, load
from fusednn.export.c.library import found_compiler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.eye(3)


class Place:
    """Somebody's own path, which is bytes."""

    def __init__(self, path):
        self._path = path

    def __fspath__(self):
        return os.fsencode(self._path)


PATHS = {"str": str, "bytes": os.fsencode, "Path": Path, "bytes of a path": Place}
WRONG = 3, 1.5, None, ["model"], np.zeros(2)


@pytest.fixture(scope="module")
def model():
    return MLPRegressor(hidden_layer_sizes=(2,), max_iter=2, random_state=0).fit(X, X[:, 0])


@pytest.fixture(params=PATHS)
def path(request, tmp_path):
    """A path, and the file that it names, whose name is no ASCII."""
    file = tmp_path / "Größe №1.model"
    return PATHS[request.param](str(file)), file


def check(found, model):
    np.testing.assert_array_equal(found.predict(X), model.predict(X))


def test_save_and_load(model, path):
    given, file = path
    for saved in (model, freeze(model)):
        saved.save(given)
        assert file.is_file()
        check(load(given), model)
        if saved is model:
            check(MLPRegressor.load(given), model)
        file.unlink()


def test_export_onnx(model, path):
    onnx = pytest.importorskip("onnx")
    given, file = path
    fusednn.export_onnx(model, given)
    assert onnx.load(file) == fusednn.export_onnx(model, None)


def test_export_c(model, path):
    given, file = path
    export_c(model, given, name="own")
    assert b"own_predict" in file.read_bytes()


def test_export_library(model, path):
    try:
        found_compiler()
    except RuntimeError:
        pytest.skip("no C compiler")
    given, file = path
    export_library(model, given, name="own", native=False)
    assert file.is_file()
    found = CompiledPredictor(given)
    np.testing.assert_allclose(found.predict(X), model.predict(X), rtol=1e-12)
    assert found.path == str(file)


def test_messages_name_the_file(path):
    given, file = path
    with pytest.raises(FileNotFoundError, match="Größe"):
        load(given)
    file.write_bytes(b"no model")
    for call in (load, MLPRegressor.load):
        with pytest.raises(ValueError, match=r"^/.*Größe №1\.model cannot be loaded"):
            call(given)
    with pytest.raises(ValueError, match=r"^/.*Größe №1\.model is no library"):
        CompiledPredictor(given)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_is_no_path(model, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    calls = [
        lambda: model.save(wrong),
        lambda: freeze(model).save(wrong),
        lambda: load(wrong),
        lambda: MLPRegressor.load(wrong),
        lambda: export_c(model, wrong),
        lambda: export_library(model, wrong),
        lambda: CompiledPredictor(wrong),
    ]
    for call in calls:
        with pytest.raises(
            TypeError, match=r"a path must be a str, bytes or an os\.PathLike; got"
        ):
            call()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_path_of_onnx(model):
    pytest.importorskip("onnx")
    for wrong in (3, 1.5, ["model"]):
        with pytest.raises(TypeError, match="a path must be a str, bytes"):
            fusednn.export_onnx(model, wrong)

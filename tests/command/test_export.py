"""`fusednn export`: what is written answers as `fusednn predict` does."""

import ctypes
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from cases.shop_tables import ROWS, fit, fit_both, inputs, refused, run, shop
from cases.ugly_names import UGLY

import fusednn
from fusednn.compiled import CompiledPredictor

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models of a price and of a sale, and the predictions of the command for 50 new rows."""
    folder = fit_both(tmp_path_factory.mktemp("models"))
    shop(50, seed=1).to_csv(folder / "new.csv", index=False)
    for name in ("price", "sold"):
        out = folder / f"{name}.out"
        options = ["--proba"] if name == "sold" else []
        assert run("predict", folder / f"{name}.st", folder / "new.csv", "-o", out, *options) == 0
    return folder


def test_c_says_what_it_takes(folder, tmp_path, capsys):
    assert run("export", folder / "sold.st", "--to", "c", "-o", tmp_path / "sold.c") == 0
    told = capsys.readouterr().out.splitlines()
    table = shop(ROWS)
    colours = [f"colour={word}" for word in table["colour"].fillna("?").value_counts().index]
    assert told == [
        f"wrote {tmp_path / 'sold.c'}",
        "inputs (6, float32), in this order:",
        f'     0  "size"  (missing values: {float(table["size"].median())!r})',
        *(f'     {number}  "{name}"  (1 or 0)' for number, name in enumerate(colours, 1)),
        f'     5  "weight"  (missing values: {float(table["weight"].median())!r})',
        'labels of "sold", in this order:',
        *(f'     {n}  "{label}"' for n, label in enumerate(("may be, later", "no", "yes"))),
    ]
    text = (tmp_path / "sold.c").read_text("ascii")
    comment = "/*\n * " + "\n * ".join(told[1:]) + "\n */\n"
    assert text.startswith(comment.replace("?", r"\u003f"))


@needs_compiler
@pytest.mark.parametrize("target", ["price", "sold"])
def test_c_compiles_and_answers_the_same(folder, tmp_path, target):
    source, library = tmp_path / f"{target}.c", tmp_path / "it.so"
    model = folder / f"{target}.st"
    assert run("export", model, "--to", "c", "-o", source, "--name", "shop") == 0
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    options = "-std=c99", "-Wall", "-Werror", "-O1", "-shared", "-fPIC"
    subprocess.run([compiler, *options, "-o", library, source, "-lm"], check=True)
    X = np.ascontiguousarray(inputs(shop(50, seed=1), shop(ROWS)))
    expected = pd.read_csv(folder / f"{target}.out")
    expected = expected[[target]] if target == "price" else expected.iloc[:, 1:]
    out = np.empty(expected.shape, np.float32)
    pointers = (ctypes.c_void_p(part.ctypes.data) for part in (X, out))
    x, y = pointers
    assert ctypes.CDLL(str(library)).shop_predict(x, ctypes.c_size_t(50), y) == 0
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


@needs_compiler
def test_library_answers_the_same(folder, tmp_path):
    assert run("export", folder / "sold.st", "--to", "library", "-o", tmp_path / "sold.so") == 0
    X = inputs(shop(50, seed=1), shop(ROWS))
    found = CompiledPredictor(tmp_path / "sold.so").predict(X)
    np.testing.assert_array_equal(found, pd.read_csv(folder / "sold.out")["sold"])


def test_library_without_a_compiler(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    out = tmp_path / "sold.so"
    assert "no C compiler" in refused(
        capsys, "export", folder / "sold.st", "--to", "library", "-o", out
    )
    assert not list(tmp_path.iterdir())


def test_onnx_without_its_package(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in [name for name in sys.modules if name.startswith("fusednn.export.onnx")]:
        monkeypatch.delitem(sys.modules, name)  # another test may have imported it
    out = tmp_path / "sold.onnx"
    assert "pip install" in refused(
        capsys, "export", folder / "sold.st", "--to", "onnx", "-o", out
    )
    assert not list(tmp_path.iterdir())


@needs_compiler
def test_names_cannot_end_a_comment(tmp_path, capsys):
    names = [f"{number} {name}" for number, name in enumerate(UGLY)]
    target = "a*/*b é"
    table = pd.DataFrame({name: np.arange(40.0) for name in map(str, range(len(names)))})
    fit(table.assign(y=["no", "yes"] * 20), "y", tmp_path / "m.st", "--epochs", 1)
    predictor = fusednn.load(tmp_path / "m.st")
    notes = predictor.notes["table"]
    notes |= {"columns": [*names, target], "target": target, "labels": ["*\\\n/ x /*", "??/"]}
    notes["inputs"] = [{"name": name, "fill": 0.0} for name in names]
    predictor.save(tmp_path / "ugly.st", notes={"table": notes})
    source = tmp_path / "ugly.c"
    assert run("export", tmp_path / "ugly.st", "--to", "c", "-o", source) == 0
    told = capsys.readouterr().out
    assert f'"{target}"' in told
    comment = source.read_text("ascii").split("A neural network")[0]
    assert (comment.count("*/"), comment.count("/*"), comment.count("?")) == (1, 2, 0)
    written = re.findall(r'^ \* +\d+  (".*")  \(missing', comment, re.MULTILINE)
    assert [json.loads(name) for name in written] == names
    strict = "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-trigraphs", "-Wno-trigraphs"
    for compiler in filter(shutil.which, ("gcc", "clang")):
        subprocess.run([compiler, *strict, "-c", source, "-o", tmp_path / "m.o"], check=True)

"""`fusednn export --to onnx` in ONNX Runtime, on a table that pandas encodes."""

import numpy as np
import pandas as pd
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
import onnxruntime
from cases.shop_tables import ROWS, fit_both, inputs, run, shop

pytestmark = pytest.mark.peers


def opset_of(path):
    [entry] = onnx.load(path).opset_import
    return entry.version


def test_onnx_answers_as_the_command_does(tmp_path, capsys):
    folder = fit_both(tmp_path)
    shop(50, seed=1).to_csv(folder / "new.csv", index=False)
    X = inputs(shop(50, seed=1), shop(ROWS))
    for target in ("price", "sold"):
        model, out = folder / f"{target}.st", folder / f"{target}.onnx"
        capsys.readouterr()
        assert run("export", model, "--to", "onnx", "-o", out) == 0
        assert capsys.readouterr().out.startswith(f"wrote {out}\ninputs (6, float32)")
        assert run("predict", model, folder / "new.csv", "-o", folder / "out.csv") == 0
        session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
        assert opset_of(out) == 17
        found, *_ = session.run(None, {"X": X})
        expected = pd.read_csv(folder / "out.csv")[target].to_numpy()
        if target == "sold":
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_opsets(tmp_path, capsys):
    folder = fit_both(tmp_path)
    model, out = folder / "price.st", folder / "price.onnx"
    assert run("export", model, "--to", "onnx", "--opset", 13, "-o", out) == 0
    assert opset_of(out) == 13
    before = out.read_bytes()
    capsys.readouterr()
    assert run("export", model, "--to", "onnx", "--opset", 12, "-o", out) == 2
    assert "opset must be an integer from 13 to" in capsys.readouterr().err
    assert run("export", model, "--to", "c", "--opset", 17, "-o", out) == 2
    assert "--opset is only for --to onnx" in capsys.readouterr().err
    assert out.read_bytes() == before

"""`fusednn export --to onnx` in ONNX Runtime, on a table that pandas encodes."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
import onnxruntime
from shop_tables import ROWS, fit_both, inputs, run, shop

pytestmark = pytest.mark.peers


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
        found, *_ = session.run(None, {"X": X})
        expected = pd.read_csv(folder / "out.csv")[target].to_numpy()
        if target == "sold":
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-5)

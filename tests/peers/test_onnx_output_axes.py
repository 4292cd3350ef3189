"""Networks that end with axes in ONNX Runtime: each output has them."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from cases.output_axes import FITS, X, fitted
from oracles.onnx_sessions import check_values, run, session_of

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FITS)
def test_each_head(name, dtype, opset, tmp_path):
    model = fitted(name, dtype)
    session = session_of(model, tmp_path / "model.onnx", opset)
    samples = X.astype(dtype)
    for count in (1, 7, 30):
        answers = run(session, samples[:count])
        if not hasattr(model, "classes_"):
            check_values(answers["variable"], model.predict(samples[:count]))
            if name == "normal":
                std = model.predict(samples[:count], return_std=True)[1]
                check_values(answers["std"], std)
            continue
        probabilities = model.predict_proba(samples[:count])
        check_values(answers["probabilities"], probabilities)
        assert answers["label"].shape == (count, 5)
        ranked = np.sort(probabilities, axis=-1)
        sure = ranked[..., -1] - ranked[..., -2] > 1e-4
        expected = model.predict(samples[:count])
        np.testing.assert_array_equal(answers["label"][sure], expected[sure])
    axes = len(model.output_shape_)
    assert all(answer.shape[1 : 1 + axes] == model.output_shape_ for answer in answers.values())
    [*shapes] = (tuple(output.shape[1 : 1 + axes]) for output in session.get_outputs())
    named = {"values": "T_out"}.get(name, "T")  # the steps are free but in the image
    assert set(shapes) == {model.output_shape_ if name == "normal" else (named,)}

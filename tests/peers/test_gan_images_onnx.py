"""The halves of a default game of images in ONNX and in C, with the scaling of the data."""

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.parity import fit_quietly

import fusednn
from fusednn import GAN
from fusednn.compiled import CompiledPredictor

pytestmark = pytest.mark.peers
RANDOM = np.random.RandomState(0)
PIXELS = RANDOM.randint(256, size=(24, 28, 28)).astype(np.uint8)
GIVEN = {
    "generator_": RANDOM.normal(size=(5, 67)).astype(np.float32),
    "discriminator_": PIXELS[:5].astype(np.float32),
}


@pytest.mark.parametrize("options", [{}, {"spectral_norm": True}], ids=str)
@pytest.mark.parametrize("name", GIVEN)
def test_halves(name, options, tmp_path):
    model = GAN(max_iter=1, batch_size=8, random_state=0, **options)
    half = getattr(fit_quietly(model, PIXELS, np.arange(24) % 3), name)
    X, path = GIVEN[name], tmp_path / "model.onnx"
    want = half.predict(X)
    fusednn.export_onnx(half, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    assert given.shape[1:] == list(X.shape[1:])
    [found] = session.run(None, {given.name: X})
    np.testing.assert_allclose(found.reshape(want.shape), want, rtol=1e-4, atol=1e-4)
    fusednn.export_library(half, tmp_path / "model.so")
    compiled = CompiledPredictor(tmp_path / "model.so").predict(X)
    np.testing.assert_allclose(compiled.reshape(want.shape), want, rtol=1e-4, atol=1e-4)

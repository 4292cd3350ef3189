"""Every layer of `every_layer.EVERY_LAYER` answers as PyTorch and as ONNX Runtime do."""

import warnings

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from every_layer import EVERY_LAYER, LABELS, data_for
from numpy.testing import assert_allclose
from onnx_sessions import check_values, run, session_of
from torch_layers import sequence_of, write

from fusednn import NetworkClassifier
from fusednn.layers import Dense

pytestmark = pytest.mark.peers


@pytest.fixture(params=EVERY_LAYER.values(), ids=EVERY_LAYER, scope="module")
def model(request):
    specs = request.param
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"max_iter": 3, "random_state": 0, "dtype": "float64"}
        return NetworkClassifier(specs, **options).fit(data_for(specs), LABELS)


def test_pytorch(model):
    X, specs = data_for(model.layers), [*model.layers, Dense(3)]
    torch.set_default_dtype(torch.float64)
    try:
        sequence = sequence_of(specs, X.shape[1]).double().eval()
        write(specs, sequence, model.get_weights())
        inputs = torch.from_numpy(X).requires_grad_()
        logits = sequence(inputs)
        logits.amax(dim=1).sum().backward()
    finally:
        torch.set_default_dtype(torch.float32)
    expected = torch.softmax(logits, dim=1).detach().numpy()
    assert_allclose(model.predict_proba(X), expected, rtol=1e-9, atol=1e-12)
    assert_allclose(model.input_gradient(X), inputs.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_onnx_runtime(model, tmp_path):
    X = data_for(model.layers)
    answers = run(session_of(model, tmp_path / "model.onnx"), X)
    check_values(answers["probabilities"], model.predict_proba(X), 1e-9)

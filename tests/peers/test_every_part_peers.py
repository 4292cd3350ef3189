"""Every part of `every_part.py` answers and trains as its peers do: PyTorch and ONNX Runtime."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
from every_part import LOSSES, OPTIMIZERS, PARTS
from numpy.testing import assert_allclose
from oracles.onnx_sessions import check_values, run, session_of
from oracles.parity import fit_quietly
from oracles.torch_descriptions import LOSS_TWINS, twin_of
from oracles.torch_layers import described, gradient_of, read, sequence_of, write
from running.nested_weights import flat

from fusednn.layers import Reshape

pytestmark = pytest.mark.peers
EVERY = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)


@pytest.fixture(autouse=True)
def in_float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def fitted(part):
    return fit_quietly(part.new(dtype="float64"), part.X, part.y)


def sequence_for(model, X):
    """The same network in PyTorch with the model's weights, and all descriptions of its layers."""
    specs = described(model)
    sequence = sequence_of(specs, X.shape[1]).eval()
    write(specs, sequence, model.get_weights())
    return sequence, specs


@EVERY
def test_outputs_and_input_gradients(part):
    model, X = fitted(part), part.X
    sequence, _ = sequence_for(model, X)
    inputs = torch.from_numpy(X).requires_grad_()
    logits = sequence(inputs)
    of = None if hasattr(model, "classes_") and not part.axes else 0
    picked = logits.amax(dim=1) if of is None else logits.flatten(1)[:, 0]
    picked.sum().backward()
    found = model.predict_logits(X).reshape(logits.shape)
    assert_allclose(found, logits.detach().numpy(), rtol=1e-9, atol=1e-12)
    assert_allclose(model.input_gradient(X, of), inputs.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("axes", [(), (3,)], ids=["samples", "steps"])
def test_losses_and_gradients(name, axes):
    """Value and gradient of the mean over the samples, or over the steps of all samples."""
    part = PARTS[f"loss {name}"]
    if axes:
        part = part._replace(layers=[Reshape(3, 2), *part.layers], axes=axes)
    model = fitted(part).set_params(alpha=0.0)
    value, gradient = model.loss_and_gradient(part.X, part.y)
    sequence, specs = sequence_for(model, part.X)
    targets = part.y.reshape(-1) if hasattr(model, "classes_") else part.y.reshape(-1, 1)
    loss = LOSS_TWINS[type(part.loss)](part.loss)
    logits = sequence(torch.from_numpy(part.X)).flatten(0, -2)
    expected = loss(logits, torch.from_numpy(targets)) / len(targets)
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-9)
    theirs = flat(_arrays(read(specs, sequence, gradient_of)))
    assert_allclose(flat(gradient), theirs, rtol=1e-8, atol=1e-12)


def _arrays(nested):
    if not isinstance(nested, list):
        return [nested.numpy()]
    return [array for part in nested for array in _arrays(part)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_all_optimizers_have_a_twin(name):
    """PyTorch has no Lion: its trajectories are compared with the equations of its paper."""
    twin = twin_of(OPTIMIZERS[name])
    assert (twin is None) == name.startswith("lion")


@EVERY
def test_onnx_runtime(part, tmp_path):
    model = fitted(part)
    answers = run(session_of(model, tmp_path / "model.onnx"), part.X)
    if hasattr(model, "classes_"):
        check_values(answers["probabilities"], model.predict_proba(part.X), 1e-9)
    else:
        check_values(answers["variable"], model.predict(part.X), 1e-9)

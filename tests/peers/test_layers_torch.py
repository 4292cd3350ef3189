"""Networks given as layers against PyTorch: outputs and gradients."""

import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.torch_layers import gradient_of, read
from oracles.torch_pairs import COLUMNS, DTYPES, NETWORKS, Pair, compare
from running.nested_weights import leaves

from fusednn import NetworkClassifier
from fusednn.layers import (
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    PReLU,
    Reshape,
    Residual,
)

pytestmark = pytest.mark.peers
torch.set_num_threads(1)

NOISY = {
    "noise": (
        [GaussianNoise(), Dense(9, "selu"), AlphaDropout(), BatchNorm(), Dropout(), PReLU()],
        "classes",
    ),
    "noise within": (
        [
            Dropout(),
            Residual([Dense(COLUMNS, "relu"), GaussianNoise(), Dropout()]),
            AlphaDropout(),
        ],
        "one",
    ),
    "noise in rows": (
        [Reshape(7, 1), GaussianNoise(), Dense(9, "selu"), AlphaDropout(), Dropout(), Flatten()],
        "classes",
    ),
}
"""Which neither outputs nor the gradient of all data show."""


@DTYPES
@pytest.mark.parametrize("name", [*NETWORKS, *NOISY])
def test_outputs_and_gradients(name, dtype):
    pair = Pair(*(NETWORKS | NOISY)[name], dtype)
    tolerance = {"float64": 1e-9, "float32": 1e-5}[dtype]
    before = pair.ours.get_weights()
    logits = pair.theirs.eval()(torch.from_numpy(pair.X).double()).detach()
    compare([pair.ours.predict_logits(pair.X)], [logits.numpy()], tolerance)
    if isinstance(pair.ours, NetworkClassifier):
        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        compare([pair.ours.predict_proba(pair.X)], [logits.softmax(1).numpy()], tolerance)
    loss, gradient, dx = pair.ours.loss_and_gradient(pair.X, pair.y, inputs=True)
    of = None if isinstance(pair.ours, NetworkClassifier) else 0
    compare([pair.ours.input_gradient(pair.X, of)], [saliency(pair, of)], tolerance)
    pair.theirs.train()
    X = pair.inputs()
    expected = pair.objective(X=X)
    expected.backward()
    compare([dx], [X.grad.numpy()], tolerance)
    assert loss == pytest.approx(expected.item(), rel=tolerance)
    gradients = leaves(read(pair.specs, pair.theirs, gradient_of))
    found = leaves(gradient)
    assert all(array.dtype == dtype for array in found)
    compare(found, [tensor.numpy() for tensor in gradients], tolerance)
    for one, other in zip(leaves(before), leaves(pair.ours.get_weights()), strict=True):
        assert one.tobytes() == other.tobytes()


def saliency(pair, of):
    """PyTorch's gradient by X of an output, or of each row's largest."""
    X = pair.inputs()
    logits = pair.theirs.eval()(X)
    picked = logits.amax(dim=1) if of is None else logits[:, of]
    return torch.autograd.grad(picked.sum(), X)[0].numpy()

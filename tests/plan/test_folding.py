"""Folded networks compute the same function with fewer ops."""

import numpy as np
import pytest
from cases.window_networks import grouped_ops, parameters_of
from oracles.interpreted_windows import Windowed

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.graph.layers.batch_norm import BatchNorm as BatchNormOp
from fusednn.graph.network import Network
from fusednn.layers import (
    Activation,
    BatchNorm,
    Conv1D,
    ConvTranspose1D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    LayerNorm,
    MaxPool1D,
    PReLU,
    Reshape,
    Residual,
    Scale,
    UpSample1D,
)
from fusednn.plan.folding import folded
from fusednn.training.predict import predict

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.RandomState(0).normal(3, 2, size=(150, 5))
Y = (X[:, 0] > 3) + (X[:, 1] > 3)
# layers, whether the data are scaled, and the ops that remain
CASES = {
    "behind a dense layer": ([Dense(7), BatchNorm(), Activation("relu")], False, 2),
    "before a dense layer": ([Dense(7, "tanh"), BatchNorm(), Dense(4)], False, 3),
    "first": ([BatchNorm()], False, 1),
    "two in a row": ([Dense(7), BatchNorm(), BatchNorm(), Dropout(0.3)], False, 2),
    "scaled": ([Dense(7, "relu")], True, 2),
    "scaled and normalised": ([BatchNorm(), Dense(7, "relu")], True, 2),
    "noise": ([GaussianNoise(), Dropout(0.1), Dense(7, "relu")], False, 2),
    "lengths": ([Dense(7, "relu", weight_norm=True)], False, 2),
    "an activation between": ([BatchNorm(), Activation("tanh"), Dense(7)], False, 3),
    "inside a residual": ([Residual([Dense(5), BatchNorm(), PReLU(), Dense(5)])], False, 2),
    "factors before a dense layer": ([Scale(), Dense(7, "tanh"), Scale()], True, 2),
    "factors behind a dense layer": ([Dense(7), Scale(), Activation("relu")], False, 2),
    "factors of activations": ([Scale(), Activation("tanh"), Dense(5)], False, 3),
    "behind a convolution": (
        [Reshape(5, 1), Conv1D(7, 3), BatchNorm(), Activation("relu"), Flatten()],
        *(False, 4),
    ),
    "before a convolution": (
        [Reshape(5, 1), BatchNorm(), Conv1D(7, 3, "tanh", padding="valid", stride=2), Flatten()],
        *(True, 4),
    ),
    "before zero padding": (
        [Reshape(5, 1), BatchNorm(), Conv1D(7, 3, padding="causal"), Flatten()],
        *(False, 5),
    ),
    "between convolutions": (
        [
            Reshape(5, 1),
            Conv1D(4, 2),
            BatchNorm(),
            BatchNorm(),
            Conv1D(3, 3, padding=0),
            Flatten(),
        ],
        *(False, 5),
    ),
    "behind a transposed convolution": (
        [
            Reshape(5, 1),
            ConvTranspose1D(6, 3, stride=2, padding=1, output_padding=1),
            BatchNorm(),
            Activation("relu"),
            Flatten(),
        ],
        *(False, 4),
    ),
    "before a transposed convolution": (
        [Reshape(5, 1), BatchNorm(), ConvTranspose1D(6, 3, "tanh"), Flatten()],
        *(False, 5),
    ),
    "before upsampling": ([Reshape(5, 1), BatchNorm(), UpSample1D(2), Flatten()], *(False, 5)),
    "in a shortcut": (
        [
            Reshape(5, 1),
            Residual([Conv1D(3, 3), BatchNorm(), PReLU()], shortcut=[Dense(3), BatchNorm()]),
            Flatten(),
        ],
        *(False, 4),
    ),
    "a shortcut of noise": ([Dense(5), Residual([Dense(5)], shortcut=[Dropout(0.3)])], False, 3),
    "a pool between": (
        [Reshape(5, 1), Conv1D(4, 2), MaxPool1D(2, 1), BatchNorm(), Flatten()],
        *(False, 6),
    ),
    "nothing to fold": ([Dense(7), LayerNorm(), Activation("gelu")], False, 3),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [3, 150])
@pytest.mark.parametrize("name", CASES)
def test_same_function(name, rows, dtype):
    layers, scaled, count = CASES[name]
    model = NetworkClassifier(
        layers, max_iter=3, random_state=0, dtype=dtype, standardize=scaled, learning_rate_init=0.1
    ).fit(X, Y)
    network, arrays = model._network(), model._parameters()
    small, fewer = folded(network, arrays)
    assert len(small.ops) == count
    assert all(array.dtype == dtype for array in fewer)
    # by the ops one after the other: what validation does during training
    x = X[:rows].astype(dtype)
    whole = model._outputs(x, lambda *given: given, link=False)
    unfolded = outputs_of(network, arrays, x)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    scale = abs(unfolded).max()
    np.testing.assert_allclose(whole, unfolded, rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(predict(small, fewer, x, answer="logits"), whole, rtol=0, atol=0)


def outputs_of(network, arrays, x):
    """The logits of a network as it stands."""
    from fusednn.plan.binding.data import source_of
    from fusednn.plan.inference import lower_inference
    from fusednn.plan.layout.choosing import forms_of
    from fusednn.plan.layout.parameters import ParameterLayout
    from fusednn.training.threads.team import run_all

    layout = ParameterLayout(forms_of(network, x.dtype), x.dtype)
    views = layout.views(layout.pack(arrays))
    program, outputs = lower_inference(
        network, views, source_of(x, x.dtype), x.dtype, answer="logits"
    )
    for refresh in program.refresh:
        refresh()
    run_all(program)
    return outputs


def test_far_means_stay_outside_of_a_bias():
    """In float32 a mean of 1e4 deviations in the bias would cost four digits."""
    far = X + 1e4
    model = NetworkRegressor([Dense(7, "tanh")], max_iter=20, random_state=0, standardize=True)
    y = X[:, 0]
    wide = model.fit(far, y).predict(far)
    model.set_params(dtype="float32").fit(far, y)
    network = folded(model._network(), model._parameters())[0]
    assert len(network.ops) == 3
    np.testing.assert_allclose(model.predict(far.astype(np.float32)), wide, atol=0.02)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_order_of_memory_does_not_matter(dtype):
    """Sums over rows have one order, whether users gave weights by rows or by columns."""
    layers = [Dense(7, "tanh", weight_norm=True), BatchNorm(), Dense(4, weight_norm=True)]
    model = NetworkClassifier(layers, max_iter=2, random_state=0, dtype=dtype, standardize=True)
    network, arrays = model.fit(X, Y)._network(), model._parameters()
    turned = [np.asfortranarray(array) for array in arrays]
    for a, b in zip(folded(network, arrays)[1], folded(network, turned)[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", grouped_ops())
@pytest.mark.parametrize("behind", [False, True])
def test_groups(name, behind):
    op = grouped_ops()[name]
    norm = BatchNormOp(op.fan_out if behind else op.fan_in)
    ops = (op, norm) if behind else (norm, op)
    arrays = parameters_of(ops, float)
    network, fewer = folded(Network(ops, "squared_error"), arrays)
    has_padding = any(map(any, op.windows.padding))
    assert len(network.ops) == (1 if behind or not has_padding else 2)
    if len(network.ops) > 1:
        return
    x = np.random.default_rng(2).normal(size=(3, *op.windows.sizes, op.fan_in))

    def convolved(x, w, b):
        return Windowed().convolve(x, w, b, op.windows, -np.inf, op.groups)["out"]

    def normed(x, scale, shift, mean, variance):
        return scale * (x - mean) / np.sqrt(variance + norm.epsilon) + shift

    if behind:
        expected = normed(convolved(x, *arrays[:2]), *arrays[2:])
    else:
        expected = convolved(normed(x, *arrays[:4]), *arrays[4:])
    np.testing.assert_allclose(convolved(x, *fewer), expected, rtol=1e-10, atol=1e-12)

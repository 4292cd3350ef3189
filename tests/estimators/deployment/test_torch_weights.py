"""`import_torch` and `export_torch` without PyTorch: by hand, and what they refuse.

`tests/peers/test_torch_exchange.py` compares every layer with PyTorch's modules.
"""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from fusednn import NetworkClassifier, NetworkRegressor, export_torch, import_torch
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    MaxPool2D,
    PReLU,
    Reshape,
    Residual,
)

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(12, 4))
Y = RANDOM.normal(size=12)
LAYERS = [Dense(3), BatchNorm(), Activation("relu"), PReLU()]


def state():
    """Arrays by hand for `LAYERS`, as an `nn.Sequential` names them."""
    return {
        "0.weight": np.arange(12.0).reshape(3, 4) / 10,
        "0.bias": np.array([0.1, -0.2, 0.3]),
        "1.weight": np.array([1.0, 2.0, 3.0]),
        "1.bias": np.array([-0.5, 0.0, 0.5]),
        "1.running_mean": np.array([0.2, 0.1, 0.0]),
        "1.running_var": np.array([1.0, 4.0, 9.0]),
        "1.num_batches_tracked": np.array(7),
        "3.weight": np.array([0.1, 0.2, 0.3]),
        "4.weight": np.array([[1.0, -1.0, 2.0]]),
        "4.bias": np.array([0.25]),
    }


def answer(s):
    """The same network in NumPy."""
    z = X @ s["0.weight"].T + s["0.bias"]
    normal = (z - s["1.running_mean"]) / np.sqrt(s["1.running_var"] + 1e-5)
    z = np.maximum(normal * s["1.weight"] + s["1.bias"], 0)
    return (z @ s["4.weight"].T + s["4.bias"]).ravel()


def initialized(layers=LAYERS, data=X, y=Y, **options):
    return NetworkRegressor(layers, random_state=0, **options).initialize(data, y)


def test_by_hand():
    model, given = initialized(), state()
    assert import_torch(model, given) is model
    np.testing.assert_allclose(model.predict(X), answer(given), rtol=1e-12)
    found = export_torch(model)
    assert list(found) == list(given)
    for key in given.keys() - {"1.num_batches_tracked"}:
        np.testing.assert_array_equal(found[key], given[key])
    assert found["1.num_batches_tracked"] == 0


def test_lists_and_one_slope():
    """What NumPy makes arrays of is taken; a single slope is that of all columns."""
    given = {key: array.tolist() for key, array in state().items()} | {"3.weight": [0.5]}
    del given["1.num_batches_tracked"]
    model = import_torch(initialized(dtype="float32"), given)
    found = export_torch(model)
    assert found["3.weight"].tolist() == [0.5] * 3
    assert found["0.weight"].dtype == np.float32
    np.testing.assert_allclose(model.predict(X), answer(state()), rtol=1e-5)


def test_images():
    """A convolution and the rows behind `Flatten`, from channels first, by sums in NumPy."""
    images = RANDOM.normal(size=(5, 3, 4, 2))
    model = initialized([Conv2D(3, (2, 1), padding="valid"), Flatten()], images, Y[:5])
    given = {
        "conv.weight": RANDOM.normal(size=(3, 2, 2, 1)),
        "conv.bias": RANDOM.normal(size=3),
        "head.weight": RANDOM.normal(size=(1, 24)),
        "head.bias": np.array([2.0]),
    }
    import_torch(model, given)
    planes, w = np.moveaxis(images, -1, 1), given["conv.weight"][..., 0]
    z = np.einsum("bchw,oc->bohw", planes[:, :, :-1], w[:, :, 0])
    z += np.einsum("bchw,oc->bohw", planes[:, :, 1:], w[:, :, 1])
    z += given["conv.bias"][:, np.newaxis, np.newaxis]
    expected = z.reshape(5, -1) @ given["head.weight"][0] + 2
    np.testing.assert_allclose(model.predict(images), expected, rtol=1e-12)
    found = export_torch(model, given)
    assert list(found) == list(given)
    assert all(found[key].tobytes() == given[key].tobytes() for key in given)


LABELS = np.array(["no", "yes"])[np.arange(12) % 2]


class Module:
    """What has a `state_dict`, as a PyTorch module has."""

    def __init__(self, arrays):
        self.arrays = arrays

    def state_dict(self):
        return self.arrays


class Tensor:
    """A tensor that NumPy reads only without gradients, in memory, and of a type it knows."""

    def __init__(self, array, *steps):
        self.array, self.steps, self.shape = array, steps, np.shape(array)

    def detach(self):
        return Tensor(self.array, "detach")

    def cpu(self):
        return Tensor(self.array, *self.steps, "cpu")

    def double(self):
        return Tensor(self.array, *self.steps, "double")

    def __array__(self, dtype=None, copy=None):
        if self.steps != ("detach", "cpu", "double"):
            raise RuntimeError("requires grad")
        return np.array(self.array, dtype)


def two_rows():
    return {
        "head.weight": RANDOM.normal(size=(2, 4)),
        "head.bias": RANDOM.normal(size=2),
    }


def test_two_rows_for_two_classes():
    """The softmax of both rows is the logistic function of their difference."""
    model = NetworkClassifier([]).initialize(X, LABELS)
    given = two_rows()
    import_torch(model, given)
    z = np.exp(X @ given["head.weight"].T + given["head.bias"])
    expected = z / z.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-12)
    found = export_torch(model, given)
    assert found["head.weight"].shape == (2, 4)
    assert not found["head.weight"][0].any()
    assert found["head.bias"][0] == 0
    before = model.predict_proba(X)
    assert import_torch(model, found).predict_proba(X).tobytes() == before.tobytes()
    one_row = export_torch(model, list(given))  # keys alone tell no shapes
    assert [array.shape for array in one_row.values()] == [(1, 4), (1,)]


@pytest.mark.parametrize(
    "change",
    [
        {"head.bias": [1.0]},
        {"head.weight": np.ones((2, 3))},
        {"head.weight": [[-1.7e308] * 4, [1.7e308] * 4]},
        {"head.weight": np.ones((3, 4)), "head.bias": np.ones(3)},
    ],
)
def test_other_pairs_are_refused(change):
    """Nothing changes."""
    model = NetworkClassifier([]).initialize(X, LABELS)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"^the output layer \(Dense\)"):
        import_torch(model, two_rows() | change)
    assert model.predict_proba(X).tobytes() == before.tobytes()


def test_two_rows_for_other_targets():
    """Two rows are no pair of classes for labels side by side, nor for values."""
    labels = np.array([[0], [1]] * 6)
    several = NetworkClassifier([]).initialize(X, np.hstack([labels, 1 - labels]))
    given = two_rows()
    found = export_torch(import_torch(several, given))
    assert found["0.weight"].tolist() == given["head.weight"].tolist()
    with pytest.raises(ValueError, match=r"received 'head.weight' of shape \(2, 4\)"):
        import_torch(initialized([]), given)


def test_modules_and_tensors():
    """The module itself is taken, and tensors that NumPy alone cannot read."""
    model, given = initialized(), state()
    import_torch(model, Module({key: Tensor(array) for key, array in given.items()}))
    np.testing.assert_allclose(model.predict(X), answer(given), rtol=1e-12)
    assert list(export_torch(model, Module(given))) == list(given)
    for other in ([1, 2], None):
        with pytest.raises(TypeError, match="expected the state_dict of a PyTorch module"):
            import_torch(model, other)


def test_exported_arrays_are_copies():
    model = initialized()
    before = model.predict(X)
    for array in export_torch(model).values():
        array[...] = 5
    assert model.predict(X).tobytes() == before.tobytes()


def test_keys_of_a_sequential():
    """Activations and dropout are modules of their own, a global pool is two."""
    block = Residual([Conv2D(4, 1, "relu"), Conv2D(4, 1)], shortcut=[Conv2D(4, 1), BatchNorm()])
    layers = [
        *(Reshape(2, 2, 1), Conv2D(4, 1, "relu"), Dropout(0.1), MaxPool2D(1), block),
        *(GlobalAvgPool(), Activation("tanh"), Dense(3)),
    ]
    prefixes = {key.rpartition(".")[0] for key in export_torch(initialized(layers))}
    inside = {"5.layers.0", "5.layers.2", "5.shortcut.0", "5.shortcut.1"}
    assert prefixes == {"1", *inside, "9", "10"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": np.ones((4, 3))}, r"layers\[0\] \(Dense\) expected 'weight' of shape"
         r" \(3, 4\), and received '0.weight' of shape \(4, 3\)"),
        ({"0.bias": None}, r"layers\[0\] \(Dense\) expected 'bias' of shape \(3,\), and received"
         r" 0.weight\."),
        ({"1.running_mean": None}, r"layers\[1\] \(BatchNorm\) expected 'running_mean'"),
        ({"1.running_var": [-1, 1, 1]}, r"layers\[1\] \(BatchNorm\) .* negative"),
        ({"3.weight": [np.nan, 1, 1]}, r"layers\[3\] \(PReLU\) received '3.weight', .* NaN"),
        ({"3.weight": [0.1, 0.2]}, r"layers\[3\] \(PReLU\) expected 'weight' of shape \(3,\)"),
        ({"3.weight": "words"}, r"layers\[3\] \(PReLU\) received '3.weight', which is no array"),
        ({"3.bias": [1, 1, 1]}, r"layers\[3\] \(PReLU\) has no 'bias', and received '3.bias'"),
        ({"4.weight": None, "4.bias": None}, "the output layer .* received nothing"),
        ({"4.weight": np.ones((2, 3))}, "the output layer .* two classes takes two rows"),
        ({"5.weight": np.ones(3), "5.bias": np.ones(3)}, "nothing for '5.weight' .* 2 entries"),
    ],
)  # fmt: skip
def test_refused(change, message):
    """Nothing changes."""
    model = initialized()
    before = model.predict(X)
    given = {key: value for key, value in (state() | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        import_torch(model, given)
    assert model.predict(X).tobytes() == before.tobytes()


@pytest.mark.parametrize(
    ("layers", "place"),
    [
        ([Reshape(2, 2), Conv1D(3, 1), Reshape(3, 2), Flatten()], r"layers\[2\]"),
        ([Reshape(2, 2), Conv1D(3, 1), Flatten(), Reshape(3, 2), Conv1D(1, 1), Flatten()],
         r"layers\[3\]"),
        ([Embedding([0], [3], size=3), Reshape(3, 2), Conv1D(1, 1), Flatten()], r"layers\["),
        ([Dense(6), Residual([Reshape(2, 3), Conv1D(3, 1), Flatten()]),
          Reshape(3, 2, channels="first"), Conv1D(1, 1), Flatten()], r"layers\["),
    ],
)  # fmt: skip
def test_reshapes_without_an_equal(layers, place):
    """PyTorch would read the elements of a sample in another order."""
    model = initialized(layers, np.abs(np.round(X)).clip(0, 2))
    with pytest.raises(ValueError, match=f"^{place}.* has no equal in PyTorch"):
        export_torch(model)


def test_other_objects():
    with pytest.raises(NotFittedError):
        export_torch(NetworkRegressor())
    with pytest.raises(NotFittedError):
        import_torch(NetworkRegressor(), {})
    with pytest.raises(TypeError, match="LogisticRegression"):
        import_torch(LogisticRegression(), {})


def recurrent_state(gates, units=2, inputs=4, layer=0, seed=0):
    """Arrays that a recurrence of PyTorch has for a layer in one direction."""
    random = np.random.RandomState(seed)
    shapes = {"weight_ih": (gates * units, inputs), "weight_hh": (gates * units, units)}
    shapes |= dict.fromkeys(("bias_ih", "bias_hh"), (gates * units,))
    return {f"rnn.{key}_l{layer}": random.normal(size=one) for key, one in shapes.items()}


OUTPUT = {"out.weight": np.ones((1, 2)), "out.bias": np.zeros(1)}


@pytest.mark.parametrize(("layer", "gates"), [(RNN(2), 1), (LSTM(2), 4), (GRU(2), 3)])
def test_two_biases_of_a_recurrence(layer, gates):
    """Their sum is one bias, but for those that the reset gate of a GRU multiplies."""
    model = initialized([Reshape(1, 4), layer])
    given = recurrent_state(gates)
    before = given["rnn.bias_ih_l0"].copy()
    import_torch(model, {**given, **OUTPUT})
    np.testing.assert_array_equal(given["rnn.bias_ih_l0"], before)
    (w, v, *biases), second = model.get_weights()[1], given["rnn.bias_hh_l0"]
    np.testing.assert_array_equal(w.T, given["rnn.weight_ih_l0"])
    np.testing.assert_array_equal(v.T, given["rnn.weight_hh_l0"])
    if gates == 3:
        np.testing.assert_array_equal(biases[1], second[4:])
        second = np.append(second[:4], [0, 0])
    np.testing.assert_array_equal(biases[0], before + second)
    exported = export_torch(model, [*given, *OUTPUT])
    np.testing.assert_array_equal(exported["rnn.bias_ih_l0"], biases[0])
    expected = np.zeros(2 * gates)
    expected[4:] = biases[1] if gates == 3 else 0
    np.testing.assert_array_equal(exported["rnn.bias_hh_l0"], expected)


def test_a_module_of_two_layers_is_two_recurrences():
    model = initialized([Reshape(1, 4), LSTM(2, return_sequences=True), LSTM(2)])
    layers = [recurrent_state(4), recurrent_state(4, inputs=2, layer=1, seed=1)]
    import_torch(model, {**layers[0], **layers[1], **OUTPUT})
    for number in (0, 1):
        w = layers[number][f"rnn.weight_ih_l{number}"]
        np.testing.assert_array_equal(model.get_weights()[number + 1][0].T, w)
    with pytest.raises(ValueError, match=r"layers\[2\] \(LSTM\) expected 'weight_ih_l0'"):
        import_torch(model, {**layers[0], **OUTPUT})


def test_training_goes_on():
    """`fit` with `warm_start` begins with the imported weights."""
    labels = np.arange(12) % 3
    one, other = (
        NetworkClassifier([Dense(5, "tanh")], random_state=seed, max_iter=1, warm_start=True)
        for seed in (0, 1)
    )
    one.initialize(X, labels), other.initialize(X, labels)
    import_torch(other, export_torch(one))
    for model in (one, other):
        model.set_params(learning_rate_init=1e-30, shuffle=False, tol=0)
        with pytest.warns(Warning, match="Maximum iterations"):
            model.fit(X, labels)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-12)

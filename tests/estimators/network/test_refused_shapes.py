"""Samples that a layer cannot take: the error names the layer, what came and what it expected."""

import re

import numpy as np
import pytest
from oracles.parity import fit_quietly

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    Activation,
    AvgPool1D,
    AvgPool2D,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    ConvTranspose2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
    Reshape,
    Residual,
    UpSample1D,
    UpSample2D,
)

IMAGE = r"samples with axes \(rows, columns, channels\)"
SERIES = r"samples with axes \(steps, channels\)"
COLUMNS = rf"received 16 columns and expected {IMAGE}; put Reshape\(28, 28, 1\)"
ROW = r"Flatten\(\) or a global pool"
SAME = [Conv2D(3, 3), Flatten()]

CASES = {
    # what the samples have, what the list is, the layer that is named, and what is said of it
    "an image smaller than the kernel": (
        *((4, 4, 2), [Conv2D(3, 5, padding="valid"), Flatten()]),
        *("layers[0] is Conv2D", r"axes \(4, 4, 2\).* at least \(5, 5\)"),
    ),
    "an image smaller than a dilated kernel": (
        *((4, 9, 2), [Conv2D(3, 3, dilation=(3, 1), padding=0), Flatten()]),
        *("layers[0] is Conv2D", r"axes \(4, 9, 2\).* at least \(7, 3\)"),
    ),
    "a series shorter than the kernel": (
        *((4, 2), [Activation("tanh"), Conv1D(3, 5, padding=0), Flatten()]),
        *("layers[1] is Conv1D", r"axes \(4, 2\).* at least \(5,\)"),
    ),
    "nothing is left of an image": (
        *((4, 4, 2), [ConvTranspose2D(3, 3, padding=5), Flatten()]),
        *(
            "layers[0] is ConvTranspose2D",
            r"axes \(4, 4, 2\), of which its padding leaves nothing",
        ),
    ),
    "nothing is left of a series": (
        *((4, 2), [ConvTranspose1D(3, 3, padding=5), Flatten()]),
        *("layers[0] is ConvTranspose1D", r"axes \(4, 2\), of which its padding leaves nothing"),
    ),
    "pools leave too little": (
        *((6, 6, 3), [Conv2D(4, 3), MaxPool2D(2), MaxPool2D(2), MaxPool2D(2), Flatten()]),
        *("layers[3] is MaxPool2D", r"axes \(1, 1, 4\).* at least \(2, 2\)"),
    ),
    "pools of series leave too little": (
        *((6, 3), [AvgPool1D(4), MaxPool1D(2), Flatten()]),
        *("layers[1] is MaxPool1D", r"axes \(1, 3\).* at least \(2,\)"),
    ),
    "a mean of more than there is": (
        *((3, 9, 1), [AvgPool2D((4, 2)), Flatten()]),
        *("layers[0] is AvgPool2D", r"axes \(3, 9, 1\).* at least \(4, 2\)"),
    ),
    "channels and groups": (
        *((4, 4, 3), [Conv2D(4, 3, groups=2), Flatten()]),
        *("layers[0] is Conv2D", "received 3 channels and expected a multiple of its 2 groups"),
    ),
    "channels of a series and groups": (
        *((4, 3), [Conv1D(4, 3, groups=2), Flatten()]),
        *("layers[0] is Conv1D", "received 3 channels and expected a multiple of its 2 groups"),
    ),
    "channels and groups of a transpose": (
        *((4, 4, 3), [Dense(5), ConvTranspose2D(4, 3, groups=4), Flatten()]),
        *("layers[1] is ConvTranspose2D", "received 5 channels and expected a multiple of its 4"),
    ),
    "channels and groups of a transpose of series": (
        *((4, 3), [ConvTranspose1D(4, 3, groups=2), Flatten()]),
        *("layers[0] is ConvTranspose1D", "received 3 channels and expected a multiple of its 2"),
    ),
    **{
        f"columns into {type(layer).__name__}": (
            *((16,), [layer, Flatten()], f"layers[0] is {type(layer).__name__}", COLUMNS),
        )
        for layer in (
            *(Conv2D(3, 3), ConvTranspose2D(2, 3), MaxPool2D(2), AvgPool2D(2), UpSample2D(2)),
        )
    },
    **{
        f"columns behind Dense into {type(layer).__name__}": (
            *((16,), [Dense(4), layer, Flatten()], f"layers[1] is {type(layer).__name__}"),
            rf"received 4 columns and expected {SERIES}; put Reshape\(50, 16\)",
        )
        for layer in (
            *(Conv1D(3, 3), ConvTranspose1D(2, 3), MaxPool1D(2), AvgPool1D(2), UpSample1D(2)),
        )
    },
    **{
        f"images into {type(layer).__name__}": (
            *((4, 5, 3), [layer, Flatten()], f"layers[0] is {type(layer).__name__}"),
            rf"axes \(4, 5, 3\) and expected {SERIES}",
        )
        for layer in (
            *(Conv1D(3, 3), ConvTranspose1D(2, 3), MaxPool1D(2), AvgPool1D(2), UpSample1D(2)),
        )
    },
    "a flat sample": (
        *((4, 4, 1), [Conv2D(3, 3), Flatten(), Conv2D(3, 3)]),
        *("layers[2] is Conv2D", f"received 48 columns and expected {IMAGE}"),
    ),
    "a global pool of columns": (
        *((16,), [Dense(3), GlobalAvgPool()]),
        *("layers[1] is GlobalAvgPool", "received 3 columns and expected samples with axes"),
    ),
    "two global pools": (
        *((4, 4, 1), [Conv2D(3, 3), GlobalMaxPool(), GlobalAvgPool()]),
        *("layers[2] is GlobalAvgPool", "received 3 columns and expected samples with axes"),
    ),
    **{
        f"absurd sizes of {layer}": (
            *((4, 5, 3), [Dense(3), layer, Flatten()], f"layers[1] is {type(layer).__name__}"),
            r"axes \(4, 5, 3\) and makes more than 2147483648 elements",
        )
        for layer in (
            *(Conv2D(2, 3, dilation=10**9), Conv2D(2, 3, padding=10**20), Conv2D(10**10, 3)),
            *(Conv2D(2, 3, padding=10**200), ConvTranspose2D(2, 3, stride=10**20)),
            *(UpSample2D(10**10), MaxPool2D(10**7, 10**7, padding=5 * 10**6)),
        )
    },
    **{
        f"absurd sizes of {layer}": (
            *((4, 3), [layer, Flatten()], f"layers[0] is {type(layer).__name__}"),
            "its stride and dilation may be at most 2147483648",
        )
        for layer in (
            *(Conv1D(2, 1, stride=10**20), Conv1D(2, 1, dilation=10**20)),
            *(MaxPool1D(2, stride=10**20), AvgPool1D(2, stride=10**20)),
        )
    },
    "more than a table can have": (
        *((4, 3), [UpSample1D(10**8), GlobalAvgPool()]),
        *("layers[0] is UpSample1D", "its windows hold 400000000 elements together"),
    ),
    "columns and Reshape": (
        *((16,), [Reshape(4, 5, 1), *SAME]),
        *("layers[0] is Reshape", "received 16 columns and expected 20 elements"),
    ),
    "columns and Reshape with channels first": (
        *((16,), [Reshape(1, 4, 5, channels="first"), *SAME]),
        *("layers[0] is Reshape", "received 16 columns and expected 20 elements"),
    ),
    "axes and Reshape": (
        *((4, 4, 1), [Conv2D(3, 3), Reshape(4, 5), Flatten()]),
        *("layers[1] is Reshape", r"axes \(4, 4, 3\) of 48 elements and expected 20 elements"),
    ),
    "four axes": (
        (2, 2, 2, 2),
        SAME,
        "X has",
        r"axes \(2, 2, 2, 2\).* at most three: \(H, W, C\)",
    ),
    "inside a residual block": (
        *((4, 4, 3), [Residual([Conv2D(3, 3), Conv2D(3, 7, padding=0)]), Flatten()]),
        *("layers[0].layers[1] is Conv2D", r"axes \(4, 4, 3\).* at least \(7, 7\)"),
    ),
    "inside a block of a block": (
        *((4, 4, 3), [Dense(3), Residual([Residual([Conv2D(4, 3, groups=2)])]), Flatten()]),
        *(
            "layers[1].layers[0].layers[0] is Conv2D",
            "3 channels and expected a multiple of its 2",
        ),
    ),
    "inside a shortcut": (
        *((4, 4, 3), [Residual([Conv2D(4, 3)], shortcut=[MaxPool2D(5)]), Flatten()]),
        *("layers[0].shortcut[0] is MaxPool2D", r"axes \(4, 4, 3\).* at least \(5, 5\)"),
    ),
    "ends of a block": (
        *((4, 4, 3), [Residual([Conv2D(4, 3, stride=2)]), Flatten()]),
        *("layers[0] is Residual", r"received axes \(4, 4, 3\) .* not axes \(2, 2, 4\)"),
    ),
    "ends of a block and its shortcut": (
        *((4, 4, 3), [Residual([Conv2D(4, 3, stride=2)], shortcut=[Dense(4)]), Flatten()]),
        *("layers[0] is Residual", r"axes \(2, 2, 4\), but its shortcut with axes \(4, 4, 4\)"),
    ),
    "images at the end": (
        *((4, 4, 3), [Conv2D(5, 3)]),
        *(
            "layers[0] is Conv2D",
            rf"axes \(4, 4\), so y must .* \(n_samples, 4, 4\).* got \(24,\); .* {ROW} behind",
        ),
    ),
    "series at the end": (
        *((4, 3), [Conv1D(5, 3), Activation("relu")]),
        *(
            "layers[1] is Activation",
            rf"axes \(4,\), so y must .* \(n_samples, 4\).* got \(24,\); .* {ROW} behind",
        ),
    ),
    "no layers": (
        (4, 4, 3),
        [],
        "X has",
        rf"axes \(4, 4\), so y must .* got \(24,\); .* {ROW} in layers",
    ),
    "only an output layer": (
        *((4, 4, 3), [Activation("softmax")]),
        *("X has", rf"axes \(4, 4\), so y must .* got \(24,\); .* {ROW} in layers"),
    ),
    "codes with axes": (
        *((4, 4), [Embedding([0]), Flatten()]),
        *("layers[0] is Embedding", r"received axes \(4, 4\) and expected columns of X"),
    ),
    "codes behind a layer": (
        *((4, 4, 3), [Conv2D(3, 1), Embedding([0])]),
        *("layers[1] is Embedding", "it must be the first layer"),
    ),
    "columns of codes": (
        *((3,), [Embedding([0]), Conv2D(3, 1)]),
        *("layers[1] is Conv2D", rf"received \d+ columns and expected {IMAGE}"),
    ),
}
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
LABELS = np.arange(24) % 3
GOOD = np.random.default_rng(0).normal(size=(24, 4, 5, 3))


def samples(axes):
    return np.abs(np.random.default_rng(1).integers(3, size=(24, *axes))).astype(float)


def words_of(name, said):
    return f"{re.escape(name)}.*{said}"


def attributes(model):
    return {
        name: [array.copy() for array in value] if name == "_arrays" else value
        for name, value in vars(model).items()
    }


def assert_unchanged(model, before):
    now = vars(model)
    assert now.keys() == before.keys()
    for name, value in before.items():
        if name == "_arrays":
            for one, other in zip(now[name], value, strict=True):
                np.testing.assert_array_equal(one, other)
        else:
            assert now[name] is value


@EVERY
def test_a_first_fit(case):
    axes, layers, name, said = case
    for kind in (NetworkClassifier, NetworkRegressor):
        if kind is NetworkRegressor and layers == [Activation("softmax")]:
            continue  # refused for its softmax
        model = kind(layers, max_iter=1)
        before = attributes(model)
        for method in (model.fit, model.partial_fit, model.initialize):
            classes = {"classes": [0, 1, 2]} if method == model.partial_fit else {}
            given = classes if kind is NetworkClassifier else {}
            with pytest.raises(ValueError, match=words_of(name, said)):
                method(samples(axes), LABELS, **given)
            assert_unchanged(model, before)


@EVERY
def test_a_fit_after_another(case):
    """The network of the first fit stays, and goes on predicting."""
    axes, layers, name, said = case
    model = fit_quietly(NetworkClassifier(SAME, max_iter=2, random_state=0), GOOD, LABELS)
    answers = model.predict_proba(GOOD)
    model.set_params(layers=layers)
    before = attributes(model)
    with pytest.raises(ValueError, match=words_of(name, said)):
        model.fit(samples(axes), LABELS)
    assert_unchanged(model, before)
    np.testing.assert_array_equal(model.predict_proba(GOOD), answers)


OTHER_AXES = {
    "fewer rows": GOOD[:, :3],
    "columns and rows exchanged": GOOD.transpose(0, 2, 1, 3),
    "channels first": GOOD.transpose(0, 3, 1, 2),
    "fewer channels": GOOD[..., :2],
    "one channel": GOOD[..., 0],
    "one image": GOOD[0],
    "more axes": GOOD[..., np.newaxis],
}


@pytest.mark.parametrize("X", OTHER_AXES.values(), ids=OTHER_AXES)
def test_axes_of_predictions_are_those_of_the_fit(X):
    model = fit_quietly(NetworkClassifier(SAME, max_iter=2, random_state=0), GOOD, LABELS)
    before = attributes(model)
    found = re.escape(str(X.shape[1:]))
    words = rf"axes {found}, but NetworkClassifier is expecting .* axes \(4, 5, 3\)"
    own = np.zeros(len(X)), {"X_val": X, "y_val": np.zeros(len(X))}
    for method, *given in (
        (model.predict,),
        (model.predict_proba,),
        (model.predict_logits,),
        (model.hidden_activations,),
        (model.input_gradient,),
        (model.score, own[0]),
        (model.loss_and_gradient, own[0]),
        (model.partial_fit, own[0]),
    ):
        with pytest.raises(ValueError, match=words):
            method(X, *given)
    with pytest.raises(ValueError, match=words):
        model.fit(GOOD, LABELS, **own[1])
    assert_unchanged(model, before)
    with pytest.raises(ValueError, match=words):
        model.set_params(warm_start=True).fit(X, own[0])


def test_groups_that_do_not_divide_the_filters_have_no_description():
    for kind in (Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D):
        words = f"filters of {kind.__name__} must be a multiple of groups, got 5 filters and 2"
        with pytest.raises(ValueError, match=words):
            kind(5, 3, groups=2)

"""Values of parameters as JSON: what comes back, and what is refused."""

import io
import json

import numba
import numpy as np
import pytest
import safetensors.numpy
from cases.saved_models import LABELS, NUMBERS, SMALL, X, fit_quietly
from running.saved_estimators import again, assert_same_network, assert_same_value
from sklearn import config_context

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    augment,
    freeze,
    layers,
    load,
    losses,
    optimizers,
    schedules,
)
from fusednn.estimators.files.json_values import DESCRIPTIONS, Reader, Unwritable, Writer
from fusednn.serving.files.tensors import Tensors

# -- values ------------------------------------------------------------------------------

ALL_VALUES = [
    *(None, True, 0, -5, 10**30, 0.1, -0.0, np.inf, -np.inf, np.nan, 1e308, "ä\ud800", ""),
    *((), [], {}, (1, [2.0, (None,)]), {1: "a", "1": 2, (3, "b"): 4.0, None: True, 2.5: ()}),
    *(np.float32(0.1), np.float64(np.nan), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True)),
    *(
        np.str_("é"),
        np.float16(1.5),
        [0.5] * 20,
        [np.float64(np.inf)] * 20,
        [1] * 20,
        [0.5, 1] * 9,
    ),
    *(np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.array(2.5), np.array([True, False])),
    *(np.array(["a", "bb"]), np.array(["a", "bb"], object), np.array([], "U3")),
    *(np.arange(4, dtype=">i4"), np.arange(6).reshape(2, 3).T, np.random.RandomState(1)),
    layers.Residual([layers.Dense(np.int64(3), "relu", max_norm=np.float32(2)), layers.PReLU()]),
    layers.Residual([layers.Dropout(0.1, per="channel")], shortcut=[layers.Dropout()]),
    layers.Scale(rate_factor=6.0),
    [layers.Dropout(0.1, schedule=schedules.FlatCosine(0.3)), layers.Output("zeros", bias=False)],
    optimizers.AdamW(decay_schedule=schedules.WarmUp(3, then=schedules.CosLog(2))),
    augment.Scale(0.25),
    losses.Quantile((0.1, 0.9)),
    optimizers.SGD(0.9, nesterov=True),
    schedules.WarmUp(5, then=schedules.Step(3, 0.5)),
]


def named(value):
    """Its text without an address, which is another in each process."""
    return repr(value).partition(" at 0x")[0]


def by_way_of_json(value):
    """A value written and read."""
    writer = Writer()
    text = json.dumps(writer.write(value, "value"), allow_nan=False)
    arrays = {name: np.array(part, order="C") for name, part in writer.tensors.items()}
    reader = Reader(Tensors(io.BytesIO(safetensors.numpy.save(arrays))))
    found = reader.read(json.loads(text), "value")
    assert reader.used == set(writer.tensors)
    return found


@pytest.mark.parametrize("value", ALL_VALUES, ids=named)
def test_values_of_parameters_come_back(value):
    found = by_way_of_json(value)
    if type(value) is np.ndarray:  # other byte orders become the machine's
        value = value.astype(value.dtype.newbyteorder("="))
    assert_same_value(found, value, "value")


def test_all_descriptions_can_be_written():
    """Their public names, without the bases; each made with what it needs and written."""
    needed = {
        "Dense": (3,),
        **dict.fromkeys(("Activation", "ParametricActivation"), ("relu",)),
        "Residual": ([layers.Dense(3)],),
        "Embedding": ([1],),
        "TokenEmbedding": (4, 9, 0),
        "Reshape": (4, 3),
        "Conv1D": (4, 3),
        "Conv2D": (4, (3, 2), "relu", 1, ((1, 0), 2)),
        "ConvTranspose1D": (4, 3, "relu", 2, (0, 1), 1),
        "ConvTranspose2D": (4, (3, 2), "relu", 2, "same"),
        **dict.fromkeys(("RNN", "LSTM", "GRU"), (3,)),
        **dict.fromkeys(("MultiHeadAttention", "TransformerBlock"), (3,)),
        "UpSample1D": (3,),
        "UpSample2D": ((3, 2),),
        **dict.fromkeys(("MaxPool1D", "AvgPool1D"), (2,)),
        **dict.fromkeys(("MaxPool2D", "AvgPool2D"), ((3, 2), 1)),
        **dict.fromkeys(("Step", "Exponential", "WarmUp", "Cyclic"), None),
        **dict.fromkeys(("Shift", "Rotate", "CutOut", "Crop"), (3,)),
        **dict.fromkeys(("Scale", "Noise", "Jitter", "Stretch"), (0.5,)),
    }
    for name, kind in DESCRIPTIONS.items():
        arguments = needed.get(name, ())
        if arguments is None:
            continue
        made = kind(*arguments)
        assert by_way_of_json(made) == made
    modules = augment, layers, losses, optimizers, schedules
    public = {name for module in modules for name in module.__all__}
    bases = {"Augmentation", "Layer", "NAMED", "Optimizer", "Schedule"}
    assert public - set(DESCRIPTIONS) == {*bases, "presets"}


class Odd(layers.Dense):
    """A description of the user's own."""


@pytest.mark.parametrize(
    "value",
    [object(), len, {1}, 1j, b"b", range(3), Odd(3), np.datetime64("2020"), np.array([None, 1])],
    ids=named,
)
def test_other_values_are_refused(value):
    for inside in (value, [value], (1, value), {"a": value}):
        with pytest.raises(Unwritable):
            Writer().write(inside, "value")


# -- what is refused ---------------------------------------------------------------------


@numba.njit
def own_loss(z, y):
    return (z - y) ** 2, 2 * (z - y)


def constant(number):
    return 1.0


def scorer(estimator, X, y, sample_weight=None):
    return 0.5


REFUSED = {
    "loss": (MLPRegressor(own_loss, (4,), **SMALL), "fusednn.losses"),
    "learning_rate": (MLPRegressor(learning_rate=constant, **SMALL), "fusednn.schedules"),
    "scoring": (MLPRegressor(scoring=scorer, early_stopping=True, **SMALL), "name of a scorer"),
    "random_state": (
        MLPRegressor(max_iter=2, random_state=np.random.RandomState(np.random.PCG64(0))),
        "Use numbers",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_pickle_is_refused_by_name(name, tmp_path):
    estimator, remedy = REFUSED[name]
    fit_quietly(estimator, X, NUMBERS)
    with pytest.raises(ValueError, match=f"parameter {name} without pickle: .*{remedy}"):
        estimator.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())
    freeze(estimator).save(tmp_path / "model")  # as the message says
    assert load(tmp_path / "model")(X).shape == (60, 1)


def test_callbacks_are_refused(tmp_path):
    callback = pytest.importorskip(
        "sklearn.callback", reason="scikit-learn has callbacks since 1.9"
    )
    estimator = MLPClassifier((4,), **SMALL)
    estimator.set_callbacks(callback.ScoringMonitor(scoring="accuracy"))
    fit_quietly(estimator, X, LABELS)
    with pytest.raises(ValueError, match=r"callbacks: remove them with set_callbacks\(\)"):
        estimator.save(tmp_path / "model")
    estimator.set_callbacks()
    assert_same_network(estimator, again(estimator))


def test_attributes_of_others_are_refused(tmp_path):
    estimator = fit_quietly(MLPClassifier((4,), **SMALL), X, LABELS)
    estimator.mine = 3
    with pytest.raises(ValueError, match="attribute mine, which is not"):
        estimator.save(tmp_path / "model")
    del estimator.mine
    estimator.save(tmp_path / "model")


def test_metadata_requests_are_refused(tmp_path):
    estimator = fit_quietly(MLPClassifier((4,), **SMALL), X, LABELS)
    with config_context(enable_metadata_routing=True):
        estimator.set_fit_request(sample_weight=True)
    with pytest.raises(ValueError, match="cannot write metadata requests: delete"):
        estimator.save(tmp_path / "model")
    del estimator._metadata_request
    estimator.save(tmp_path / "model")

"""Estimators to files and back: parameters, predictions, training that goes on, refusals."""

import io
import json
from functools import cache
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
from every_kind import CODES, LABELS, NUMBERS, SMALL, WORDS, X, estimators, fit_quietly
from mutations import joined, mutated, split
from parity import outcome
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from fusednn import (
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    freeze,
    layers,
    load,
    losses,
    optimizers,
    schedules,
)
from fusednn.estimators.files.json_values import DESCRIPTIONS, Reader, Unwritable, Writer
from fusednn.estimators.files.loading import read_estimator
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import VERSION
from fusednn.serving.files.tensors import Tensors

SERVING = Path(__file__).parents[1] / "serving"
NAMES = list(estimators())


@cache
def file_of(name):
    """A fitted estimator's file, as bytes, and its class."""
    estimator, rows, y = estimators()[name]
    return type(estimator), saved(fit_quietly(estimator, rows, y))


def saved(estimator, notes=None):
    """What `save` writes."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        estimator.save(path, notes)
        return path.read_bytes()


def again(estimator):
    """The estimator by way of a file."""
    return read_estimator(type(estimator), io.BytesIO(saved(estimator)))


def assert_same_network(one, other):
    """The same parameters and curves, to the bit."""
    for name in ("loss_", "loss_curve_", "n_iter_", "t_", "validation_scores_"):
        assert_same_value(getattr(one, name, None), getattr(other, name, None), name)
    assert_same_value(one._parameters(), other._parameters(), "parameters")


def assert_same_state(one, other):
    """All that vars hold, but for what is made anew, in types and bits."""
    assert set(vars(one)) == set(vars(other))
    for name in set(vars(one)) - {"_labels", "_optimizer", "_built_layers"}:
        assert_same_value(getattr(one, name), getattr(other, name), name)
    if hasattr(one, "_optimizer"):
        for name, value in vars(one._optimizer).items():
            assert_same_value(value, getattr(other._optimizer, name), name)
    if hasattr(one, "_built_layers"):
        assert one._built_layers == other._built_layers


def assert_same_value(one, other, name):
    assert type(one) is type(other), name
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        assert one.tolist() == other.tolist() or one.tobytes() == other.tobytes(), name
    elif isinstance(one, np.random.RandomState):
        assert_same_value(one.get_state(), other.get_state(), name)
    elif isinstance(one, dict):
        assert_same_value(list(one.items()), list(other.items()), name)
    elif type(one) in (list, tuple):
        assert len(one) == len(other), name
        for a, b in zip(one, other, strict=True):
            assert_same_value(a, b, name)
    else:
        assert repr(one) == repr(other), name


@pytest.mark.parametrize("name", NAMES)
def test_state_and_answers_are_the_same(name):
    estimator, rows, y = estimators()[name]
    fit_quietly(estimator, rows, y)
    loaded = again(estimator)
    assert_same_state(estimator, loaded)
    assert repr(loaded) == repr(estimator)
    for method in ("predict", "predict_proba", "predict_log_proba", "predict_logits"):
        if hasattr(estimator, method):
            found, expected = getattr(loaded, method)(rows), getattr(estimator, method)(rows)
            for a, b in zip(found, expected, strict=True):
                assert_same_value(a, b, method)
    assert loaded.score(rows, y) == estimator.score(rows, y)


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_as_the_unsaved_one_would(name):
    estimator, rows, y = estimators()[name]
    if estimator.solver != "lbfgs" and not estimator.early_stopping:
        weight = estimator.get_params().get("class_weight")
        estimator.set_params(max_iter=2)
        fit_quietly(estimator, rows, y)
        loaded = again(estimator)
        for _ in range(2):
            assert weight != "balanced"
            estimator.partial_fit(rows, y)
            loaded.partial_fit(rows, y)
        assert_same_network(estimator, loaded)
    fit_quietly(estimator, rows, y)
    loaded = again(estimator)
    for each in (estimator, loaded):
        fit_quietly(each.set_params(warm_start=True, warm_start_optimizer=True), rows, y)
    assert_same_network(estimator, loaded)
    assert_same_state(estimator, loaded)
    for each in (estimator, loaded):  # from the beginning
        fit_quietly(each.set_params(warm_start=False), rows, y)
    assert_same_network(estimator, loaded)


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_estimators_of_all_versions_go_on(version):
    """The file and the answers of `tests/serving/make_files.py`, up to rounding."""
    expected = json.loads((SERVING / f"files/answers_{version}.json").read_text())
    kind, y = [
        (MLPClassifier, LABELS),
        (MLPRegressor, NUMBERS),
        (NetworkClassifier, WORDS[LABELS]),
    ][version - 1]
    estimator = kind.load(SERVING / f"files/estimator_{version}.safetensors")
    for part in ("estimator", "estimator later"):
        rows = np.array(expected[part]["rows"])
        found = freeze(estimator)(rows)
        np.testing.assert_allclose(found, expected[part]["logits"], rtol=1e-7, atol=1e-7)
        estimator.set_params(warm_start=True, warm_start_optimizer=True)
        fit_quietly(estimator, X, y)


def test_a_gaussian_of_version_1_goes_on(tmp_path):
    """Its file does not tell a predictor of the least variance; the estimator knows its loss."""
    path, (estimator, rows, y) = tmp_path / "model", estimators()["gaussian"]
    fit_quietly(estimator, rows, y).save(path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    plan = json.loads(header["__metadata__"]["fusednn"])
    assert plan.pop("version") == 2
    assert plan.pop("columns") is None
    for key in ("inverse", "least", "column"):
        del plan["head"][key]
    header["__metadata__"]["fusednn"] = json.dumps({"version": 1, **plan})
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    loaded = MLPRegressor.load(path)
    found = loaded.predict(rows, return_std=True)
    for one, other in zip(found, estimator.predict(rows, return_std=True), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    predictor = load(path)
    np.testing.assert_array_equal(predictor.predict(rows), freeze(estimator).predict(rows))
    with pytest.raises(ValueError, match=r"return_std=True needs .*save the estimator again\."):
        predictor.predict(rows, return_std=True)
    loaded.save(path)
    assert len(load(path).predict(rows, return_std=True)) == 2


def test_a_random_state_goes_on():
    estimator = MLPClassifier((4,), max_iter=2, random_state=np.random.RandomState(3))
    estimator.random_state.normal(size=3)  # half of a pair is kept
    fit_quietly(estimator, X, LABELS)
    loaded = again(estimator)
    assert loaded.random_state.normal() == estimator.random_state.normal()
    for each in (estimator, loaded):
        fit_quietly(each, X, LABELS)
    assert_same_network(estimator, loaded)


def test_a_stream_of_labels_goes_on():
    estimator = MLPClassifier((4,), random_state=0)
    estimator.partial_fit(X[:2], WORDS[LABELS[:2]], classes=WORDS.tolist())
    loaded = again(estimator)
    for each in (estimator, loaded):
        each.partial_fit(X, WORDS[LABELS])
    assert_same_network(estimator, loaded)
    for each in (estimator, loaded):
        with pytest.raises(ValueError, match=r"not in `self\.classes_`"):
            each.partial_fit(X[:1], ["new"])


def test_sparse_labels_are_decoded_as_before():
    y = sparse.csr_matrix(np.array([[0, 1, 1], [1, 0, 1]])[LABELS % 2])
    estimator = fit_quietly(MLPClassifier((4,), **SMALL), X, y)
    loaded = again(estimator)
    one, other = estimator.predict(X), loaded.predict(X)
    assert sparse.issparse(one)
    assert type(one) is type(other)
    assert (one != other).nnz == 0
    for each in (estimator, loaded):
        each.partial_fit(X, y)
    assert_same_network(estimator, loaded)


def test_sparse_data_and_names_of_columns():
    estimator = fit_quietly(MLPClassifier((4,), **SMALL), sparse.csr_matrix(X), LABELS)
    loaded = again(estimator)
    np.testing.assert_array_equal(loaded.predict(sparse.csr_matrix(X)), estimator.predict(X))
    frame = pd.DataFrame(X, columns=list("abcde"))
    named = fit_quietly(MLPClassifier((4,), **SMALL), frame, LABELS)
    assert_same_state(named, again(named))


def test_weights_of_the_user(tmp_path):
    estimator = fit_quietly(MLPClassifier((4,), **SMALL), X, LABELS)
    estimator.coefs_[0] = np.round(estimator.coefs_[0]).astype(int)
    loaded = again(estimator)
    assert loaded.predict_logits(X).tobytes() == estimator.predict_logits(X).tobytes()
    estimator.coefs_[0] = np.full((5, 4), np.nan)
    with pytest.raises(ValueError, match=r"'ops\.0\.weights' holds NaN or infinity"):
        estimator.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_initialized_network():
    estimator = NetworkClassifier([layers.Dense(3)], random_state=0).initialize(X, LABELS)
    loaded = again(estimator)
    for each in (estimator, loaded):
        each.partial_fit(X, LABELS)
    assert_same_network(estimator, loaded)


def test_a_class_of_the_user(tmp_path):
    class Wider(MLPClassifier):
        pass

    estimator = fit_quietly(Wider((4,), max_iter=2, random_state=0), X, LABELS)
    estimator.save(tmp_path / "model")
    assert type(Wider.load(tmp_path / "model")) is Wider
    assert type(MLPClassifier.load(tmp_path / "model")) is MLPClassifier


def test_a_clone_of_a_loaded_one_is_one_of_the_parameters():
    estimator, rows, y = estimators()["every layer"]
    loaded = again(fit_quietly(estimator, rows, y))
    assert repr(clone(loaded)) == repr(clone(estimator))
    assert_same_network(fit_quietly(clone(loaded), rows, y), estimator)


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
    losses.Quantile((0.1, 0.9)),
    optimizers.SGD(0.9, nesterov=True),
    schedules.WarmUp(5, then=schedules.Step(3, 0.5)),
]


def by_way_of_json(value):
    """A value written and read."""
    writer = Writer()
    text = json.dumps(writer.write(value, "value"), allow_nan=False)
    arrays = {name: np.array(part, order="C") for name, part in writer.tensors.items()}
    reader = Reader(Tensors(io.BytesIO(safetensors.numpy.save(arrays))))
    found = reader.read(json.loads(text), "value")
    assert reader.used == set(writer.tensors)
    return found


@pytest.mark.parametrize("value", ALL_VALUES, ids=repr)
def test_values_of_parameters_come_back(value):
    found = by_way_of_json(value)
    if type(value) is np.ndarray:  # other byte orders become the machine's
        value = value.astype(value.dtype.newbyteorder("="))
    assert_same_value(found, value, "value")


def test_all_descriptions_can_be_written():
    """Their public names, without the bases; each made with what it needs and written."""
    needed = {
        "Dense": (3,),
        "Activation": ("relu",),
        "Residual": ([layers.Dense(3)],),
        "Embedding": ([1],),
        "Reshape": (4, 3),
        **dict.fromkeys(("Step", "Exponential", "WarmUp", "Cyclic"), None),
    }
    for name, kind in DESCRIPTIONS.items():
        arguments = needed.get(name, ())
        if arguments is None:
            continue
        made = kind(*arguments)
        assert by_way_of_json(made) == made
    modules = layers, losses, optimizers, schedules
    public = {name for module in modules for name in module.__all__}
    assert public - set(DESCRIPTIONS) == {"Layer", "NAMED", "Optimizer", "Schedule"}


class Odd(layers.Dense):
    """A description of the user's own."""


@pytest.mark.parametrize(
    "value",
    [object(), len, {1}, 1j, b"b", range(3), Odd(3), np.datetime64("2020"), np.array([None, 1])],
    ids=repr,
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
    with pytest.raises(ValueError, match=r"callbacks: take them away with set_callbacks\(\)"):
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


def test_unfitted_is_refused(tmp_path):
    for kind in (MLPClassifier, NetworkRegressor):
        with pytest.raises(NotFittedError):
            kind().save(tmp_path / "model")


def test_parameters_set_after_the_fit(tmp_path):
    """Those that make another network of a list are refused, others are kept."""
    estimator = NetworkClassifier([layers.Dense(3, "relu")], **SMALL)
    fit_quietly(estimator, X, LABELS)
    estimator.set_params(layers=[layers.Dense(9)], alpha=0.5)  # of a fit to come
    loaded = again(estimator)
    assert loaded.layers == [layers.Dense(9)]
    assert loaded.predict_logits(X).tobytes() == estimator.predict_logits(X).tobytes()
    estimator.set_params(alpha=-1)
    with pytest.raises(ValueError, match="'alpha' parameter"):
        estimator.save(tmp_path / "model")


@pytest.mark.parametrize("name", ["plain", "values", "every layer", "embedding"])
def test_another_class_is_refused(name, tmp_path):
    right, data = file_of(name)
    (tmp_path / "model").write_bytes(data)
    for kind in {MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor} - {right}:
        with pytest.raises(
            ValueError, match=f"{right.__name__}, which {right.__name__}.load reads"
        ):
            kind.load(tmp_path / "model")
    load(tmp_path / "model").save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"it holds a predictor, which fusednn\.load reads\.$"):
        right.load(tmp_path / "model")


def _set(*path, value):
    def change(part):
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value

    return change


def _nested(depth):
    value = []
    for _ in range(2 * depth):
        value = [value]
    return value


WRONG = {
    "class": (_set("class", value="object"), "must be one of MLPClassifier"),
    "parameter": (_set("params", "fit", value=1), "parameters are not those"),
    "range": (_set("params", "alpha", value=-1), "'alpha' parameter of MLPClassifier must be"),
    "kind": (
        _set("params", "solver", value={"description": "Popen", "fields": {}}),
        "must be one",
    ),
    "made": (
        _set("params", "solver", value={"description": "Lion", "fields": {"beta_1": 5}}),
        "lacks 'beta_2'",
    ),
    "tag": (_set("params", "alpha", value={"__reduce__": "os.system"}), "an object with one of"),
    "attribute": (_set("attributes", "predict", value=1), "not known, 'predict'"),
    "private": (_set("attributes", "__class__", value=1), "not known, '__class__'"),
    "attribute's kind": (_set("attributes", "t_", value=-1), "attribute t_ is not"),
    "inputs": (_set("attributes", "n_features_in_", value=6), "network of other sizes"),
    "tensor": (_set("attributes", "loss_", value={"array": "ops.0.weights"}), "tensor of its own"),
    "labels": (_set("labels", "kind", value="binary"), "labels do not fit"),
    "no labels": (_set("labels", value=None), "not of the network"),
    "rule": (_set("optimizer", "rule", value=["adam", [0.9]]), "list of 3 to 3"),
    "other rule": (_set("optimizer", "rule", value=["store", []]), "must be one of adam"),
    "solver": (_set("optimizer", "values", "solver", value="store"), "solver is not"),
    "moments": (_set("optimizer", "moments", value=1), "number of moments"),
    "more moments": (_set("optimizer", "moments", value=10**9), "number of moments"),
    "unused": (_set("optimizer", value=None), "no one expects, 'training"),
    "nested": (_set("params", "layers", value=_nested(150)), "nested deeper"),
    "nested lists": (_set("params", "alpha", value=_nested(90)), "'alpha' parameter"),
    "activation": (_set("params", "activation", value="tanh"), "not of the network"),
    "normalization": (_set("attributes", "_norm", value="batch"), "not of the network"),
    "standardize": (
        _set("attributes", "feature_means_", value={"array": "training.a"}),
        "tensor of its own",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_estimators_that_are_wrong_are_refused(name, tmp_path):
    change, words = WRONG[name]
    header, tensors = split(file_of("plain")[1])
    plan = json.loads(header["__metadata__"]["fusednn"])
    change(plan["estimator"])
    header["__metadata__"]["fusednn"] = json.dumps(plan)
    path = tmp_path / "model"
    path.write_bytes(joined(header, tensors))
    with pytest.raises(ValueError, match=words) as caught:
        MLPClassifier.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be loaded: ")
    assert message.endswith(".")


def test_steps_of_nadam_that_would_fill_the_memory():
    """Their momenta are an array, where the product of all before is not known."""
    kind, data = file_of("quantiles")
    header, tensors = split(data)
    plan = json.loads(header["__metadata__"]["fusednn"])
    values = plan["estimator"]["optimizer"]["values"]
    assert values["_product_before"]["tuple"][0] == values["t"] > 0
    values["t"] = 10**11
    header["__metadata__"]["fusednn"] = json.dumps(plan)
    with pytest.raises(Refused, match="product is not of its steps"):
        read_estimator(kind, io.BytesIO(joined(header, tensors)))


@pytest.mark.parametrize(
    ("first", "last"), [(0, 400), pytest.param(400, 4000, marks=pytest.mark.long)]
)
def test_mutated_files_are_refused_or_predict(first, last):
    """As of `tests/serving/test_fuzz.py`; what is loaded predicts, and trains or says why not."""
    kinds = {name: file_of(name) for name in ("plain", "options", "every layer", "quantiles")}
    loaded, messages, errors = 0, set(), set()
    for seed in range(first, last):
        name = list(kinds)[seed % 4]
        kind, data = kinds[name]
        y = {"quantiles": NUMBERS, "every layer": WORDS[LABELS]}.get(name, LABELS)
        try:
            estimator = read_estimator(kind, io.BytesIO(mutated([data], seed)))
        except Refused as error:
            messages.add(str(error))
            continue
        loaded += 1
        with np.errstate(all="ignore"):
            assert len(estimator.predict(X[:2])) == 2
            if loaded % 5 == 0 and estimator.batch_size == "auto":
                found = outcome(lambda: estimator.partial_fit(X, y))  # noqa: B023 - called at once
                errors.add(found.error and found.error[0])
    assert 0.025 < loaded / (last - first) < 0.75
    assert all(0 < len(message) < 1000 and "\n" not in message for message in messages)
    assert errors <= {None, "ValueError", "InvalidParameterError"}


def test_codes_of_a_loaded_embedding_are_checked():
    kind, data = file_of("embedding")
    loaded, wild = read_estimator(kind, io.BytesIO(data)), CODES.copy()
    wild[0, 5] = 99
    with pytest.raises(ValueError, match="integers from 0 to 3"):
        loaded.predict(wild)
